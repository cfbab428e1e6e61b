"""Dealing the neurons of a block into slices, and what translation experts start from.

An LM expert is a slice of the pretrained block, E_j(x) = sum_{n in S_j} a_n(x) w_n + b_down / slices, so the
slices sum to the block.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import torch
from mtsuite.methods.experts import Expert, sliced
from mtsuite.methods.landermt.taylor import taylor_scores
from mtsuite.methods.mix_moe.config import MixMoEConfig
from torch import Tensor, nn

from mtsuite.data.batches import Text
from mtsuite.method import MethodError, Option, Probe
from mtsuite.model.blocks import FeedForwardBlock, Weights


class Importance(Probe):
    """How important neurons are to languages: ``importance`` (languages, layers, f), mean |h dL/dh| over tokens.

    The gradient criterion of LLaMA-MoE (Zhu et al. 2024) with languages in the place of its data clusters.
    """

    name: ClassVar[str] = "importance"

    samples: int = Option(200, ge=1)

    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """``importance`` (languages, layers, neurons).  Raises MethodError when a language has no held-out text."""
        scores = []
        for code in text.languages:
            found = taylor_scores(model, text.monolingual(code, limit=self.samples))
            if not found:
                raise MethodError(f"slices: taylor needs held-out text in every language; found none in {code}.")
            scores.append(found["phi.mean_abs"].float())
        return {"importance": torch.stack(scores)}


def deal(block: FeedForwardBlock, config: MixMoEConfig, layer: int, importance: Tensor | None) -> list[Tensor]:
    """The block's neurons as index sets S_j, in sizes that differ by one at most.

    ``importance`` (languages, f) is for ``slices: taylor``.  Raises MethodError when there are more slices than
    neurons.
    """
    neurons, slices = block.neurons, config.slice_count
    if slices > neurons:
        raise MethodError(f"{block.name} has {neurons} neurons, too few for {slices} slices: take fewer experts.")
    generator = torch.Generator("cpu").manual_seed(layer)
    rows = block.up.weight
    if config.slices == "contiguous" or (rows.is_meta and config.slices != "random"):
        order = torch.arange(neurons, device="cpu")  # a plan holds no numbers to cluster, and asks for sizes alone
    elif config.slices == "random":
        order = torch.randperm(neurons, generator=generator, device="cpu")
    else:
        points = block.weights().up.float() if importance is None else profiles(importance)
        order = balanced_clusters(points.cpu(), slices, generator).argsort(stable=True)
    return list(order.tensor_split(slices))


def save_slices(path: Path, slices: Mapping[int, Sequence[Tensor]]) -> None:
    """Write the index sets S_j (neurons of slice j,) by layer."""
    from safetensors.torch import save_file

    save_file({f"{layer}.{j}": s.contiguous() for layer, sets in slices.items() for j, s in enumerate(sets)}, path)


def load_slices(path: Path) -> dict[int, tuple[Tensor, ...]]:
    """Read what ``save_slices`` wrote, index sets (neurons,) by layer; nothing where there is no such file."""
    from safetensors.torch import load_file

    found: dict[int, dict[int, Tensor]] = {}
    for name, neurons in (load_file(path) if path.is_file() else {}).items():
        layer, j = map(int, name.split("."))
        found.setdefault(layer, {})[j] = neurons
    return {layer: tuple(sets[j] for j in sorted(sets)) for layer, sets in found.items()}


def profiles(importance: Tensor) -> Tensor:
    """How a neuron's importance spreads over languages, (f, languages), each row summing to one.

    Losses of languages differ in scale, so each language's scores are divided by their sum first.
    """
    shares = importance.float() / importance.float().sum(1, keepdim=True).clamp_min(1e-12)
    return (shares / shares.sum(0).clamp_min(1e-12)).t()


def balanced_clusters(points: Tensor, clusters: int, generator: torch.Generator, rounds: int = 20) -> Tensor:
    """Cluster (n) of every point (n, d) by k-means, in sizes as ``tensor_split`` cuts n points."""
    sizes = torch.tensor([len(part) for part in torch.arange(len(points)).tensor_split(clusters)])
    centres = points[torch.randperm(len(points), generator=generator)[:clusters]]
    owner = torch.full((len(points),), -1)
    for _ in range(rounds):
        before, owner = owner, _assigned(torch.cdist(points, centres).square(), sizes)
        if torch.equal(owner, before):
            break
        sums = points.new_zeros(clusters, points.shape[1]).index_add(0, owner, points)
        centres = sums / sizes.unsqueeze(1)
    return owner


def _assigned(distance: Tensor, sizes: Tensor) -> Tensor:
    """A cluster (n) for every row of distance (n, clusters), ``sizes`` rows each.

    All who have no place apply to the nearest cluster that is not full, which takes those who would lose most by
    going to the next; every round fills a cluster or serves everybody.
    """
    owner = torch.full((len(distance),), -1)
    for _ in range(len(sizes)):
        places = sizes - torch.bincount(owner[owner >= 0], minlength=len(sizes))
        still_open = distance.masked_fill(places == 0, torch.inf)
        nearest = torch.nn.functional.pad(still_open, (0, 1), value=torch.inf).topk(2, largest=False)
        loss, wish = nearest.values[:, 1] - nearest.values[:, 0], nearest.indices[:, 0]
        for cluster in range(len(sizes)):
            applying = torch.nonzero((owner < 0) & (wish == cluster)).flatten()
            taken = applying[loss[applying].argsort(descending=True, stable=True)[: int(places[cluster])]]
            owner[taken] = cluster
    return owner


def translation_experts(block: FeedForwardBlock, config: MixMoEConfig, neurons: list[Tensor]) -> list[Expert]:
    """E^MT_j at the start: random, copies of the slices ``neurons`` in turn, or copies of the block.

    ``neurons`` are index sets, each (neurons of the slice,).  Raises MethodError when ``mt_width`` asks for more
    neurons than a slice has to copy.
    """
    count, weights = config.mt_experts, block.weights()
    if config.mt_init == "random":
        width = config.mt_width or max(1, block.neurons // count)
        return [Expert(_random(weights, width, config), block.activation) for _ in range(count)]
    if config.mt_init == "copy":
        return [Expert(_divided(weights, config.factor), block.activation) for _ in range(count)]
    narrowest = min(map(len, neurons))
    if config.mt_width is not None and config.mt_width > narrowest:
        raise MethodError(
            f"mt_width is {config.mt_width}, but a slice of {block.name} has {narrowest} neurons to copy: take that or "
            "less, or mt_init: random."
        )
    parts = [index[: config.mt_width] for index in neurons]
    rounds = -(-count // len(parts))
    return [expert for _ in range(rounds) for expert in sliced(block, parts)][:count]


def _random(like: Weights, width: int, config: MixMoEConfig) -> Weights:
    """A block of the same form with ``width`` random neurons; its biases are zero."""
    hidden = like.up.shape[1]

    def normal(*shape: int) -> Tensor:
        return (torch.randn(*shape) * config.init_std).to(like.up)

    def zeros(bias: Tensor | None, size: int) -> Tensor | None:
        return None if bias is None else bias.new_zeros(size)

    return Weights(
        up=normal(width, hidden),
        up_bias=zeros(like.up_bias, width),
        gate=None if like.gate is None else normal(width, hidden),
        gate_bias=zeros(like.gate_bias, width),
        down=like.down.new_zeros(hidden, width) if config.mt_down_init == "zero" else normal(hidden, width),
        down_bias=zeros(like.down_bias, hidden),
    )


def _divided(weights: Weights, by: float) -> Weights:
    """A copy of a block whose output is divided."""
    bias = None if weights.down_bias is None else weights.down_bias / by
    return replace(copy.deepcopy(weights), down=weights.down / by, down_bias=bias)
