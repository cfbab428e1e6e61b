"""Deeper models: where the copies stand, what counts the layers, and the key-value cache."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mtsuite.errors import ModelError
from mtsuite.model.blocks import decoder_layers
from mtsuite.model.depth import attention_output, insert_copies
from mtsuite.testing import FAMILIES, tiny_model

IDS = torch.tensor([[2, 7, 9, 30, 31, 4], [5, 5, 100, 200, 3, 8]])
NAMES = {
    "bloom": "self_attention.dense",
    "gpt2": "attn.c_proj",
    "gpt_neox": "attention.dense",
    "opt": "self_attn.out_proj",
    "llama": "self_attn.o_proj",
    "gemma": "self_attn.o_proj",
}


@pytest.mark.parametrize("family", NAMES)
def test_attention_output_is_the_map_of_that_name(family: str) -> None:
    layer = decoder_layers(tiny_model(family))[1]
    assert attention_output(layer) is layer.get_submodule(NAMES[family])


@pytest.mark.parametrize("family", FAMILIES)
def test_zeroing_the_attention_output_silences_attention(family: str) -> None:
    """The map found is the last of the attention: with zeros in it, another context changes nothing."""
    model: Any = tiny_model(family)
    for layer in decoder_layers(model):
        for parameter in attention_output(layer).parameters():
            nn.init.zeros_(parameter)
    other = IDS.clone()
    other[:, 0] = 17
    with torch.inference_mode():
        one, two = (model(input_ids=ids).logits[:, -1] for ids in (IDS, other))
    torch.testing.assert_close(one, two)


def test_a_layer_without_attention_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match=r"one output projection of attention.*found 0 among 0 Linear, 1 ReLU"):
        attention_output(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


@pytest.mark.parametrize("family", FAMILIES)
def test_copies_stand_behind_their_layers(family: str) -> None:
    model: Any = tiny_model(family)
    before = decoder_layers(model)
    copies = insert_copies(model, [1, 3])
    after = decoder_layers(model)
    assert [id(layer) for layer in after] == [id(m) for m in (*before[:2], copies[0], *before[2:], copies[1])]
    for copy, original in zip(copies, (before[1], before[3]), strict=True):
        for one, two in zip(copy.parameters(), original.parameters(), strict=True):
            assert torch.equal(one, two)
            assert one.data_ptr() != two.data_ptr()
    assert model.config.num_hidden_layers == 6
    numbers = [{m.layer_idx for m in layer.modules() if hasattr(m, "layer_idx")} for layer in after]
    assert numbers == [{index} for index in range(6)]


def test_types_of_attention_are_copied_with_their_layers() -> None:
    model: Any = tiny_model("qwen3")
    model.config.layer_types = ["a", "b", "c", "d"]
    insert_copies(model, [0, 2])
    assert model.config.layer_types == ["a", "a", "b", "c", "c", "d"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_cache_holds_every_layer(family: str) -> None:
    model: Any = tiny_model(family)
    insert_copies(model, [0, 3])
    with torch.inference_mode():
        whole = model(input_ids=IDS, use_cache=False).logits
        start = model(input_ids=IDS[:, :3], use_cache=True)
        assert len(start.past_key_values) == 6
        rest = model(input_ids=IDS[:, 3:], past_key_values=start.past_key_values, use_cache=True).logits
    torch.testing.assert_close(torch.cat([start.logits, rest], dim=1), whole, atol=1e-4, rtol=1e-4)
