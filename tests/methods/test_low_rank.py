"""The low-rank update by hand, against PEFT's, and beside the maps of every family."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mtsuite.methods.lora import LoRA
from mtsuite.methods.low_rank import LowRank, add_update, linear_maps, low_rank_parameters, sizes
from torch import nn

from mtsuite.method import Artefacts
from mtsuite.model.blocks import decoder_layers
from mtsuite.testing import FAMILIES, tiny_model

IDS = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


def with_updates(family: str) -> tuple[nn.Module, list[LowRank]]:
    model, updates = tiny_model(family), []
    for layer in decoder_layers(model):
        for linear in linear_maps(layer):
            updates.append(LowRank(*sizes(linear), 2, 6.0))
            add_update(linear, updates[-1])
    return model, updates


def test_update_by_hand() -> None:
    update = LowRank(3, 2, rank=1, alpha=4.0)
    with torch.no_grad():
        update.A.copy_(torch.tensor([[1.0, 0.0, 2.0]]))
        update.B.copy_(torch.tensor([[1.0], [-1.0]]))
    # alpha / r = 4; A x = 1 * 1 + 2 * 3 = 7; B A x = (7, -7)
    assert update(torch.tensor([1.0, 2.0, 3.0])).tolist() == [28.0, -28.0]


def test_update_is_zero_at_the_start_and_counts_r_times_in_plus_out() -> None:
    update = LowRank(5, 3, rank=2, alpha=1.0)
    assert not update(torch.randn(4, 5)).any()
    assert sum(p.numel() for p in update.parameters()) == 2 * (5 + 3)


def test_dropout_is_for_training() -> None:
    update = LowRank(64, 4, rank=2, alpha=2.0, dropout=0.5)
    nn.init.normal_(update.B)
    x = torch.ones(64)
    assert not torch.equal(update.train()(x), update.eval()(x))
    assert torch.equal(update(x), update(x))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_as_peft(family: str) -> None:
    """With PEFT's A and B in our updates, the two models compute the same, in every family."""
    method = LoRA(LoRA.Config(rank=2, alpha=6.0))
    theirs: Any = method.attach(tiny_model(family), Artefacts(), "translation").eval()
    model, updates = with_updates(family)
    assert torch.equal(logits(model), logits(tiny_model(family)))
    adapted = [m for m in theirs.modules() if hasattr(m, "lora_A")]
    assert len(adapted) == len(updates)
    with torch.no_grad():
        for map_, update in zip(adapted, updates, strict=True):
            nn.init.normal_(map_.lora_B.default.weight, std=0.3)
            update.A.copy_(map_.lora_A.default.weight)
            update.B.copy_(map_.lora_B.default.weight)
    torch.testing.assert_close(logits(model), logits(theirs), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(model), logits(tiny_model(family)))


def test_maps_keep_their_names() -> None:
    model, _ = with_updates("llama")
    names = {name for name, _ in model.named_parameters()}
    assert {name for name, _ in tiny_model("llama").named_parameters()} <= names
    assert len(low_rank_parameters(model.modules())) == len(names) - len(list(tiny_model("llama").parameters()))


def test_no_change_leaves_the_output_as_it_is() -> None:
    class Silent(nn.Module):
        def forward(self, x: torch.Tensor) -> None:
            return None

    linear = nn.Linear(3, 2)
    x = torch.randn(4, 3)
    expected = linear(x)
    add_update(linear, Silent())
    assert torch.equal(linear(x), expected)
