"""One view of feed-forward blocks over all families."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtsuite.errors import ModelError
from mtsuite.model.blocks import FeedForwardBlock, decoder_layers, feed_forward_blocks
from mtsuite.model.load import context_window
from mtsuite.testing import FAMILIES, tiny_model

torch.set_num_threads(1)  # tiny models: threads would only wait for one another

IDS = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])
GATED = {"llama", "mistral", "qwen2", "qwen3", "gemma", "baichuan_like"}


def by_formula(block: FeedForwardBlock, x: Tensor) -> tuple[Tensor, Tensor]:
    """The neurons' activations and the block's output, as the module's docstring writes them."""
    w, act = block.weights(), block.activation
    up = nn.functional.linear(x, w.up, w.up_bias)
    a = act(up) if w.gate is None else act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
    return a, nn.functional.linear(a, w.down, w.down_bias)


class Same(nn.Module):
    """The block again, from copies of its weights."""

    def __init__(self, block: FeedForwardBlock) -> None:
        super().__init__()
        self.weights, self.act = block.weights(), block.activation

    def forward(self, x: Tensor) -> Tensor:
        w = self.weights
        up = nn.functional.linear(x, w.up, w.up_bias)
        a = self.act(up) if w.gate is None else self.act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
        return nn.functional.linear(a, w.down, w.down_bias)


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes(family: str) -> None:
    model = tiny_model(family, layers=3)
    blocks = feed_forward_blocks(model)
    assert [b.layer for b in blocks] == [0, 1, 2]
    assert len(decoder_layers(model)) == 3
    neurons = 64 if family in ("bloom", "gpt2") else 32
    for block in blocks:
        assert (block.neurons, block.hidden_size, block.gated) == (neurons, 16, family in GATED)
        w = block.weights()
        assert w.up.shape == (neurons, 16)
        assert w.down.shape == (16, neurons)
        assert (w.gate is None) == (not block.gated)
        assert (w.up_bias is None) == (family in GATED)
        held = [w.up, w.up_bias, w.gate, w.gate_bias, w.down, w.down_bias]
        assert sum(t.numel() for t in held if t is not None) == sum(p.numel() for p in block.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_reproduce_the_forward(family: str) -> None:
    model = tiny_model(family)
    for block in feed_forward_blocks(model):
        into: list[Tensor] = []
        seen: list[Tensor] = []
        block.up.register_forward_pre_hook(lambda _m, a, into=into: into.append(a[0]))
        handles = [block.on_neurons(seen.append), block.on_output(seen.append)]
        with torch.inference_mode():
            model(input_ids=IDS)
            neurons, output = by_formula(block, into[0])
        torch.testing.assert_close(seen[0], neurons, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(seen[1], output, atol=1e-5, rtol=1e-4)
        assert seen[0].numel() == IDS.numel() * block.neurons
        assert seen[1].numel() == IDS.numel() * block.hidden_size
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("family", FAMILIES)
def test_replacing_by_an_equal_module_changes_nothing(family: str) -> None:
    model, base = tiny_model(family), tiny_model(family)
    for block in feed_forward_blocks(model):
        block.replace(Same(block))
    with torch.inference_mode():
        one, two = (m(input_ids=IDS).logits for m in (model, base))
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    with pytest.raises(ModelError):
        feed_forward_blocks(model)


@pytest.mark.parametrize("family", ["bloom", "gpt2", "gpt_neox", "opt"])
def test_dropout_stays_where_it_was(family: str) -> None:
    """The same draw of dropout with the block and with its equal."""
    config: Any = tiny_model(family).config
    for name in ("hidden_dropout", "resid_pdrop", "dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.5)
    from transformers import AutoModelForCausalLM

    made = []
    for _ in range(2):
        torch.manual_seed(0)
        made.append(AutoModelForCausalLM.from_config(config).train())
    for block in feed_forward_blocks(made[0]):
        block.replace(Same(block))
    logits = []
    for model in made:
        torch.manual_seed(1)
        logits.append(model(input_ids=IDS).logits)
    torch.testing.assert_close(logits[0], logits[1], atol=1e-4, rtol=1e-4)


def test_unknown_blocks_are_an_error_that_says_what_is_there() -> None:
    with pytest.raises(ModelError, match=r"LlamaForCausalLM: expected in every decoder layer .* mlp _Opaque"):
        feed_forward_blocks(tiny_model("opaque"))


def test_a_model_without_layers_is_an_error() -> None:
    with pytest.raises(ModelError, match="no list of decoder layers"):
        feed_forward_blocks(nn.Linear(2, 2))
    with pytest.raises(ModelError, match="list of decoder layers; found none"):
        decoder_layers(nn.Linear(2, 2))


def test_a_mixture_of_experts_is_not_taken_for_one_block() -> None:
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=2,
    )  # fmt: skip
    with pytest.raises(ModelError, match="not exactly one"):
        feed_forward_blocks(MixtralForCausalLM(config))


@pytest.mark.parametrize("family", FAMILIES)
def test_context_window(family: str) -> None:
    assert context_window(tiny_model(family)) == (None if family == "bloom" else 128)
