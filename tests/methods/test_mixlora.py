"""MixLoRA: the layer against a naive loop over tokens and experts, its start, its balance loss and its counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.experts import RoutingProbe, basis_of, mixtures, watched
from mtsuite.methods.mixlora import LowRankMixture, MixLoRA, MixLoRAConfig, Router
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn

from mtsuite.method import Artefacts, Train
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import FAMILIES, TRAINED, check_method, tiny_batch, tiny_model, tiny_text

IDS = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])


def config(**options: Any) -> MixLoRAConfig:
    return MixLoRAConfig.model_validate({"rank": 2, **options})


def layer_of(block: FeedForwardBlock, **options: Any) -> LowRankMixture:
    """A layer whose updates are not zero and whose router is not nearly uniform."""
    torch.manual_seed(0)
    layer = LowRankMixture(block, config(router_std=1.0, **options)).eval()
    for name, parameter in layer.experts.named_parameters():
        if name.endswith("B"):
            nn.init.normal_(parameter, std=0.3)
    return layer


def attached(family: str, **options: Any) -> tuple[MixLoRA, Any]:
    method = MixLoRA(config(**options))
    torch.manual_seed(0)
    return method, method.attach(tiny_model(family), Artefacts(), "translation")


def naive(layer: LowRankMixture, block: FeedForwardBlock, x: Tensor, k: int, scale: float) -> Tensor:
    """One token's output by the equations: merged matrices, one expert after another."""
    w, act, linear = block.weights(), block.activation, nn.functional.linear
    p = torch.softmax(layer.gate.weight @ x, -1).tolist()
    used = sorted(range(len(p)), key=lambda j: -p[j])[:k]
    y = torch.zeros_like(x)
    for j in used:
        expert: Any = layer.experts[j]
        up = linear(x, w.up + scale * expert.up.B @ expert.up.A, w.up_bias)
        if w.gate is None:
            a = act(up)
        else:
            a = act(linear(x, w.gate + scale * expert.gate.B @ expert.gate.A, w.gate_bias)) * up
        out = linear(a, w.down + scale * expert.down.B @ expert.down.A, w.down_bias)
        y = y + p[j] / sum(p[i] for i in used) * out
    return y


# -- the layer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_layer_against_the_naive_loop(family: str, k: int) -> None:
    block = feed_forward_blocks(tiny_model(family))[1]
    layer = layer_of(block, experts=3, top_k=k, alpha=6.0)
    x = torch.randn(2, 5, block.hidden_size)
    with torch.inference_mode():
        expected = torch.stack([torch.stack([naive(layer, block, token, k, 6.0 / 2) for token in row]) for row in x])
        torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


BLOCK = feed_forward_blocks(tiny_model("llama"))[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.data())
def test_weights_sum_to_one_over_k_experts(seed: int, experts: int, data: Any) -> None:
    k = data.draw(st.integers(1, experts))
    torch.manual_seed(seed)
    weights = Router(8, experts, k, 1.0)(torch.randn(7, 8)).weights
    torch.testing.assert_close(weights.sum(-1), torch.ones(7))
    assert ((weights > 0).sum(-1) == k).all()


def test_gradients_are_those_of_the_naive_loop() -> None:
    """Computing W x once for all experts changes no derivative."""
    layer, x = layer_of(BLOCK, experts=3, top_k=2), torch.randn(4, BLOCK.hidden_size)
    chosen = [*layer.experts.parameters(), layer.gate.weight]

    def naive_weights() -> Tensor:
        w, act, linear = layer.shared, BLOCK.activation, nn.functional.linear
        p = torch.softmax(linear(x, layer.gate.weight), -1)
        top = p.topk(2, dim=-1)
        y = torch.zeros_like(x)
        for j, expert in enumerate(layer.experts):
            up, gate, down = ((32.0 / 2) * m.B @ m.A for m in (expert.up, expert.gate, expert.down))
            out = linear(act(linear(x, w.gate + gate)) * linear(x, w.up + up), w.down + down)
            y = y + (top.values * (top.indices == j)).sum(-1, keepdim=True) / top.values.sum(-1, keepdim=True) * out
        return y

    ours = torch.autograd.grad(layer(x).square().sum(), chosen)
    theirs = torch.autograd.grad(naive_weights().square().sum(), chosen)
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)


def test_an_expert_that_no_token_chose_has_no_gradient() -> None:
    layer = layer_of(BLOCK, experts=3, top_k=1)
    with torch.no_grad():
        layer.gate.weight.zero_()
        layer.gate.weight[0, 0], layer.gate.weight[1, 0] = 5.0, -5.0
    x = torch.randn(6, BLOCK.hidden_size)
    x[:, 0] = torch.tensor([1.0, 2.0, 1.0, -1.0, -2.0, -1.0])
    layer(x).sum().backward()
    assert all(p.grad is not None for expert in layer.experts[:2] for p in expert.parameters())
    assert all(p.grad is None for p in layer.experts[2].parameters())


# -- the model ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_base_at_the_start(family: str) -> None:
    _, model = attached(family)
    with torch.inference_mode():
        expected: Any = tiny_model(family)(input_ids=IDS).logits
        torch.testing.assert_close(model(input_ids=IDS).logits, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("family", "maps"), [("bloom", 2), ("llama", 4), ("gpt2", 2), ("opt", 4)])
@pytest.mark.parametrize("attention", [True, False])
def test_trains_updates_and_routers(family: str, maps: int, attention: bool) -> None:
    method, model = attached(family, experts=3, attention=attention)
    block = feed_forward_blocks(tiny_model(family))[0]
    d, f, r = block.hidden_size, block.neurons, 2
    expert = r * (d + f) * (3 if block.gated else 2)
    chosen = {id(p) for p in method.trainable(model, Train("translation"))}
    named = {name: p for name, p in model.named_parameters() if id(p) in chosen}
    inside = sum(p.numel() for name, p in named.items() if "experts" in name or "gate.weight" in name)
    assert inside == 4 * (3 * expert + 3 * d)
    outside = [name for name in named if name.endswith(("low_rank.A", "low_rank.B"))]
    assert len(outside) == 2 * 4 * maps * attention
    assert len(outside) + 4 * (3 * 2 * (3 if block.gated else 2) + 1) == len(named)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_active_parameters_leave_out_the_other_experts(family: str) -> None:
    method, model = attached(family, experts=5, top_k=2)
    expert = sum(p.numel() for p in mixtures(model)[0].experts[0].parameters())
    total = sum(p.numel() for p in model.parameters())
    assert method.active_parameters(model) == total - 4 * 3 * expert
    base = sum(p.numel() for p in tiny_model(family).parameters())
    assert total == base + sum(p.numel() for p in method.trainable(model, Train("translation")))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


@pytest.mark.parametrize("family", ["bloom", "opt"])
@pytest.mark.parametrize(("counts", "counted"), [("first", 1), ("all", 2)])
def test_balance_loss_by_hand(family: str, counts: str, counted: int, text: Any) -> None:
    """E sum_i F_i P_i over the tokens that are no padding, mean over layers, added in training alone."""
    method, model = attached(family, experts=4, top_k=2, balance=0.5, balance_counts=counts)
    batch = tiny_batch(text, TRAINED[0])
    assert (batch.attention_mask == 0).any()
    with torch.no_grad():
        plain = method.loss(model.eval(), batch)
        with watched(model) as routings:
            MixLoRA(config(balance=0.0)).loss(model, batch)
        expected = 0.0
        for logits in basis_of(routings, batch).tolist():
            share, mean = [0.0] * 4, [0.0] * 4
            for token in logits:
                p = torch.softmax(torch.tensor(token), -1).tolist()
                for j in sorted(range(4), key=lambda j: -p[j])[:counted]:
                    share[j] += 1 / len(logits)
                mean = [m + q / len(logits) for m, q in zip(mean, p, strict=True)]
            expected += 4 * sum(f * m for f, m in zip(share, mean, strict=True)) / 4  # four layers
        for module in model.modules():
            module.training = isinstance(module, LowRankMixture) or module is model  # BLOOM's dropout stays off
        found = method.loss(model, batch) - plain
    assert len(routings) == 4
    assert found.item() == pytest.approx(0.5 * expected, abs=1e-4)


def test_padding_does_not_count_in_the_balance_loss(text: Any) -> None:
    method, model = attached("llama", experts=4, balance=1.0)
    batch = tiny_batch(text, TRAINED[0])
    other = batch.input_ids.clone()
    other[batch.attention_mask == 0] = 77
    with torch.no_grad():
        one = method.loss(model.train(), batch)
        batch.input_ids.copy_(other)
        torch.testing.assert_close(method.loss(model, batch), one)


def test_more_choices_than_experts_are_refused() -> None:
    with pytest.raises(ValidationError, match="top_k is 5, but there are 4 experts"):
        config(experts=4, top_k=5)
    with pytest.raises(ValidationError, match="balance loss is constant"):
        config(experts=2, balance_counts="all")
    with pytest.raises(ValidationError, match="balance_counts: no balance loss"):
        config(balance=0, balance_counts="all")
    config(experts=2)  # counts first choices, whose shares differ


def test_chart_of_the_load(tmp_path: Path) -> None:
    load = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]], [[0.5, 0.5, 1.0], [0.5, 0.5, 1.0]]])
    save_file({"load.target": load}, tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text('{"directions": ["en-de", "de-en"]}')
    (chart,) = MixLoRA().charts(Artefacts({RoutingProbe.name: tmp_path}))
    assert chart.kind == "grid"
    assert {s.name: (s.x, s.y) for s in chart.series} == {
        "en-de": (("1", "2", "3"), (0.5, 1.0, 0.5)),
        "de-en": (("1", "2", "3"), (0.5, 0.5, 1.0)),
    }
    assert MixLoRA().charts(Artefacts()) == ()


def test_kit_with_other_settings() -> None:
    check_method(MixLoRA, {"experts": 3, "top_k": 1, "dropout": 0.1, "attention": False}, ("bloom", "llama"))
