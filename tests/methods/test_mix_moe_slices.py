"""Slices: that they make up the block, how neurons are dealt, and what translation experts start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.experts import sliced
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import layers_of
from mtsuite.methods.mix_moe.slices import (
    Importance,
    balanced_clusters,
    deal,
    load_slices,
    profiles,
    translation_experts,
)
from safetensors.torch import save_file
from torch import nn

from mtsuite.method import Artefacts, MethodError, Probe
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import TRAINED, Lab, tiny_batch, tiny_model, tiny_text

torch.set_num_threads(1)


def config(**options: Any) -> MixMoEConfig:
    return MixMoEConfig.model_validate(options)


def block_of(family: str) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family))[1]


BLOCKS = {family: block_of(family) for family in ("bloom", "gpt2", "opt", "llama", "gemma")}


def original(block: FeedForwardBlock, x: torch.Tensor) -> torch.Tensor:
    w, act = block.weights(), block.activation
    up = nn.functional.linear(x, w.up, w.up_bias)
    a = act(up) if w.gate is None else act(nn.functional.linear(x, w.gate, w.gate_bias)) * up
    return nn.functional.linear(a, w.down, w.down_bias)


@settings(max_examples=40, deadline=None)
@given(
    family=st.sampled_from(list(BLOCKS)),
    how=st.sampled_from(["random", "contiguous", "kmeans", "taylor"]),
    slices=st.integers(1, 9),
    seed=st.integers(0, 100),
)
def test_slices_make_up_the_block(family: str, how: str, slices: int, seed: int) -> None:
    block = BLOCKS[family]
    importance = torch.rand(3, block.neurons, generator=torch.Generator().manual_seed(seed))
    seen = importance if how == "taylor" else None
    neurons = deal(block, config(slices=how, lm_experts=slices), seed, seen)
    assert torch.cat(neurons).sort().values.tolist() == list(range(block.neurons)), "every neuron once"
    sizes = [len(index) for index in neurons]
    assert max(sizes) - min(sizes) <= 1
    x = torch.randn(2, 3, block.hidden_size, generator=torch.Generator().manual_seed(seed))
    total = sum(expert(x) for expert in sliced(block, neurons))
    torch.testing.assert_close(total, original(block, x), atol=1e-5, rtol=1e-4)


def test_permutations_are_seeded_by_the_layer() -> None:
    block = BLOCKS["llama"]
    one, again, other = (deal(block, config(), layer, None) for layer in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])


def test_more_slices_than_neurons() -> None:
    with pytest.raises(MethodError, match="32 neurons, too few for 33"):
        deal(BLOCKS["llama"], config(lm_experts=33), 0, None)


# -- balanced k-means ---------------------------------------------------------------------------------------


def test_clusters_are_found() -> None:
    """Three clouds far apart, as large as their clusters."""
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]).repeat_interleave(7, 0)[:20]
    shuffled = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    points = (centres + 0.1 * torch.randn(20, 2, generator=torch.Generator().manual_seed(1)))[shuffled]
    cloud = torch.arange(3).repeat_interleave(7)[:20][shuffled]
    found = [balanced_clusters(points, 3, torch.Generator().manual_seed(s)) for s in range(8)]
    assert all(sorted(torch.bincount(owner).tolist()) == [6, 7, 7] for owner in found)
    pure = [len({(int(a), int(b)) for a, b in zip(owner, cloud, strict=True)}) == 3 for owner in found]
    assert sum(pure) >= 4, "a bad start may find another division, most find this one"


def test_a_full_cluster_sends_away_who_loses_least() -> None:
    """Not the one that is farthest from its own centre, but the one that loses least by leaving."""
    points = torch.tensor([[0.0], [0.1], [0.2], [9.0]])
    for seed in range(6):
        owner = balanced_clusters(points, 2, torch.Generator().manual_seed(seed))
        assert owner[0] == owner[1] != owner[2]
        assert owner[2] == owner[3]


def test_kmeans_deals_alike_neurons_together() -> None:
    model = tiny_model("llama")
    block = feed_forward_blocks(model)[0]
    with torch.no_grad():
        block.up.weight[::2] += 5.0
    neurons = deal(block, config(slices="kmeans"), 0, None)
    assert sorted(index.remainder(2).unique().tolist() for index in neurons) == [[0], [1]]


def test_profiles_do_not_depend_on_the_scale_of_a_loss() -> None:
    importance = torch.rand(3, 8)
    found = profiles(importance)
    torch.testing.assert_close(found.sum(1), torch.ones(8))
    torch.testing.assert_close(profiles(importance * torch.tensor([[1.0], [7.0], [0.1]])), found)


def test_taylor_deals_by_language(tmp_path: Path) -> None:
    importance = torch.rand(2, 4, 32) * 0.1
    importance[0, :, ::2] += 1.0
    importance[1, :, 1::2] += 1.0
    save_file({"importance": importance}, tmp_path / "tensors.safetensors")
    method = MixMoE(config(slices="taylor"))
    model = method.attach(tiny_model("llama"), Artefacts({"importance": tmp_path}), "mt-experts")
    even, odd = (feed_forward_blocks(tiny_model("llama"))[2].weights().up[i::2] for i in (0, 1))
    ups = [expert.up for expert in layers_of(model)[2].lm]
    assert any(torch.equal(ups[0], part) and torch.equal(ups[1], other) for part, other in ((even, odd), (odd, even)))


def test_importance_is_the_taylor_score(tmp_path: Path) -> None:
    text = tiny_text(tmp_path)
    found = Importance(samples=4).run(tiny_model("llama").requires_grad_(False), text)["importance"]
    assert found.shape == (len(text.languages), 4, 32)
    assert bool((found > 0).all())
    phases = MixMoE(config(slices="taylor", taylor_samples=7)).phases()
    assert phases[0] == Importance(samples=7)
    assert isinstance(phases[0], Probe)


def test_taylor_runs_from_its_probe_to_translation() -> None:
    run = Lab(lambda: MixMoE(config(slices="taylor", taylor_samples=4, probe_samples=4)), "llama").first
    assert list(run.folders) == ["importance", "lm-experts", "mt-experts", "routing"]


# -- translation experts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_random_translation_experts(family: str) -> None:
    block = BLOCKS[family]
    neurons = deal(block, config(), 0, None)
    torch.manual_seed(0)
    zero, normal = (
        translation_experts(block, config(mt_down_init=down, mt_experts=3, init_std=0.5), neurons)
        for down in ("zero", "normal")
    )
    x = torch.randn(2, 3, block.hidden_size)
    for expert, other in zip(zero, normal, strict=True):
        assert len(expert.up) == block.neurons // 3
        assert not expert(x).any()
        assert other(x).any()
        assert abs(float(other.up.detach().std()) - 0.5) < 0.1
        assert (expert.gate is not None) == block.gated
        assert (expert.down_bias is not None) == (block.weights().down_bias is not None)
    assert len(translation_experts(block, config(mt_width=5), neurons)[0].up) == 5


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_copied_slices_are_those_of_the_lm_experts(family: str) -> None:
    block = BLOCKS[family]
    neurons = deal(block, config(), 0, None)
    lm = sliced(block, neurons)
    x = torch.randn(2, 3, block.hidden_size)
    for j, expert in enumerate(translation_experts(block, config(mt_init="slices", mt_experts=5), neurons)):
        torch.testing.assert_close(expert(x), lm[j % 2](x))
    narrow = translation_experts(block, config(mt_init="slices", mt_width=3), neurons)
    assert torch.equal(narrow[1].up, lm[1].up[:3])
    with pytest.raises(MethodError, match="mt_width is 99"):
        translation_experts(block, config(mt_init="slices", mt_width=99), neurons)


def test_copies_learn_apart_from_the_slices() -> None:
    block = BLOCKS["llama"]
    neurons = deal(block, config(), 0, None)
    copies = translation_experts(block, config(mt_init="copy"), neurons)
    assert len({expert.up.data_ptr() for expert in copies} | {block.up.weight.data_ptr()}) == 3


def test_a_plan_needs_no_numbers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    for how in ("random", "kmeans", "taylor"):
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(tiny_model("llama").config)
            model = MixMoE(config(slices=how, axis="causal_window")).attach(skeleton, Artefacts(), "mt-experts")
        real = MixMoE(config(axis="causal_window")).attach(tiny_model("llama"), Artefacts(), "mt-experts")
        assert [p.shape for p in model.parameters()] == [p.shape for p in real.parameters()]
        assert all(p.is_meta for p in model.parameters())
    assert tiny_batch(tiny_text(tmp_path), TRAINED[0]).input_ids.numel()


def test_a_checkpoint_says_which_neurons_its_experts_hold(tmp_path: Path) -> None:
    def attached(**options: Any) -> tuple[MixMoE, nn.Module]:
        method = MixMoE(config(**options))
        return method, method.attach(tiny_model("llama"), Artefacts({}), "mt-experts")

    method, model = attached()
    blocks = feed_forward_blocks(tiny_model("llama"))
    method.save(model, tmp_path)
    saved = load_slices(tmp_path / "slices.safetensors")
    assert set(saved) == {0, 1, 2, 3}
    for (layer, slices), mixed in zip(saved.items(), layers_of(model), strict=True):
        assert sorted(torch.cat(slices).tolist()) == list(range(blocks[layer].neurons)), layer
        for neurons, expert in zip(slices, mixed.lm, strict=True):  # the saved numbers are those of its rows
            torch.testing.assert_close(expert.up, blocks[layer].up.weight[neurons])
            torch.testing.assert_close(expert.down, blocks[layer].down.weight[:, neurons])
    method.load(model, tmp_path)
    for options in ({"slices": "contiguous"}, {"lm_experts": 4}):
        other, wrong = attached(**options)
        with pytest.raises(MethodError, match="slices of layer 0 are not those that were trained"):
            other.load(wrong, tmp_path)
