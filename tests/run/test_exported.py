"""An exported folder computes what the row computes, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.lora import LoRA
from torch import nn

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.method import Artefacts, Method
from mtsuite.model.load import load_model
from mtsuite.run.exported import check_equal, logits, tie_again, untie
from mtsuite.testing import tiny_model, tiny_tokenizer

PROMPTS = [(Direction.parse("en-de"), "Translate this"), (Direction.parse("de-en"), "and that")]


def trained(family: str, targets: str | list[str]) -> tuple[Method, Any]:
    method = LoRA(LoRA.Config(rank=2, target_modules=targets))
    torch.manual_seed(1)
    model = method.attach(tiny_model(family, layers=2), Artefacts(), "translation").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.3)
    return method, model


@pytest.mark.parametrize(
    ("family", "targets"),
    [
        ("bloom", "all-linear"),
        ("bloom", ["lm_head"]),
        ("bloom", ["word_embeddings"]),
        ("bloom", ["lm_head", "word_embeddings", "query_key_value"]),
        ("gpt2", ["lm_head", "c_attn"]),
        ("gpt2", ["wte"]),
        ("llama", ["lm_head", "embed_tokens", "q_proj"]),
    ],
)
def test_lora_on_either_end_is_exported_as_it_was_scored(family: str, targets: str | list[str], tmp_path: Path) -> None:
    method, model = trained(family, targets)
    tokenizer = tiny_tokenizer()
    own = logits(method, model, tokenizer, PROMPTS)
    untied = untie(model)
    assert untied == (family != "llama")
    merged: Any = method.merge(model)
    if untied:
        tie_again(merged)
    assert merged.config.tie_word_embeddings == (targets == "all-linear")
    merged.save_pretrained(tmp_path)
    check_equal("lora", own, logits(None, load_model(tmp_path), tokenizer, PROMPTS), "float32")


def test_another_model_is_refused() -> None:
    method, model = trained("bloom", ["lm_head"])
    own = logits(method, model, tiny_tokenizer(), PROMPTS)
    merged = method.merge(model)  # without untying: the embeddings change as well
    assert isinstance(merged, nn.Module)
    other = logits(None, merged, tiny_tokenizer(), PROMPTS)
    with pytest.raises(MethodError, match="lora cannot be exported: reloaded, the folder computes other logits"):
        check_equal("lora", own, other, "float32")
    with pytest.raises(MethodError, match="cannot be exported"):
        check_equal("lora", own, [o * float("nan") for o in own], "float32")
