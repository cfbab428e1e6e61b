"""Full fine-tuning, LoRA, adapters, both, and the rows without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.adapter import Adapter
from mtsuite.methods.adapter_lora import AdapterLoRA
from mtsuite.methods.full import FullFineTuning
from mtsuite.methods.in_context import InContext
from mtsuite.methods.lora import LoRA
from mtsuite.methods.zero_shot import ZeroShot

from mtsuite.errors import MethodError
from mtsuite.method import Artefacts, Train
from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.testing import FAMILIES, tiny_model

IDS = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])
NOTHING = Artefacts()


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def disturb(parameters: Any) -> None:
    chance = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=chance))


# -- LoRA -------------------------------------------------------------------------------------------


def test_lora_by_hand() -> None:
    method = LoRA(LoRA.Config(rank=2, alpha=6.0))
    model: Any = method.attach(tiny_model("llama"), NOTHING, "translation").eval()
    disturb(method.trainable(model, Train("translation")))
    changed: Any = model.base_model.model.model.layers[2].mlp.down_proj
    original: Any = tiny_model("llama")
    weight = original.model.layers[2].mlp.down_proj.weight
    x = torch.randn(3, 32)
    a, b = changed.lora_A.default.weight, changed.lora_B.default.weight
    assert (a.shape, b.shape) == ((2, 32), (16, 2))
    torch.testing.assert_close(changed(x), x @ (weight + 6.0 / 2 * b @ a).t(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_lora_starts_from_the_base_and_adapts_all_linear_maps(family: str) -> None:
    method = LoRA()
    model = method.attach(tiny_model(family), NOTHING, "translation").eval()
    torch.testing.assert_close(logits(model), logits(tiny_model(family)))
    maps = [m for m in tiny_model(family).modules() if type(m).__name__ in ("Linear", "Conv1D")]
    head = isinstance(tiny_model(family).get_output_embeddings(), torch.nn.Linear)
    assert len(list(method.trainable(model, Train("translation")))) == 2 * (len(maps) - head)


def test_lora_is_saved_as_peft_reads_it(tmp_path: Path) -> None:
    from peft import PeftModel

    method = LoRA(LoRA.Config(rank=2))
    model = method.attach(tiny_model("bloom"), NOTHING, "translation").eval()
    disturb(method.trainable(model, Train("translation")))
    method.save(model, tmp_path)
    assert {"adapter_model.safetensors", "adapter_config.json"} <= {p.name for p in tmp_path.iterdir()}
    opened = PeftModel.from_pretrained(tiny_model("bloom"), tmp_path).eval()
    assert torch.equal(logits(opened), logits(model))
    assert not torch.allclose(logits(model), logits(tiny_model("bloom")))


@pytest.mark.parametrize(
    ("wrong", "message"), [(LoRA.Config(rank=3), "fit"), (LoRA.Config(rank=2, target_modules=["dense"]), "fit")]
)
def test_lora_of_another_shape_is_refused(wrong: Any, message: str, tmp_path: Path) -> None:
    method = LoRA(LoRA.Config(rank=2))
    method.save(method.attach(tiny_model("bloom"), NOTHING, "translation"), tmp_path)
    other = LoRA(wrong)
    with pytest.raises(MethodError, match=message):
        other.load(other.attach(tiny_model("bloom"), NOTHING, "translation"), tmp_path)


# -- adapters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cls", [Adapter, AdapterLoRA])
def test_adapters_change_nothing_at_the_start(family: str, cls: Any) -> None:
    model = cls().attach(tiny_model(family), NOTHING, "translation").eval()
    torch.testing.assert_close(logits(model), logits(tiny_model(family)))


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt"])
def test_adapter_by_hand(family: str) -> None:
    """y + W_up gelu(W_down y + b_down) + b_up behind the block, seen at the last layer's block."""
    model = Adapter(Adapter.Config(bottleneck=3)).attach(tiny_model(family), NOTHING, "translation").eval()
    disturb(Adapter().trainable(model, Train("translation")))
    block = feed_forward_blocks(model)[-1]
    seen: list[torch.Tensor] = []
    block.on_neurons(seen.append)
    block.on_output(seen.append)
    logits(model)
    a, found = seen[0], seen[1]
    w, adapter = block.weights(), list(Adapter().trainable(model, Train("translation")))[-4:]
    down, down_bias, up, up_bias = adapter
    y = torch.nn.functional.linear(a, w.down, w.down_bias)
    expected = y + torch.nn.functional.gelu(y @ down.t() + down_bias) @ up.t() + up_bias
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("cls", [Adapter, AdapterLoRA])
def test_adapter_matches_the_size_of_some_blocks(family: str, cls: Any) -> None:
    """Four layers, two blocks to match: weights of all adapters are those of two blocks."""
    options = {"match_layers": 2}
    method = cls(cls.Config.model_validate(options if cls is Adapter else {"adapter": options}))
    model = method.attach(tiny_model(family), NOTHING, "translation")
    adapters = [p for n, p in model.named_parameters() if ".adapter." in n and p.dim() == 2]
    block = feed_forward_blocks(tiny_model(family))[0]
    assert sum(p.numel() for p in adapters) == 2 * sum(p.numel() for p in block.parameters() if p.dim() == 2)


def test_both_kinds_are_trained_and_only_they() -> None:
    method = AdapterLoRA()
    model = method.attach(tiny_model("llama"), NOTHING, "translation").requires_grad_(False)
    chosen = {id(p) for p in method.trainable(model, Train("translation"))}
    names = [n for n, p in model.named_parameters() if id(p) in chosen]
    assert {"adapter" if ".adapter." in n else "lora" if "lora_" in n else n for n in names} == {"adapter", "lora"}
    assert not any("lora_" in n and ".adapter." in n for n in names)  # LoRA leaves the adapters alone


# -- the others --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_full_trains_everything(family: str) -> None:
    model = tiny_model(family)
    chosen = {id(p) for p in FullFineTuning().trainable(model, Train("translation"))}
    assert chosen == {id(p) for p in model.parameters()}


def test_rows_without_training() -> None:
    assert ZeroShot().phases() == InContext().phases() == ()
    assert (ZeroShot().shots, InContext().shots) == (False, True)


def test_a_saved_state_of_another_model_is_refused(tmp_path: Path) -> None:
    method = FullFineTuning()
    method.save(tiny_model("bloom").requires_grad_(True), tmp_path)
    with pytest.raises(MethodError, match=r"is not there \(\d+ of \d+ unknown\)"):
        method.load(tiny_model("llama"), tmp_path)
    with pytest.raises(MethodError, match="has shape"):
        method.load(tiny_model("bloom", hidden=8), tmp_path)
