"""LLaMA-MoE: slices and their identities, the noisy gate and its losses by hand, balanced k-means, the stages."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.experts import Mixture, largest, mixtures, sliced, watched
from mtsuite.methods.llama_moe import (
    LLaMAMoE,
    LLaMAMoEConfig,
    NoisyTopKGate,
    balanced_kmeans,
    cv_squared,
    exchanged,
    load_probability,
    partition,
)
from pydantic import ValidationError
from torch import Tensor, nn

from mtsuite.method import Artefacts, MethodError, Train
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import TRAINED, Lab, tiny_batch, tiny_model, tiny_text


def config(**options: Any) -> LLaMAMoEConfig:
    return LLaMAMoEConfig.model_validate(options)


def block_of(family: str) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family))[1]


def original(block: FeedForwardBlock, x: Tensor) -> Tensor:
    w, act = block.weights(), block.activation
    up = nn.functional.linear(x, w.up, w.up_bias)
    a = act(up) if w.gate is None else act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
    return nn.functional.linear(a, w.down, w.down_bias)


def mixture_of(block: FeedForwardBlock, **options: Any) -> Mixture:
    made = config(**options)
    torch.manual_seed(0)
    experts = sliced(block, partition(block, made.experts, made.partition, seed=1))
    return Mixture(experts, NoisyTopKGate(block.hidden_size, made), made.factor, weighed=made.multiply_scores).eval()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


# -- the slices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt"])
@pytest.mark.parametrize("how", ["random", "kmeans_up"])
def test_all_slices_are_the_block(family: str, how: str) -> None:
    block = block_of(family)
    layer = mixture_of(block, experts=4, top_k=4, multiply_scores=False, partition=how)
    assert layer.scale == 1.0
    x = torch.randn(2, 3, block.hidden_size)
    torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_a_uniform_gate_over_all_slices_needs_the_scale_of_their_number() -> None:
    block = block_of("llama")
    x = torch.randn(2, 3, block.hidden_size)
    whole = mixture_of(block, experts=4, top_k=4, gate="linear", scale=4.0)
    torch.testing.assert_close(whole(x), original(block, x), atol=1e-5, rtol=1e-4)
    released = mixture_of(block, experts=4, top_k=4, gate="linear")
    torch.testing.assert_close(released(x), original(block, x) / 4, atol=1e-5, rtol=1e-4)


def test_the_base_is_where_a_dense_mixture_starts(text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    method = LLaMAMoE(config(experts=4, top_k=4, gate="linear", scale=4.0))
    model = method.attach(tiny_model("bloom"), Artefacts(), "pretraining")
    with torch.inference_mode():
        one, two = (m(input_ids=batch.input_ids).logits for m in (model, tiny_model("bloom")))
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("multiply", [True, False])
def test_layer_against_the_dense_loop(family: str, multiply: bool) -> None:
    block = block_of(family)
    layer = mixture_of(block, experts=4, top_k=2, multiply_scores=multiply)
    assert layer.scale == (2.0 if multiply else 1.0)  # E / k
    x = torch.randn(2, 3, block.hidden_size)
    logits = layer.gate.logits(x)
    expected = torch.zeros_like(x)
    for row in range(2):
        for place in range(3):
            values = logits[row, place].tolist()
            used = sorted(range(4), key=lambda j: -values[j])[:2]
            total = sum(math.exp(values[j]) for j in used)
            for j in used:
                weight = 2.0 * math.exp(values[j]) / total if multiply else 1.0
                expected[row, place] += weight * layer.experts[j](x[row, place])
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


# -- the gate -----------------------------------------------------------------------------------------------


def test_mlp_and_linear_gates() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 16)
    mlp = NoisyTopKGate(16, config(experts=4, top_k=2))
    first, second = (p for n, p in mlp.named_parameters() if n.startswith("logits"))
    torch.testing.assert_close(mlp.logits(x), torch.tanh(x @ first.t()) @ second.t())
    linear = NoisyTopKGate(16, config(experts=4, top_k=2, gate="linear")).eval()
    weights = linear(x).weights
    torch.testing.assert_close(weights, torch.tensor([[0.5, 0.5, 0.0, 0.0]]).expand(5, 4))  # ties go to the first


def test_noise_is_seeded_and_off_outside_training() -> None:
    gate = NoisyTopKGate(16, config(experts=4, top_k=2))
    x = torch.randn(6, 16)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(gate.train()(x).weights)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    gate.eval()
    assert torch.equal(gate(x).weights, gate(x).weights)
    silent = NoisyTopKGate(16, config(experts=4, top_k=2, noise=False)).train()
    assert torch.equal(silent(x).weights, silent(x).weights)
    assert silent.noise is None


def test_the_noise_has_the_learned_deviation() -> None:
    """Chosen and loaded as if the logits were G + z (softplus(W_noise x) + epsilon), z the generator's draw."""
    gate = NoisyTopKGate(16, config(experts=4, top_k=2, noise_epsilon=0.3)).train()
    assert gate.noise is not None
    nn.init.normal_(gate.noise.weight)
    x = torch.randn(7, 16)
    torch.manual_seed(5)
    routing = gate(x)
    torch.manual_seed(5)
    deviation = nn.functional.softplus(x @ gate.noise.weight.t()) + 0.3
    noisy = gate.logits(x) + torch.randn(7, 4) * deviation
    kept = noisy.masked_fill(noisy < noisy.topk(2, -1).values[:, 1:], -torch.inf)
    torch.testing.assert_close(routing.weights, torch.softmax(kept, -1))
    torch.testing.assert_close(routing.basis, load_probability(gate.logits(x), noisy, deviation, largest(noisy, 2)))


def test_load_probability_by_hand() -> None:
    clean = torch.tensor([[1.0, 0.0, 0.5]])
    noisy = torch.tensor([[2.0, 0.4, 1.0]])
    deviation = torch.tensor([[1.0, 0.5, 2.0]])

    def phi(z: float) -> float:
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    # k = 1: without expert 0 the largest is 1.0; without another it is 2.0
    expected = [phi((1.0 - 1.0) / 1.0), phi((0.0 - 2.0) / 0.5), phi((0.5 - 2.0) / 2.0)]
    assert load_probability(clean, noisy, deviation, largest(noisy, 1))[0].tolist() == pytest.approx(expected, abs=1e-6)
    # k = 2: without 0 or 2 the second largest is 0.4; without 1 it is 1.0
    expected = [phi((1.0 - 0.4) / 1.0), phi((0.0 - 1.0) / 0.5), phi((0.5 - 0.4) / 2.0)]
    assert load_probability(clean, noisy, deviation, largest(noisy, 2))[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert load_probability(clean, noisy, deviation, largest(noisy, 3)).tolist() == [[1.0, 1.0, 1.0]]


def test_load_probability_is_a_frequency() -> None:
    """Redrawing one expert's noise, the others' kept, it is among the k largest so often."""
    generator = torch.Generator().manual_seed(0)
    clean, noisy = torch.randn(1, 4, generator=generator), torch.randn(1, 4, generator=generator)
    deviation = torch.tensor([[0.5, 1.0, 2.0, 0.7]])
    expected = load_probability(clean, noisy, deviation, largest(noisy, 2))
    for i in range(4):
        redrawn = noisy.expand(20_000, 4).clone()
        redrawn[:, i] = clean[0, i] + deviation[0, i] * torch.randn(20_000, generator=generator)
        often = (redrawn.topk(2, -1).indices == i).any(-1).float().mean()
        assert float(often) == pytest.approx(float(expected[0, i]), abs=0.015)


def test_cv_squared_by_hand() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0, 6.0], [5.0, 5.0, 5.0, 5.0]])
    # mean 3, deviations -2 -1 0 3: sample variance 14/3, over 9
    assert cv_squared(values).tolist() == pytest.approx([14 / 27, 0.0])


def test_balance_joins_the_loss_in_training_only(text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    keep = batch.attention_mask.bool()
    assert not bool(keep.all())  # padding is there to be left out
    losses: dict[tuple[float, bool], float] = {}
    for coefficient in (0.0, 0.5):
        method = LLaMAMoE(config(experts=4, top_k=2, balance=coefficient))
        torch.manual_seed(0)
        model = method.attach(tiny_model("bloom"), Artefacts(), "translation")
        for mode in (True, False):
            torch.manual_seed(3)
            losses[coefficient, mode] = float(method.loss(model.train(mode), batch).detach())
    model.train()
    torch.manual_seed(3)
    with watched(model) as routings, torch.no_grad():
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    added = sum(
        float(cv_squared(r.weights[keep].sum(0)) + cv_squared(r.basis[keep].sum(0))) for r in routings
    )  # summed over layers
    assert losses[0.5, True] == pytest.approx(losses[0.0, True] + 0.5 * added, rel=1e-5)
    assert losses[0.5, False] == pytest.approx(losses[0.0, False], rel=1e-6)


def test_the_balance_loss_reaches_gate_and_noise(text: Any) -> None:
    method = LLaMAMoE(config(experts=4, top_k=2, balance=1.0))
    model = method.attach(tiny_model("llama"), Artefacts(), "translation").train()
    method.loss(model, tiny_batch(text, TRAINED[0])).backward()
    for mixture in mixtures(model):
        assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in mixture.gate.parameters())


# -- the partition ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["random", "kmeans_up", "kmeans_gate"])
def test_a_partition_is_equal_whole_and_repeatable(how: str) -> None:
    block = block_of("llama")
    sets = partition(block, 8, how, seed=3)
    assert [len(s) for s in sets] == [4] * 8
    assert torch.cat(sets).sort().values.tolist() == list(range(32))
    again = partition(block, 8, how, seed=3)
    assert all(torch.equal(one, two) for one, two in zip(sets, again, strict=True))


def test_other_layers_are_dealt_otherwise() -> None:
    block = block_of("llama")
    one, two = (torch.cat(partition(block, 4, "random", seed=seed)) for seed in (0, 1))
    assert not torch.equal(one, two)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(2, 5), size=st.integers(1, 6))
def test_kmeans_finds_what_is_apart(seed: int, clusters: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.arange(clusters).repeat_interleave(size)[torch.randperm(clusters * size, generator=generator)]
    rows = 100.0 * nn.functional.one_hot(truth, 6).float() + torch.randn(clusters * size, 6, generator=generator)
    owner = balanced_kmeans(rows, clusters, generator)
    assert len({(int(a), int(b)) for a, b in zip(truth, owner, strict=True)}) == clusters


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(2, 5), size=st.integers(1, 5))
def test_kmeans_is_balanced_and_no_exchange_is_better(seed: int, clusters: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(clusters * size, 3, generator=generator)
    owner = balanced_kmeans(rows, clusters, generator)
    assert torch.bincount(owner, minlength=clusters).tolist() == [size] * clusters
    centres = torch.stack([rows[owner == c].mean(0) for c in range(clusters)])
    cost = torch.cdist(rows, centres).square()
    total = float(cost.gather(1, owner.unsqueeze(1)).sum())
    for i, j in itertools.combinations(range(len(rows)), 2):
        other = owner.clone()
        other[i], other[j] = owner[j], owner[i]
        assert float(cost.gather(1, other.unsqueeze(1)).sum()) >= total - 1e-4


def test_exchanges_by_hand() -> None:
    cost = torch.tensor(
        [[0.0, 9.0, 9.0], [9.0, 0.0, 9.0], [9.0, 9.0, 0.0], [1.0, 2.0, 9.0], [9.0, 1.0, 2.0], [2.0, 9.0, 1.0]]
    )
    assert exchanged(cost, torch.tensor([1, 2, 0, 1, 2, 0])).tolist() == [0, 1, 2, 0, 1, 2]


def test_clusters_are_not_looked_for_once_trained(tmp_path: Path) -> None:
    """What is loaded replaces them: attaching for every translation would else cluster again for nothing."""
    method = LLaMAMoE(config(experts=4, partition="kmeans_up"))
    clustered, trained = (
        mixtures(method.attach(tiny_model("llama"), Artefacts(folders), "translation"))[0].experts[0].up
        for folders in ({}, {"pretraining": tmp_path})
    )
    block = feed_forward_blocks(tiny_model("llama"))[0]
    for found, how in ((clustered, "kmeans_up"), (trained, "random")):
        assert torch.equal(found, block.weights().up[partition(block, 4, how, seed=0)[0]])


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValidationError, match="top_k is 9, but there are 8 experts"):
        config(top_k=9)
    with pytest.raises(ValidationError, match="noise_epsilon is about the noise"):
        config(noise=False, noise_epsilon=0.1)
    with pytest.raises(ValidationError, match="stage1_learning_rate belongs to stage 1"):
        config(stage1=False, stage1_learning_rate=1e-3)
    with pytest.raises(MethodError, match="has 32 neurons; choose a divisor of 32"):
        partition(block_of("llama"), 5, "random", 0)
    with pytest.raises(MethodError, match="kmeans_gate needs a gate"):
        partition(block_of("bloom"), 4, "kmeans_gate", 0)


# -- the stages ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(lambda: LLaMAMoE(), "llama")


def test_both_stages_train_all_experts_and_the_gate(lab: Lab) -> None:
    first, second = lab.first.learned
    assert first.names == second.names
    assert {name.split("adapted.")[1].split(".")[0] for name in first.names} == {"experts", "gate"}
    assert all(torch.equal(first.after[name], second.before[name]) for name in first.names)
    # two slices of eight start as the block's neurons, in the order of the partition
    block = feed_forward_blocks(tiny_model("llama"))[0]
    up = torch.cat([first.before[f"model.layers.0.mlp.adapted.experts.{j}.up"] for j in range(8)])
    order = torch.cat(partition(block, 8, "random", seed=0))
    assert torch.equal(up, block.weights().up[order])


def test_the_backbone_trains_when_asked() -> None:
    method = LLaMAMoE(config(train_backbone=True))
    model = method.attach(tiny_model("llama"), Artefacts(), "translation")
    trained = {id(p) for p in method.trainable(model, Train("translation"))}
    assert trained == {id(p) for p in model.parameters()}


def test_stage_1_depends_on_its_settings_alone() -> None:
    row = {"experts": 4, "top_k": 1, "partition": "kmeans_up", "gate": "linear", "loss_on": "all", "scale": 3.0,
           "noise_epsilon": 0.1, "stage1_learning_rate": 1e-3}  # fmt: skip
    full = LLaMAMoE(config(**row))
    first = full.phases()[0]
    assert isinstance(first, Train)
    assert first.settings is not None
    dumped = full.config.model_dump(mode="json")
    part = LLaMAMoE(config(**{name: dumped[name] for name in first.settings}))
    assert part.phases()[0] == first
    assert set(LLaMAMoEConfig.model_fields) - set(first.settings) == {"stage1", "loss_on"}


def test_without_stage_1_there_is_one() -> None:
    assert [p.name for p in LLaMAMoE(config(stage1=False)).phases()] == ["translation", "routing"]
    assert [p.name for p in LLaMAMoE().phases()] == ["pretraining", "translation", "routing"]
    assert LLaMAMoE(config(stage1=False)).note() == ""
    assert "monolingual" in LLaMAMoE().note()


# -- counts and charts --------------------------------------------------------------------------------------


def test_active_parameters_by_hand() -> None:
    method = LLaMAMoE()
    model = method.attach(tiny_model("llama"), Artefacts(), "translation")
    base = sum(p.numel() for p in tiny_model("llama").parameters())
    neurons, gate, noise = 3 * 16 * 32, 8 * 16 + 8 * 8, 8 * 16
    assert sum(p.numel() for p in model.parameters()) == base + 4 * (gate + noise)
    assert method.active_parameters(model) == base + 4 * (gate - neurons * 6 // 8)


@pytest.mark.parametrize("how", ["random", "kmeans_up"])
def test_a_plan_counts_without_numbers(how: str) -> None:
    method = LLaMAMoE(config(partition=how))
    with torch.device("meta"):
        model = method.attach(nn.Module.to(tiny_model("llama"), "meta"), Artefacts(), "translation")
    trained = sum(p.numel() for p in method.trainable(model, Train("translation")))
    assert trained == 4 * (3 * 16 * 32 + 8 * 16 + 8 * 8 + 8 * 16)


def test_charts_show_load_and_routes(lab: Lab) -> None:
    artefacts = Artefacts(lab.first.folders)
    tensors = artefacts.tensors("routing")
    for kind in ("monolingual", "prompt", "target"):
        torch.testing.assert_close(tensors[f"load.{kind}"].sum(-1), torch.full_like(tensors[f"load.{kind}"][..., 0], 2))
        torch.testing.assert_close(tensors[f"mass.{kind}"].sum(-1), torch.ones_like(tensors[f"mass.{kind}"][..., 0]))
    load, variation, routes = LLaMAMoE().charts(artefacts)
    assert load.series[2].y == pytest.approx(tensors["load.target"].mean(0)[2].tolist())
    assert variation.series[0].y == pytest.approx(cv_squared(tensors["load.monolingual"].mean(0)).tolist())
    mass = tensors["mass.monolingual"]
    expected = 0.5 * float((mass[1, 0] - mass[:, 0].mean(0)).abs().sum())
    assert routes.series[1].name == "de"
    assert routes.series[1].y[0] == pytest.approx(expected, abs=1e-6)
    assert LLaMAMoE().charts(Artefacts()) == ()
