"""LLaMA-Pro: identity at the start on every family, what trains, and where the copies stand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mtsuite.methods.llama_pro import LLaMAPro, copy_places, group_ends
from transformers import GPT2Config, GPT2LMHeadModel

from mtsuite.method import Artefacts, MethodError, ModelError, Train
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.model.depth import attention_output
from mtsuite.testing import FAMILIES, Lab, check_method, tiny_model

IDS = torch.tensor([[2, 7, 9, 30, 31, 4], [5, 5, 100, 200, 3, 8]])


def make(blocks: int = 2) -> LLaMAPro:
    return LLaMAPro(LLaMAPro.Config(blocks=blocks))


def attached(family: str, blocks: int = 2) -> Any:
    return make(blocks).attach(tiny_model(family), Artefacts(), "translation")


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


# -- places -------------------------------------------------------------------------------------------------


def test_places_of_the_paper() -> None:
    """32 layers and 8 more: one behind every fourth, as the release inserts them."""
    assert group_ends(32, 8) == [3, 7, 11, 15, 19, 23, 27, 31]
    assert copy_places(group_ends(32, 8)) == [4, 9, 14, 19, 24, 29, 34, 39]


@given(st.integers(1, 100).flatmap(lambda layers: st.tuples(st.just(layers), st.integers(1, layers))))
def test_groups_are_as_equal_as_can_be(sizes: tuple[int, int]) -> None:
    layers, groups = sizes
    ends = group_ends(layers, groups)
    lengths = [end - start for start, end in zip([-1, *ends], ends, strict=False)]
    assert len(ends) == groups
    assert sum(lengths) == layers
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) >= 1
    assert copy_places(ends)[-1] == layers + groups - 1


# -- the model ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("blocks", [1, 3, 4])
def test_equals_the_base_at_the_start(family: str, blocks: int) -> None:
    torch.testing.assert_close(logits(attached(family, blocks)), logits(tiny_model(family)), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_output_maps_are_zero(family: str) -> None:
    model = attached(family)
    layers, blocks = decoder_layers(model), feed_forward_blocks(model)
    for place, original in ((2, 1), (5, 4)):
        zeroed = {id(p) for p in (*attention_output(layers[place]).parameters(), *blocks[place].down.parameters())}
        pairs = zip(layers[place].parameters(), layers[original].parameters(), strict=True)
        for ours, base in pairs:
            assert torch.equal(ours, torch.zeros_like(ours) if id(ours) in zeroed else base)


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2"])
def test_trains_the_new_layers_alone_and_all_of_them(family: str) -> None:
    method = make()
    lab = Lab(lambda: method, family)
    run = lab.run()
    learned, names = run.learned[0], dict(run.model.named_parameters())
    stack = next(n for n in names if ".0." in n).split(".0.")[0]
    assert learned.names == {n for n in names if n.startswith((f"{stack}.2.", f"{stack}.5."))}
    layer = decoder_layers(tiny_model(family))[0]
    assert sum(learned.before[n].numel() for n in learned.names) == 2 * sum(p.numel() for p in layer.parameters())


def test_the_gradient_reaches_the_zeroed_maps_first() -> None:
    """With both outputs zero, the first step moves the output maps; the others follow from the second on."""
    method, model = make(), attached("llama")
    chosen = list(method.trainable(model.requires_grad_(False), Train("translation")))
    for parameter in chosen:
        parameter.requires_grad_(True)
    model(input_ids=IDS, labels=IDS).loss.backward()
    moving = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert moving == {f"model.layers.{i}.{m}.weight" for i in (2, 5) for m in ("self_attn.o_proj", "mlp.down_proj")}


def test_more_blocks_than_layers_is_a_clear_error() -> None:
    with pytest.raises(MethodError, match=r"config.blocks: 5 layers .* has 4; set blocks to 4 or less"):
        attached("bloom", 5)


def test_gpt2_that_scales_by_the_layer_number_is_refused() -> None:
    config = GPT2Config(n_layer=2, n_embd=8, n_head=2, vocab_size=11, scale_attn_by_inverse_layer_idx=True)
    with pytest.raises(ModelError, match="scale_attn_by_inverse_layer_idx"):
        make().attach(GPT2LMHeadModel(config), Artefacts(), "translation")


def test_kit_with_uneven_groups() -> None:
    check_method(LLaMAPro, {"blocks": 3}, ("bloom", "llama"))
