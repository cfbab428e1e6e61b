"""Mix-MoE's layer against loops over tokens and experts, its identities, its stages and its counts."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.dispatch import SPARSE_FROM, mix
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import MixedFeedForward, layers_of, watched
from mtsuite.methods.mix_moe.losses import balance_loss, group_prior_loss, lm_mass
from mtsuite.methods.mix_moe.reading import Reading
from mtsuite.methods.mix_moe.router import Routes, Share
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Method, MethodError, Train
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import TRAINED, Lab, tiny_batch, tiny_model, tiny_text

torch.set_num_threads(1)
NORMAL: dict[str, Any] = {"router_init": "xavier", "mt_down_init": "normal", "init_std": 0.3, "mt_logit_bias": 0.5}


def config(**options: Any) -> MixMoEConfig:
    return MixMoEConfig.model_validate(options)


def block_of(family: str) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family))[1]


def layer_of(block: FeedForwardBlock, *, with_mt: bool = True, seed: int = 0, **options: Any) -> MixedFeedForward:
    torch.manual_seed(seed)
    return MixedFeedForward(block, config(**options), Reading(), with_mt=with_mt)


def original(block: FeedForwardBlock, x: Tensor) -> Tensor:
    w, act = block.weights(), block.activation
    up = nn.functional.linear(x, w.up, w.up_bias)
    a = act(up) if w.gate is None else act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
    return nn.functional.linear(a, w.down, w.down_bias)


def neuron_by_neuron(expert: nn.Module, act: Any, x: Tensor) -> Tensor:
    """E_j(x) of one token x (d) as the sum over its neurons."""
    p = {name: value.detach() for name, value in expert.named_parameters()}
    y = p["down_bias"].clone() if "down_bias" in p else torch.zeros_like(x)
    for n in range(len(p["up"])):
        up = p["up"][n] @ x + (p["up_bias"][n] if "up_bias" in p else 0.0)
        y += (act(up) if "gate" not in p else act(p["gate"][n] @ x) * up) * p["down"][:, n]
    return y


BLOCK = block_of("llama")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


# -- the whole layer against the specification written as loops ---------------------------------------


def gates_by_hand(r: list[float], options: dict[str, Any], n_lm: int) -> list[float]:
    """Weights of one token's experts from its logits, without the factor c."""
    e = [math.exp(value) for value in r]
    groups = [range(len(r))] if options["gate_mode"] == "joint" else [range(n_lm), range(n_lm, len(r))]
    rho = [sum(e[j] for j in group) / sum(e) for group in groups]  # softmax of the groups' log-sum-exp
    rho = {"fixed": [0.5, 0.5], "sum": [1.0, 1.0]}.get(options["rho_mode"], rho)
    gates = [0.0] * len(r)
    for group, share in zip(groups, rho, strict=True):
        k = len(group) if options["top_k"] == "all" else min(options["top_k"], len(group))
        chosen = sorted(group, key=lambda j: -r[j])[:k]
        total = sum(e[j] for j in (chosen if options["renormalise"] else group))
        for j in chosen:
            gates[j] = share * e[j] / total
    return gates


MODES = [("joint", "logsumexp"), ("per_group", "logsumexp"), ("per_group", "fixed"), ("per_group", "sum")]


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize(
    ("mode", "top_k", "renormalise"),
    [
        case
        for case in itertools.product(MODES, [1, 2, "all"], [True, False])
        if case[1:] not in ((1, True), ("all", False))
    ],
)
def test_layer_against_the_loop(family: str, mode: tuple[str, str], top_k: Any, renormalise: bool) -> None:
    block = block_of(family)
    options = {"gate_mode": mode[0], "rho_mode": mode[1], "top_k": top_k, "renormalise": renormalise}
    start = {**NORMAL}
    if mode[1] in ("fixed", "sum"):
        del start["mt_logit_bias"]  # whatever it is, the weights inside a group are the same
    layer = layer_of(block, lm_experts=3, mt_experts=2, **start, **options)
    state = {name: value.detach() for name, value in layer.named_parameters()}
    x = torch.randn(2, 3, block.hidden_size)
    y = layer(x)
    for row, place in itertools.product(range(2), range(3)):
        token = x[row, place]
        phi = np.abs(np.fft.rfft(token.numpy().astype(np.float64))) / math.sqrt(block.hidden_size)
        phi = (phi - phi.mean()) / np.sqrt(phi.var() + 1e-5)
        r: list[float] = []
        for group, bias in (("lm", 0.0), ("mt", 0.5)):
            from_x = state[f"router.{group}.from_x"] @ token
            r += (from_x + state[f"router.{group}.from_features"] @ torch.tensor(phi).float() + bias).tolist()
        gates = gates_by_hand(r, options, 3)
        expected = sum(
            3.0 * gate * neuron_by_neuron(expert, block.activation, token)
            for gate, expert in zip(gates, layer.experts, strict=True)
        )
        torch.testing.assert_close(y[row, place], expected, atol=1e-4, rtol=1e-3)


def test_learned_rho_is_a_map_of_its_own() -> None:
    layer = layer_of(BLOCK, gate_mode="per_group", rho_mode="learned", **NORMAL)
    x = torch.randn(1, 5, BLOCK.hidden_size)
    routes = layer.router(x)
    rho = layer.router.rho
    phi = layer.router.features(x, layer.reading)
    logits = x @ rho.from_x.t() + phi @ rho.from_features.t() + torch.tensor([0.0, 0.5])
    expected = torch.softmax(logits, -1)[0]
    torch.testing.assert_close(routes.p[:, :2].sum(-1), expected[:, 0])
    torch.testing.assert_close(lm_mass(routes, 2), expected[:, 0])


def test_gated_and_replaced_features() -> None:
    x = torch.randn(1, 4, BLOCK.hidden_size)
    for fuse in ("gated", "replace"):
        layer = layer_of(BLOCK, fuse=fuse, **NORMAL)
        router = layer.router
        phi = router.features(x, layer.reading)
        heard = phi @ torch.cat([router.lm.from_features, router.mt.from_features]).t()
        bias = torch.tensor([0.0, 0.0, 0.5, 0.5])
        if fuse == "gated":
            torch.nn.init.normal_(router.feature_gate)
            heard = torch.sigmoid(x @ router.feature_gate).unsqueeze(-1) * heard
            heard = heard + x @ torch.cat([router.lm.from_x, router.mt.from_x]).t()
        torch.testing.assert_close(router(x).p, torch.softmax(heard + bias, -1)[0])
        assert (router.lm.from_x is None) == (fuse == "replace")


# -- two ways of computing the mixture -------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize(
    "options",
    [{"top_k": 2}, {"top_k": 1, "renormalise": False}, {"gate_mode": "per_group", "mt_top_k": 1, "renormalise": False}],
)
def test_few_tokens_equal_many(family: str, options: dict[str, Any]) -> None:
    """Outside training every expert is computed for every token below SPARSE_FROM choices: the outputs are the same."""
    block = block_of(family)
    layer = layer_of(block, lm_experts=2, mt_experts=3, **NORMAL, **options)
    x = torch.randn(1, SPARSE_FROM + 3, block.hidden_size)
    found = []
    for size in (x.shape[1], 20):
        layer.zero_grad(set_to_none=True)
        part = x.clone().requires_grad_(True)
        y = torch.cat([layer(piece) for piece in part.split(size, dim=1)], dim=1)
        (y * torch.arange(y.numel()).view_as(y).sin()).sum().backward()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in layer.parameters()]
        found.append([y, part.grad, *gradients])
        with torch.inference_mode():
            torch.testing.assert_close(torch.cat([layer(piece) for piece in x.split(size, dim=1)], dim=1), y)
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_an_expert_sees_only_the_tokens_that_chose_it() -> None:
    seen: dict[int, int] = {}

    class Counting(nn.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def forward(self, x: Tensor) -> Tensor:
            seen[self.number] = len(x)
            return x * (self.number + 1)

    x = torch.randn(SPARSE_FROM, 4)
    chosen = torch.zeros(len(x), 1, dtype=torch.long)
    chosen[:5] = 2
    y = mix([Counting(j) for j in range(3)], x, chosen, torch.full((len(x), 1), 0.5))
    assert seen == {0: len(x) - 5, 2: 5}
    torch.testing.assert_close(y, 0.5 * x * (chosen + 1))


# -- identities -------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    lm=st.integers(1, 3),
    mt=st.integers(1, 3),
    mode=st.sampled_from(["joint", "per_group"]),
    k=st.one_of(st.integers(2, 4), st.just("all")),
    scale=st.floats(0.01, 30.0),
)
def test_weights_sum_to_one(seed: int, lm: int, mt: int, mode: str, k: Any, scale: float) -> None:
    layer = layer_of(
        BLOCK, seed=seed, lm_experts=lm, mt_experts=mt, gate_mode=mode, top_k=k, rescale=1.0, router_init="xavier"
    )
    x = scale * torch.randn(2, 3, BLOCK.hidden_size, generator=torch.Generator().manual_seed(seed))
    routes = layer.router(x)
    torch.testing.assert_close(routes.gates().sum(-1), torch.ones(6), atol=1e-5, rtol=1e-5)
    assert bool((routes.gates() >= 0).all())
    per_token = lm + mt if k == "all" else min(k, lm + mt) if mode == "joint" else min(k, lm) + min(k, mt)
    assert routes.used().sum(-1).tolist() == [per_token] * 6


def test_dense_joint_equals_dense_per_group() -> None:
    x = torch.randn(2, 3, BLOCK.hidden_size)
    joint, grouped = (layer_of(BLOCK, gate_mode=mode, top_k="all", **NORMAL) for mode in ("joint", "per_group"))
    torch.testing.assert_close(joint(x), grouped(x))


def test_pergroup_preset_keeps_all_slices_and_one_mt_expert() -> None:
    layer = layer_of(BLOCK, preset="mixmoe_pergroup", init_std=0.5)
    used = layer.router(torch.randn(4, 5, BLOCK.hidden_size)).used()
    assert bool(used[:, :2].all())
    assert used[:, 2:].sum(-1).unique().tolist() == [1]
    assert len(used[:, 2:].unique(dim=0)) == 2, "tokens differ in their MT expert"


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
    """The MT bias of -4 leaves the LM slices 1 / (1 + exp(-4)) of the mass; c = n_lm / rho_LM makes up for it."""
    block = block_of(family)
    x = torch.randn(2, 3, block.hidden_size)
    share = 1 / (1 + math.exp(-4.0))
    torch.testing.assert_close(layer_of(block)(x), share * original(block, x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(layer_of(block, rescale=2 / share)(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_without_rescaling_the_layer_shrinks() -> None:
    x = torch.randn(2, 3, BLOCK.hidden_size)
    shrunk = layer_of(BLOCK, with_mt=False, rescale=1.0)(x)
    torch.testing.assert_close(shrunk, original(BLOCK, x) / 2, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("bias", [-4.0, 0.0, 2.0])
def test_copied_experts_give_back_the_block_at_any_mass(family: str, bias: float) -> None:
    block = block_of(family)
    x = torch.randn(2, 3, block.hidden_size)
    for init in ("copy", "slices"):
        layer = layer_of(block, mt_init=init, mt_logit_bias=bias)
        torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_single_group_is_the_block_in_more_slices() -> None:
    for stage in ("lm-experts", "mt-experts"):
        model = MixMoE(config(groups="single")).attach(tiny_model("llama"), Artefacts(), stage)
        layer = layers_of(model)[1]
        assert [len(layer.lm), layer.mt, layer.router.mt] == [4, None, None]
        x = torch.randn(2, 3, BLOCK.hidden_size)
        torch.testing.assert_close(layer(x), original(BLOCK, x), atol=1e-5, rtol=1e-4)


# -- random routing ---------------------------------------------------------------------------------------------


def routes_of(model: nn.Module, ids: Tensor, mask: Tensor) -> list[Tensor]:
    seen: list[Routes] = []
    handles = [m.router.register_forward_hook(lambda _m, _a, r: seen.append(r)) for m in layers_of(model)]
    with torch.inference_mode():
        model(input_ids=ids, attention_mask=mask, use_cache=False)
    for handle in handles:
        handle.remove()
    return [routes.used().view(*ids.shape, -1) for routes in seen]


def test_random_routes_are_even_and_belong_to_the_token() -> None:
    model = MixMoE(config(router="random", top_k=1)).attach(tiny_model("llama"), Artefacts(), "mt-experts")
    ids = torch.randint(2, 300, (16, 64), generator=torch.Generator().manual_seed(0))
    used = routes_of(model, ids, torch.ones_like(ids))
    for layer in used:
        assert bool(((layer.mean((0, 1)) - 0.25).abs() < 0.06).all())  # 1024 draws: four standard deviations
    agreement = float((used[0] * used[1]).sum(-1).mean())
    assert abs(agreement - 0.25) < 0.06, "layers draw on their own"
    repeated = ids[:1, :1].expand(1, 64)
    assert len(routes_of(model, repeated, torch.ones_like(repeated))[0].unique(dim=1)[0]) == 4, "positions as well"
    padded, mask = torch.cat([torch.zeros_like(ids[:, :3]), ids], 1), torch.ones(16, 67)
    mask[:, :3] = 0
    for one, two in zip(used, routes_of(model, padded, mask), strict=True):
        assert torch.equal(one, two[:, 3:]), "padding changes nothing"


def test_random_routes_weigh_alike_and_learn_nothing() -> None:
    method = MixMoE(config(router="random", top_k=2))
    model = method.attach(tiny_model("bloom"), Artefacts(), "mt-experts")
    assert not any("router" in name for name, _ in model.named_parameters())
    layer = layers_of(model)[0]
    layer.reading.tokens = torch.arange(8).view(2, 4)
    layer.reading.positions = torch.arange(4).expand(2, 4)
    gates = layer.router(torch.randn(2, 4, 16)).gates()
    assert gates.sort(dim=-1).values.tolist() == [[0.0, 0.0, 1.0, 1.0]] * 8  # c = 2, two halves
    layer.reading.tokens = None
    with pytest.raises(MethodError, match="input_ids"):
        layer.router(torch.randn(2, 4, 16))


# -- stages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"mt", "router.mt", "router.lm"}),
        ({"router_stage2": "mt_columns"}, {"mt", "router.mt"}),
        ({"router_stage2": "freeze"}, {"mt"}),
        ({"lm_frozen": False}, {"mt", "router.mt", "router.lm", "lm"}),
        ({"gate_mode": "per_group", "rho_mode": "learned", "router_stage2": "mt_columns"},
         {"mt", "router.mt", "router.rho"}),
        ({"groups": "single"}, {"lm", "router.lm"}),
    ],
)  # fmt: skip
def test_stage_2_trains_its_part(options: dict[str, Any], expected: set[str]) -> None:
    drawn = (
        {} if options.get("groups") == "single" else {"init_std": 0.1, "mt_down_init": "normal"}
    )  # all have gradients
    run = Lab(lambda: MixMoE(config(**{**drawn, **options})), "bloom").first
    first, second = run.learned

    def parts(names: set[str]) -> set[str]:
        found = [name.split("adapted.")[1].split(".") for name in names]
        return {".".join(words[:2]) if words[0] == "router" else words[0] for words in found}

    assert parts(second.names) == expected
    assert parts(first.names) == {"lm", "router.lm"}
    for name in (n for n in first.after if ".lm." in n and "router" not in n):
        assert torch.equal(first.after[name], second.before[name])  # stage 2 starts where stage 1 ended
        assert torch.equal(second.before[name], second.after[name]) or "lm" in expected


def test_without_stage_1_lm_experts_are_the_frozen_slices() -> None:
    method = MixMoE(config(stage1=False, probe_samples=0))
    assert [p.name for p in method.phases()] == ["mt-experts"]
    assert method.note() == ""
    assert "monolingual" in MixMoE().note()


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, (False, False)),
        ({"train_backbone": "norms"}, (True, True)),
        ({"train_backbone": "norms", "backbone_stages": "stage1"}, (True, False)),
        ({"train_backbone": "all", "backbone_stages": "stage2"}, (False, True)),
    ],
)
def test_backbone(options: dict[str, Any], stages: tuple[bool, bool]) -> None:
    method = MixMoE(config(**options))
    for name, expected in zip(("lm-experts", "mt-experts"), stages, strict=True):
        model = method.attach(tiny_model("llama"), Artefacts(), name)
        phase = next(p for p in method.phases() if isinstance(p, Train) and p.name == name)
        trained = {id(p) for p in method.trainable(model, phase)}
        rest = {n for n, p in model.named_parameters() if "adapted" not in n and id(p) in trained}
        norms = {n for n, _ in model.named_parameters() if "norm" in n}
        everything = {n for n, _ in model.named_parameters() if "adapted" not in n}
        assert len(norms) == 9
        assert rest == (set() if not expected else norms if options["train_backbone"] == "norms" else everything)
        if name == "mt-experts":
            lm = [p for layer in layers_of(model) for p in layer.lm.parameters()]
            assert not trained & {id(p) for p in lm}, "the backbone does not unfreeze the LM experts"


def test_only_some_layers() -> None:
    method = MixMoE(config(layers=[1, 3]))
    model = method.attach(tiny_model("bloom"), Artefacts(), "mt-experts")
    assert [layer.layer for layer in layers_of(model)] == [1, 3]
    method.check(4, [])
    with pytest.raises(MethodError, match="0 to 2"):
        method.check(3, [])


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt", "gpt_neox"])
@pytest.mark.parametrize("source", ["block_input", "attn_output"])
def test_features_come_from_their_source(family: str, source: str, text: Any) -> None:
    model = MixMoE(config(feature_source=source)).attach(tiny_model(family), Artefacts(), "mt-experts")
    batch = tiny_batch(text, TRAINED[0])
    read: list[Tensor] = []
    for layer in layers_of(model):
        layer.router.features.register_forward_pre_hook(lambda _m, a: read.append(a[0]))
    with torch.inference_mode():
        states = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask,
                       output_hidden_states=True, use_cache=False).hidden_states  # fmt: skip
    assert len(read) == 4
    for one, two in zip(read, states[:-1], strict=True):
        assert one.shape == two.shape
        assert torch.equal(one, two) == (source == "block_input")
    assert not layers_of(model)[0].reading.sources, "nothing is kept after the call"


# -- losses -----------------------------------------------------------------------------------------------


def routes_by_hand(p: Tensor, chosen: Tensor | None) -> Routes:
    weights = p if chosen is None else p.gather(1, chosen)
    return Routes(p, (Share(0, p.shape[1], chosen, weights),))


P = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]])
TOP2 = torch.tensor([[0, 1], [3, 2], [0, 1]])


def test_balance_by_hand() -> None:
    routes = routes_by_hand(P, TOP2)
    kept, everything = torch.tensor([[1, 1, 0]]), torch.tensor([[1, 1, 1]])
    # without the third token, which is padding: F = 1/2 each, P = 1/4 each: 4 * 4 * 1/8 = 2 = k, perfectly balanced
    assert float(balance_loss([routes], kept, "switch")) == pytest.approx(2.0)
    assert float(balance_loss([routes], kept, "p_only")) == pytest.approx(1.0)
    assert float(balance_loss([routes], kept, "entropy")) == pytest.approx(0.0, abs=1e-6)
    # F = 2/3 2/3 1/3 1/3, P = .5 1/6 1/6 1/6: 4 (1/3 + 1/9 + 1/18 + 1/18)
    assert float(balance_loss([routes], everything, "switch")) == pytest.approx(4 * (1 / 3 + 1 / 9 + 1 / 9))
    assert float(balance_loss([routes], everything, "p_only")) == pytest.approx(4 * (1 / 4 + 3 / 36))
    entropy = 0.5 * math.log(2) + 0.5 * math.log(6)
    assert float(balance_loss([routes], everything, "entropy")) == pytest.approx(math.log(4) - entropy)
    # the mean over layers
    both = [routes, routes_by_hand(P, None)]
    assert float(balance_loss(both, kept, "switch")) == pytest.approx((2.0 + 4.0) / 2)


@pytest.mark.parametrize("rho_mode", ["logsumexp", "sum"])
def test_groups_are_balanced_within_and_not_against_each_other(rho_mode: str) -> None:
    """All LM experts and one MT expert a token: only the choice among MT experts counts, not the group's mass."""
    inside = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1], [0.6, 0.4]])
    everything = torch.ones(1, 4)
    for mass in (0.02, 0.5, 0.98) if rho_mode == "logsumexp" else (1.0,):
        lm = torch.full((4, 2), (1 - mass) / 2 if rho_mode == "logsumexp" else 0.5)
        mt = mass * inside
        chosen = inside.argmax(-1, keepdim=True)
        shares = (Share(0, 2, None, lm), Share(2, 4, chosen, mt.gather(1, chosen)))
        routes = Routes(torch.cat([lm, mt], -1), shares)
        # F = 3/4, 1/4 and P = .65, .35 in the MT group
        assert float(balance_loss([routes], everything, "switch")) == pytest.approx(2 * (0.75 * 0.65 + 0.25 * 0.35))
        # the LM group is balanced: 1; the MT group: 2 (.65^2 + .35^2)
        assert float(balance_loss([routes], everything, "p_only")) == pytest.approx((1 + 2 * (0.65**2 + 0.35**2)) / 2)


def test_group_prior_by_hand() -> None:
    routes = routes_by_hand(P, None)
    expected = -(math.log(0.7) + math.log(0.3)) / 2
    assert float(group_prior_loss([routes], torch.tensor([[1, 1, 0]]), 2)) == pytest.approx(expected)


def test_balance_joins_the_loss_in_training_only(text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    losses = {}
    for coefficient in (0.0, 0.5):
        method = MixMoE(config(top_k=1, renormalise=False, balance=coefficient, router_init="xavier"))
        torch.manual_seed(0)
        model = method.attach(tiny_model("bloom"), Artefacts(), "mt-experts")
        for mode in (True, False):
            losses[coefficient, mode] = float(method.loss(model.train(mode), batch).detach())
    assert losses[0.5, False] == pytest.approx(losses[0.0, False], rel=1e-6)
    added = (losses[0.5, True] - losses[0.0, True]) / 0.5
    with torch.no_grad(), watched(model) as routes:
        method.loss(model.eval(), batch)
    assert added == pytest.approx(float(balance_loss(routes, batch.attention_mask, "switch")), rel=1e-3)


@pytest.mark.parametrize("stage", ["lm-experts", "mt-experts"])
def test_group_prior_is_for_replayed_text_of_stage_2(stage: str, text: Any) -> None:
    mono = next(text.monolingual("de", tokens=256))
    parallel = tiny_batch(text, TRAINED[0])

    def losses(coefficient: float) -> list[float]:
        method = MixMoE(config(group_prior_coef=coefficient))
        torch.manual_seed(0)
        model = method.attach(tiny_model("llama"), Artefacts(), stage).train()
        return [float(method.loss(model, batch).detach()) for batch in (mono, parallel)]

    without, with_prior = losses(0.0), losses(2.0)
    rho = 1 / (1 + math.exp(-4.0))
    expected = 2.0 * -math.log(rho) if stage == "mt-experts" else 0.0
    assert with_prior[0] - without[0] == pytest.approx(expected, abs=1e-4)
    assert with_prior[1] == without[1]


def test_group_prior_gives_the_router_a_gradient(text: Any) -> None:
    method: Method = MixMoE(config(group_prior_coef=1.0, router_init="normal"))
    model = method.attach(tiny_model("llama"), Artefacts(), "mt-experts").train()
    mono: Batch = next(text.monolingual("de", tokens=256))
    method.loss(model, mono).backward()
    bias = layers_of(model)[0].router.mt.bias
    assert bool((bias.grad > 0).all()), "descent lowers the translation experts' logits"


# -- counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "idle_experts"),
    [
        ({"top_k": "all"}, 0),
        ({"top_k": 2}, 2),
        ({"top_k": 1, "renormalise": False}, 3),
        ({"top_k": 1, "renormalise": False, "gate_mode": "per_group"}, 2),
        ({"preset": "mixmoe_pergroup"}, 1),
    ],
)
def test_parameters_by_hand(options: dict[str, Any], idle_experts: int) -> None:
    method = MixMoE(config(**options))
    model = method.attach(tiny_model("llama"), Artefacts(), "mt-experts")
    total = sum(p.numel() for p in model.parameters())
    one_expert = 3 * 16 * 16  # three matrices, hidden 16, 32 neurons in two experts
    base = sum(p.numel() for p in tiny_model("llama").parameters())
    router = 4 * (16 + 9) + 2  # four experts on hidden 16 and 9 frequencies, and the MT experts' bias
    assert total == base + 4 * (2 * one_expert + router)
    assert method.active_parameters(model) == total - 4 * idle_experts * one_expert
    stage2 = next(p for p in method.phases() if p.name == "mt-experts")
    assert isinstance(stage2, Train)
    assert sum(p.numel() for p in method.trainable(model, stage2)) == 4 * (2 * one_expert + router)


def test_parameters_of_a_plain_block_by_hand() -> None:
    """BLOOM: hidden 16, 64 neurons; an expert has its share of b_up and a b_down of its own."""
    method = MixMoE()
    model = method.attach(tiny_model("bloom"), Artefacts(), "lm-experts")
    base = sum(p.numel() for p in tiny_model("bloom").parameters())
    router = 2 * (16 + 9)
    assert sum(p.numel() for p in model.parameters()) == base + 4 * (router + 16)  # b_down twice
    stage1 = next(p for p in method.phases() if p.name == "lm-experts")
    assert isinstance(stage1, Train)
    assert sum(p.numel() for p in method.trainable(model, stage1)) == 4 * (2 * 16 * 64 + 64 + 2 * 16 + router)
