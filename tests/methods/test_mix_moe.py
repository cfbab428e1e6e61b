"""Mix-MoE's layer against loops over experts, its identities, and its counts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import ExpertGroup, MixedFeedForward
from torch import Tensor, nn

from mtsuite.method import Artefacts, Train
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import TRAINED, VOCABULARY, Lab, tiny_batch, tiny_model, tiny_text


def config(**options: Any) -> MixMoEConfig:
    return MixMoEConfig.model_validate(options)


def block_of(family: str) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family))[1]


def layer_of(block: FeedForwardBlock, *, with_mt: bool = True, seed: int = 0, **options: Any) -> MixedFeedForward:
    torch.manual_seed(seed)
    return MixedFeedForward(block, config(**options), 1, with_mt=with_mt)


def expert(group: ExpertGroup, j: int, x: Tensor, act: Any) -> Tensor:
    """E_j(x), neuron by neuron."""
    y = torch.zeros_like(x)
    for n in torch.nonzero(group.expert == j).flatten().tolist():
        up = x @ group.up[n] + (0.0 if group.up_bias is None else group.up_bias[n])
        a = act(up) if group.gate is None else act(x @ group.gate[n]) * up
        y = y + a.unsqueeze(-1) * group.down[:, n]
    return y if group.down_bias is None else y + group.down_bias / group.experts


def original(block: FeedForwardBlock, x: Tensor) -> Tensor:
    w, act = block.weights(), block.activation
    up = nn.functional.linear(x, w.up, w.up_bias)
    a = act(up) if w.gate is None else act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
    return nn.functional.linear(a, w.down, w.down_bias)


# -- experts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama", "opt", "gpt2"])
@pytest.mark.parametrize("slices", ["random", "contiguous"])
@pytest.mark.parametrize("experts", [1, 2, 3])
def test_slices_sum_to_the_block(family: str, slices: str, experts: int) -> None:
    block = block_of(family)
    group = layer_of(block, with_mt=False, slices=slices, lm_experts=experts, top_k="all").lm
    x = torch.randn(2, 3, block.hidden_size)
    torch.testing.assert_close(group(x, torch.ones(2, 3, experts)), original(block, x), atol=1e-5, rtol=1e-4)
    by_expert = sum(expert(group, j, x, block.activation) for j in range(experts))
    torch.testing.assert_close(by_expert, original(block, x), atol=1e-5, rtol=1e-4)
    sizes = torch.bincount(group.expert).tolist()
    assert max(sizes) - min(sizes) <= experts - 1


def reference_gates(p: Tensor, options: dict[str, Any], n_lm: int) -> Tensor:
    """Weights of one token's experts by the specification, without tensors' tricks."""
    values = p.tolist()
    groups = [range(len(values))]
    if options["gate_mode"] == "per_group":
        groups = [range(n_lm), range(n_lm, len(values))]
    gates = [0.0] * len(values)
    for group in groups:
        k = len(group) if options["top_k"] == "all" else min(options["top_k"], len(group))
        chosen = sorted(group, key=lambda j: -values[j])[:k]
        mass = sum(values[j] for j in group)  # 1 when joint, rho_G otherwise
        used = sum(values[j] for j in chosen)
        for j in chosen:
            gates[j] = values[j] * (mass / used if options["renormalise"] else 1.0)
    return torch.tensor(gates)


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize(
    ("gate_mode", "top_k", "renormalise"),
    list(itertools.product(["joint", "per_group"], [1, 2, "all"], [True, False])),
)
def test_layer_against_the_loop(family: str, gate_mode: str, top_k: Any, renormalise: bool) -> None:
    block = block_of(family)
    options = {"gate_mode": gate_mode, "top_k": top_k, "renormalise": renormalise}
    layer = layer_of(
        block,
        lm_experts=3,
        mt_experts=2,
        router_init="xavier",
        mt_down_init="normal",
        mt_logit_bias=0.5,
        init_std=0.3,
        **options,
    )
    x = torch.randn(2, 3, block.hidden_size)
    features = layer.features(x)
    assert layer.router_mt is not None
    assert layer.mt is not None
    p = torch.softmax(torch.cat([layer.router_lm(x, features), layer.router_mt(x, features)], -1), -1)
    expected = torch.zeros_like(x)
    experts = [(layer.lm, j) for j in range(3)] + [(layer.mt, j) for j in range(2)]
    outputs = [expert(group, j, x, block.activation) for group, j in experts]
    for row, place in itertools.product(range(2), range(3)):
        gates = reference_gates(p[row, place], options, 3)
        torch.testing.assert_close(layer.gates(x)[row, place], 3.0 * gates, atol=1e-5, rtol=1e-4)
        expected[row, place] = 3.0 * sum(g * y[row, place] for g, y in zip(gates, outputs, strict=True))
    torch.testing.assert_close(layer(x), expected, atol=1e-4, rtol=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    lm=st.integers(1, 3),
    mt=st.integers(1, 3),
    mode=st.sampled_from(["joint", "per_group"]),
    k=st.one_of(st.integers(1, 4), st.just("all")),
    scale=st.floats(0.01, 30.0),
)
def test_gates_sum_to_one(seed: int, lm: int, mt: int, mode: str, k: Any, scale: float) -> None:
    layer = layer_of(
        BLOCK, seed=seed, lm_experts=lm, mt_experts=mt, gate_mode=mode, top_k=k, rescale=1.0, router_init="xavier"
    )
    x = scale * torch.randn(2, 3, BLOCK.hidden_size, generator=torch.Generator().manual_seed(seed))
    gates = layer.gates(x)
    torch.testing.assert_close(gates.sum(-1), torch.ones(2, 3), atol=1e-5, rtol=1e-5)
    assert bool((gates >= 0).all())


BLOCK = block_of("llama")


def test_dense_joint_equals_dense_per_group() -> None:
    x = torch.randn(2, 3, BLOCK.hidden_size)
    shared: dict[str, Any] = {"router_init": "xavier", "mt_down_init": "normal", "top_k": "all"}
    joint, grouped = (layer_of(BLOCK, gate_mode=mode, **shared) for mode in ("joint", "per_group"))
    torch.testing.assert_close(joint(x), grouped(x))


def test_pergroup_preset_keeps_all_slices_and_one_mt_expert() -> None:
    layer = layer_of(BLOCK, preset="mixmoe_pergroup", router_init="xavier")
    used = layer.gates(torch.randn(4, 5, BLOCK.hidden_size)) > 0
    assert bool(used[..., :2].all())
    assert used[..., 2:].sum(-1).unique().tolist() == [1]


# -- where the stages start ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt"])
def test_safe_preset_starts_stage_1_from_the_base(family: str, text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    model = MixMoE(config(preset="mixmoe_safe")).attach(tiny_model(family), Artefacts(), "lm-experts")
    base = tiny_model(family)
    with torch.inference_mode():
        one, two = (m(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits for m in (model, base))
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_safe_preset_starts_stage_2_scaled(family: str) -> None:
    """The MT bias of -4 leaves the LM slices 1 / (1 + exp(-4)) of the mass; their output is scaled by it."""
    block = block_of(family)
    x = torch.randn(2, 3, block.hidden_size)
    share = 1 / (1 + torch.tensor(-4.0).exp())
    torch.testing.assert_close(layer_of(block)(x), share * original(block, x), atol=1e-5, rtol=1e-4)


def test_without_rescaling_the_layer_shrinks() -> None:
    x = torch.randn(2, 3, BLOCK.hidden_size)
    shrunk = layer_of(BLOCK, with_mt=False, rescale=1.0)(x)
    torch.testing.assert_close(shrunk, original(BLOCK, x) / 2, atol=1e-5, rtol=1e-4)


def test_copied_experts_are_the_block_again() -> None:
    layer = layer_of(block_of("llama"), mt_init="slices", slices="contiguous")
    assert layer.mt is not None
    torch.testing.assert_close(layer.mt.up, layer.lm.up)
    torch.testing.assert_close(layer.mt.down, layer.lm.down)


# -- stages ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


def test_stage_1_depends_on_its_settings_alone() -> None:
    """What the plan gives a shared stage 1 (the named fields) rebuilds the same model."""
    row = {
        "preset": "mixmoe_paper", "lm_experts": 3, "mt_experts": 4, "bins": 5, "router_stage2": "freeze",
        "lm_frozen": False,
        "part": "power", "mt_width": 9, "mt_logit_bias": 2.0, "loss_on": "all",
    }  # fmt: skip
    full = MixMoE(config(**row))
    first = full.phases()[0]
    assert isinstance(first, Train)
    assert first.settings is not None
    dumped = full.config.model_dump(mode="json")
    part = MixMoE(config(**{name: dumped[name] for name in first.settings}))
    assert part.phases()[0] == first
    models = []
    for method in (full, part):
        torch.manual_seed(0)
        models.append(method.attach(tiny_model("bloom"), Artefacts(), first.name))
    one, two = (m.state_dict() for m in models)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    left_out = set(MixMoEConfig.model_fields) - set(first.settings)
    assert left_out == {
        "mt_experts", "mt_width", "mt_init", "mt_down_init", "mt_logit_bias", "mt_top_k", "lm_frozen", "router_stage2",
        "loss_on", "preset",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"mt", "router_mt", "router_lm"}),
        ({"router_stage2": "mt_columns"}, {"mt", "router_mt"}),
        ({"router_stage2": "freeze"}, {"mt"}),
        ({"lm_frozen": False}, {"mt", "router_mt", "router_lm", "lm"}),
    ],
)
def test_stage_2_trains_its_part(options: dict[str, Any], expected: set[str]) -> None:
    run = Lab(lambda: MixMoE(config(init_std=0.1, mt_down_init="normal", **options)), "bloom").first
    first, second = run.learned
    parts = {name.split("adapted.")[1].split(".")[0] for name in second.names}
    assert parts == expected
    assert {name.split("adapted.")[1].split(".")[0] for name in first.names} == {"lm", "router_lm"}
    for name in (n for n in first.after if ".lm." in n):
        assert torch.equal(first.after[name], second.before[name])  # stage 2 starts where stage 1 ended
        assert torch.equal(second.before[name], second.after[name]) or "lm" in expected


def test_without_stage_1_there_is_one_phase() -> None:
    assert [p.name for p in MixMoE(config(stage1=False)).phases()] == ["mt-experts"]
    assert MixMoE(config(stage1=False)).note() == ""
    assert "monolingual" in MixMoE().note()


def test_later_tokens_do_not_reach_the_router(text: Any) -> None:
    method = MixMoE(config(preset="mixmoe_paper"))
    model = method.attach(tiny_model("llama"), Artefacts(), "mt-experts").eval()
    ids = tiny_batch(text, TRAINED[0]).input_ids[:2, :12]
    other = ids.clone()
    other[:, 8:] = (other[:, 8:] + 5) % VOCABULARY
    seen: list[Tensor] = []
    for layer in (m for m in model.modules() if isinstance(m, MixedFeedForward)):
        layer.features.register_forward_hook(lambda _m, _a, output: seen.append(output[:, :8]))
    with torch.inference_mode():
        model(input_ids=ids)
        half = len(seen)
        model(input_ids=other)
    assert half == 4
    for one, two in zip(seen[:half], seen[half:], strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


# -- balance, trace, counts -----------------------------------------------------------------------------


def test_balance_by_hand() -> None:
    layer = layer_of(BLOCK, balance=0.01, top_k=2)
    p = torch.tensor([[[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]]])
    chosen = torch.tensor([[[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]]])
    layer.mask = torch.tensor([[1, 1, 0]])  # the third token is padding
    # F = 1/2 each, P = 1/4 each: 4 * 4 * 1/8 = 2 = k, perfectly balanced
    assert float(layer._balance(p, chosen)) == pytest.approx(2.0)
    layer.mask = None
    # F = 2/3 2/3 1/3 1/3, P = .5 1/6 1/6 1/6: 4 (1/3 + 1/9 + 1/18 + 1/18)
    assert float(layer._balance(p, chosen)) == pytest.approx(4 * (1 / 3 + 1 / 9 + 1 / 9))


def test_balance_joins_the_loss_in_training_only(text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    losses = {}
    for coefficient in (0.0, 0.5):
        method = MixMoE(config(top_k=1, balance=coefficient, router_init="xavier"))
        torch.manual_seed(0)
        model = method.attach(tiny_model("bloom"), Artefacts(), "mt-experts")
        for mode in (True, False):
            losses[coefficient, mode] = float(method.loss(model.train(mode), batch).detach())
    layers = [m for m in model.modules() if isinstance(m, MixedFeedForward)]
    mean = float(torch.stack([layer.balance for layer in layers]).mean().detach())
    assert losses[0.5, True] == pytest.approx(losses[0.0, True] + 0.5 * mean, rel=1e-5)
    assert losses[0.5, False] == pytest.approx(losses[0.0, False], rel=1e-5)


def test_trace_is_the_mean_probability() -> None:
    layer = layer_of(BLOCK)
    with torch.no_grad():
        layer(torch.randn(2, 3, BLOCK.hidden_size))
    e = float(torch.tensor(-4.0).exp())
    expected = torch.tensor([1.0, 1.0, e, e]) / (2 + 2 * e)
    torch.testing.assert_close(layer.mean_weights(), expected)
    assert layer.mean_weights().tolist() == [0.0] * 4  # a fresh start


@pytest.mark.parametrize(
    ("options", "idle_experts"),
    [
        ({"top_k": "all"}, 0),
        ({"top_k": 2}, 2),
        ({"top_k": 1}, 3),
        ({"top_k": 1, "gate_mode": "per_group"}, 2),
        ({"preset": "mixmoe_pergroup"}, 1),
    ],
)
def test_active_parameters_by_hand(options: dict[str, Any], idle_experts: int) -> None:
    method = MixMoE(config(**options))
    model = method.attach(tiny_model("llama"), Artefacts(), "mt-experts")
    total = sum(p.numel() for p in model.parameters())
    one_expert = 3 * 16 * 16  # three matrices, hidden 16, 32 neurons in two experts
    base = sum(p.numel() for p in tiny_model("llama").parameters())
    router = 4 * (16 + 9) + 2  # four experts on hidden 16 and 9 frequencies, and the MT experts' bias
    assert total == base + 4 * (2 * one_expert + router)
    assert method.active_parameters(model) == total - 4 * idle_experts * one_expert
