"""Adapters of PEFT as rows: trained, saved, opened by the suite and by PEFT alone, merged; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.lora import LoRA
from mtsuite.methods.peft_row import PeftRow, usable

from mtsuite.errors import MethodError
from mtsuite.method import Artefacts, Train
from mtsuite.registry import configure
from mtsuite.testing import checks, tiny_model

IDS = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])
KINDS: dict[str, dict[str, Any]] = {
    "DORA": {"r": 2},
    "RSLORA": {"r": 2, "lora_alpha": 4},
    "PISSA": {"r": 2},
    "VERA": {"r": 4},
    "OFT": {"oft_block_size": 4},
    "IA3": {},
}
FAMILIES = ("bloom", "llama", "gemma3")
CASES = [pytest.param(kind, family, id=f"{family}: {kind}") for family in FAMILIES for kind in KINDS]
CHECKED = (
    "trains only what it says",
    "training changes something",
    "counts what it trains",
    "saves and loads to the same logits",
    "goes on from its own weights",
    "merges to the same logits",
    "cached decoding equals uncached",
)


def row(kind: str, **options: Any) -> PeftRow:
    method = configure("peft", {"peft_type": kind, "options": {**KINDS.get(kind, {}), **options}})
    assert isinstance(method, PeftRow)
    return method


def attached(method: PeftRow, family: str) -> Any:
    torch.manual_seed(1)
    return method.attach(tiny_model(family), Artefacts(), "translation").eval()


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return found


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_a_row_trains_saves_opens_and_merges(kind: str, family: str) -> None:
    for check in checks(lambda: row(kind), None, (family,)):
        if check.name in CHECKED:
            check()


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_training_begins_from_the_base(kind: str, family: str) -> None:
    base = logits(tiny_model(family))
    assert float((logits(attached(row(kind), family)) - base).norm() / base.norm()) < 1e-5


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_peft_alone_opens_what_is_saved(kind: str, family: str, tmp_path: Path) -> None:
    """On the base as it is, also where the start was taken out of the base's matrices."""
    from peft import PeftModel

    method = row(kind)
    model = attached(method, family)
    with torch.no_grad():
        for parameter in method.trainable(model, Train("translation")):
            parameter.add_(0.1 * torch.randn_like(parameter))
    method.save(model, tmp_path)
    opened = PeftModel.from_pretrained(tiny_model(family), str(tmp_path)).eval()
    found = logits(model)
    assert float((logits(opened) - found).abs().max()) < 1e-4
    assert float((logits(tiny_model(family)) - found).abs().max()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_alone_say_what_is_trained(kind: str) -> None:
    """What `mtsuite plan` counts on a model without numbers is what is trained."""
    method, phase = row(kind), Train("translation")
    real = sum(p.numel() for p in method.trainable(attached(method, "llama"), phase))
    with torch.device("meta"):
        planned = method.attach(tiny_model("llama").to("meta"), Artefacts(), "translation")
    assert sum(p.numel() for p in method.trainable(planned, phase)) == real > 0


def test_dora_is_lora_and_a_magnitude_per_output() -> None:
    lora = LoRA(LoRA.Config(rank=2))
    plain = lora.attach(tiny_model("llama"), Artefacts(), "translation")
    linear = [m for m in tiny_model("llama").model.layers.modules() if isinstance(m, torch.nn.Linear)]
    count = sum(p.numel() for p in lora.trainable(plain, Train("translation")))
    dora = sum(p.numel() for p in row("DORA").trainable(attached(row("DORA"), "llama"), Train("translation")))
    assert dora == count + sum(m.out_features for m in linear)


def test_pissa_trains_the_largest_singular_directions() -> None:
    """B A is the best approximation of rank r, and the frozen remainder has the other singular values."""
    model = attached(row("PISSA"), "llama")
    name = "model.layers.0.mlp.up_proj"
    found = model.get_submodule(f"base_model.model.{name}")
    before = torch.linalg.svdvals(tiny_model("llama").get_submodule(name).weight)
    remainder = torch.linalg.svdvals(found.base_layer.weight)
    assert torch.allclose(remainder[:-2], before[2:], atol=1e-4)


def test_names_are_read_without_case_and_kept_in_peft_s_format(tmp_path: Path) -> None:
    method = row("dora", r=2)
    assert method.config.peft_type == "DORA"
    assert method.note() == "PEFT's DORA (r 2)"
    method.save(attached(method, "llama"), tmp_path)
    saved = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (saved["peft_type"], saved["use_dora"], saved["r"]) == ("LORA", True, 2)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"peft_type": "DORRA"}, "PEFT has no 'DORRA'; kinds: ADAMSS, BEFT, BOFT"),
        (
            {"peft_type": "PREFIX_TUNING"},
            "PREFIX_TUNING cannot be a row: it puts trained positions ahead of the prompt",
        ),
        ({"peft_type": "PROMPT_TUNING"}, "PROMPT_TUNING cannot be a row"),
        ({"peft_type": "ADALORA"}, "ADALORA cannot be a row: it moves ranks"),
        ({"peft_type": "LILY"}, "depends on later ones"),
        (
            {"peft_type": "VERA", "options": {"rank": 4}},
            r"config.options: .*rank: VERA has no such setting; settings: .*\br\b",
        ),
        ({"peft_type": "LORA", "options": {"task_type": "SEQ_CLS"}}, "task_type: LORA has no such setting"),
        ({"peft_type": "LORA", "options": {"r": "four"}}, r"\br: .* integer.*; found 'four'"),
        ({"peft_type": "DORA", "options": {"use_dora": False}}, "use_dora: DORA sets it to True; leave it out"),
        ({"peft_type": "LORA", "options": {"init_lora_weights": "pissa_niter_4"}}, "made again from the base alone"),
        ({"peft_type": "OFT", "options": {"r": 2, "oft_block_size": 4}}, "PEFT refuses them for OFT"),
    ],
)
def test_what_is_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(MethodError, match=told):
        configure("peft", config)


def test_a_kind_that_does_not_fit_the_model_is_told() -> None:
    with pytest.raises(MethodError, match=r"PEFT cannot put OFT on this model: .*Conv1D"):
        attached(row("OFT"), "gpt2")


def test_every_kind_that_is_named_can_be_configured_or_says_what_it_lacks() -> None:
    for kind in usable():
        try:
            configure("peft", {"peft_type": kind})
        except MethodError as error:
            assert "PEFT refuses them for" in str(error) and "install" in str(error)  # noqa: PT017, PT018
