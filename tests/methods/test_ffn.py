"""Feed-forward blocks alone: which parameters, in every family."""

from __future__ import annotations

import pytest
import torch
from mtsuite.methods.ffn import FeedForwardOnly

from mtsuite.method import ModelError, Train
from mtsuite.model.blocks import decoder_layers
from mtsuite.testing import FAMILIES, Lab, tiny_model

PARTS = {
    "bloom": {f"mlp.{m}.{p}" for m in ("dense_h_to_4h", "dense_4h_to_h") for p in ("weight", "bias")},
    "gpt2": {"mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"},
    "opt": {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"},
    "llama": {"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"},
}


@pytest.mark.parametrize("family", PARTS)
def test_trains_the_projections_and_their_biases(family: str) -> None:
    model = tiny_model(family)
    chosen = {id(p) for p in FeedForwardOnly().trainable(model, Train("translation"))}
    for layer in decoder_layers(model):
        assert {name for name, p in layer.named_parameters() if id(p) in chosen} == PARTS[family]
    assert len(chosen) == 4 * len(PARTS[family])  # in four layers, and nowhere else


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_and_embeddings_are_left_out(family: str) -> None:
    model = tiny_model(family)
    chosen = {id(p) for p in FeedForwardOnly().trainable(model, Train("translation"))}
    rest = [name for name, p in model.named_parameters() if id(p) not in chosen]
    assert any("attn" in name or "attention" in name for name in rest)
    assert id(model.get_input_embeddings().weight) not in chosen


def test_blocks_that_are_not_found_are_a_clear_error() -> None:
    with pytest.raises(ModelError, match="feed-forward block"):
        list(FeedForwardOnly().trainable(tiny_model("opaque"), Train("translation")))


def test_all_blocks_move_and_nothing_else() -> None:
    learned = Lab(FeedForwardOnly, "bloom").run().learned[0]
    moved = {n for n in learned.before if not torch.equal(learned.before[n], learned.after[n])}
    assert moved == learned.names == {n for n in learned.before if ".mlp." in n}
