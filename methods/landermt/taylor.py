"""Awareness of neurons by first-order Taylor expansion (§3.2, Eqs. 3-4; Xie et al. 2021).

    Phi(n) = |L(h_n = 0) - L(h_n)|  ~  |dL/dh_n h_n|

The loss is summed over target tokens, so that the gradient at a token does not depend on its batch, and every
token of the text weighs the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.model.likelihood import target_logits

Site = Literal["post", "pre", "pre_gate_and_up"]
AGGREGATIONS = ("mean_abs", "abs_of_sum", "mean_sample_abs", "mean_square")


class TaylorSums:
    """Sums of g h over the tokens of one text, for a list of layers with equally many neurons."""

    def __init__(self, layers: int) -> None:
        self._sums: list[dict[str, Tensor]] = [{} for _ in range(layers)]

    def add(self, layer: int, gradient: Tensor, output: Tensor, *, also: bool = False) -> None:
        """Count a batch: gradient and output (batch, length, neurons); the gradient is overwritten.

        Padding lies to the right, where no loss reaches: its gradient is zero, so nothing masks it.
        ``also``: a second place of the same neurons, whose scores are added.
        """
        # abs().sum() and not vector_norm(), which is forty times slower over the first dimensions on a CPU.
        found = {"gradient": gradient.abs().sum((0, 1), dtype=torch.float32)}
        product = gradient.float().mul_(output.detach())
        sentence = product.sum(1)
        found["sum_second" if also else "sum"] = sentence.sum(0)
        found["mean_sample_abs"] = sentence.abs_().sum(0)
        found["mean_abs"] = product.abs_().sum((0, 1))
        found["mean_square"] = product.square_().sum((0, 1))
        sums = self._sums[layer]
        for name, value in found.items():
            sums[name] = sums[name] + value.double() if name in sums else value.double()

    def scores(self, tokens: float, sentences: int) -> dict[str, Tensor]:
        """Each aggregation, and the mean |g| as ``gradient``: (layers, neurons) float32."""
        rows: dict[str, list[Tensor]] = {}
        for sums in self._sums:
            absolute = sums["sum"].abs() + (sums["sum_second"].abs() if "sum_second" in sums else 0.0)
            by_token = {"mean_abs": sums["mean_abs"], "abs_of_sum": absolute, "mean_square": sums["mean_square"]}
            by_token["gradient"] = sums["gradient"]
            for name, value in by_token.items():
                rows.setdefault(name, []).append(value / max(1.0, tokens))
            rows.setdefault("mean_sample_abs", []).append(sums["mean_sample_abs"] / max(1, sentences))
        return {name: torch.stack(values).float().cpu() for name, values in rows.items()}


def taylor_scores(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    site: Site = "post",
    outputs: bool = False,
    watch: Any = None,
) -> dict[str, Tensor]:
    """Scores of all neurons over a text, in one forward and one backward pass a batch, without parameters' gradients.

    Returns ``phi.<aggregation>`` (layers, neurons), ``gradient`` (the mean |g|), ``firing.product`` and, in gated
    blocks, ``firing.gate``: the share of tokens at which the activation is positive.  With ``outputs`` also
    ``phi_out.<aggregation>`` (layers, hidden), the same of the outputs of W_down.  ``watch(batch)`` may give a
    context around each forward pass.
    """
    blocks, device = feed_forward_blocks(model), next(model.parameters()).device
    inner, outer, firing = TaylorSums(len(blocks)), TaylorSums(len(blocks)), _Firing(blocks)
    tokens, sentences = torch.zeros((), device=device), 0
    with _differentiable(model):
        for batch in batches:
            batch = batch.to(device)
            kept = batch.attention_mask.bool()
            around: AbstractContextManager[Any] = watch(batch) if watch is not None else nullcontext()
            with around, firing.over(kept), _tapped(blocks, site) as taps, _tapped_outputs(blocks, outputs) as out:
                logits, targets = target_logits(model, batch)
                loss = nn.functional.cross_entropy(logits, targets, reduction="sum")
            gradients = iter(torch.autograd.grad(loss, [t for place in taps for t in place] + out))
            for place_number, place in enumerate(taps):
                for layer, output in enumerate(place):
                    inner.add(layer, next(gradients).reshape(*kept.shape, -1), output.reshape(*kept.shape, -1),
                              also=place_number > 0)  # fmt: skip
            for layer, output in enumerate(out):
                outer.add(layer, next(gradients).reshape(*kept.shape, -1), output.reshape(*kept.shape, -1))
            tokens += kept.sum()
            sentences += len(kept)
    count = float(tokens)
    if not sentences:
        return {}
    scores = inner.scores(count, sentences)
    found = {f"phi.{name}": scores[name] for name in AGGREGATIONS}
    found["gradient"] = scores["gradient"]
    if outputs:
        scores = outer.scores(count, sentences)
        found |= {f"phi_out.{name}": scores[name] for name in AGGREGATIONS}
    return found | firing.shares(count)


class _Firing:
    """How often neurons fire: activation above zero (Tang et al. 2024: after GELU in BLOOM, SiLU(gate) in LLaMA)."""

    def __init__(self, blocks: Sequence[FeedForwardBlock]) -> None:
        self._blocks = blocks
        self._counts: dict[tuple[str, int], Tensor] = {}

    @contextmanager
    def over(self, kept: Tensor) -> Iterator[None]:
        """Count, within, the firing of the tokens that ``kept`` (rows, length) marks."""
        weight = kept.flatten().float()

        def count(site: str, layer: int, values: Tensor) -> None:
            values = values.detach().reshape(len(weight), -1)
            fires = weight @ torch.gt(values, 0, out=torch.empty_like(values, dtype=torch.float32))
            key = site, layer
            self._counts[key] = self._counts[key] + fires.double() if key in self._counts else fires.double()

        handles = []
        for index, block in enumerate(self._blocks):
            handles.append(block.on_neurons(lambda a, i=index: count("product", i, a)))  # type: ignore[misc]
            if block.gate is not None:
                handles.append(
                    block.gate.register_forward_hook(
                        lambda _m, _a, z, i=index, act=block.activation: count("gate", i, act(z.detach()))
                    )
                )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def shares(self, tokens: float) -> dict[str, Tensor]:
        """The share of ``tokens`` at which a neuron fired, by site, each (layers, neurons)."""
        sites = dict.fromkeys(site for site, _ in self._counts)
        layers = range(len(self._blocks))
        return {
            f"firing.{site}": (torch.stack([self._counts[site, i] for i in layers]) / tokens).float().cpu()
            for site in sites
        }


@contextmanager
def _differentiable(model: nn.Module) -> Iterator[None]:
    """Within, activations carry gradients although no parameter does."""
    embeddings = model.get_input_embeddings()  # type: ignore[operator]
    handle = embeddings.register_forward_hook(lambda _m, _a, output: output.requires_grad_(True))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _tapped(blocks: Sequence[FeedForwardBlock], site: Site) -> Iterator[list[list[Tensor]]]:
    """The outputs h of all neurons, filled during a forward pass: a list by layer for each place of ``site``."""
    gated = blocks[0].gated
    places: list[list[Tensor]] = [[], []] if site == "pre_gate_and_up" and gated else [[]]
    handles = []
    for block in blocks:
        if site == "post":
            handles.append(block.on_neurons(places[0].append))
            continue
        maps = [block.gate if block.gate is not None else block.up]  # what the activation function is applied to
        if len(places) > 1:
            maps.append(block.up)
        for place, module in zip(places, maps, strict=True):
            handles.append(module.register_forward_hook(lambda _m, _a, out, place=place: place.append(out)))
    try:
        yield places
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _tapped_outputs(blocks: Sequence[FeedForwardBlock], wanted: bool) -> Iterator[list[Tensor]]:
    """The outputs of W_down by layer, when they are wanted."""
    seen: list[Tensor] = []
    handles = [block.on_output(seen.append) for block in blocks] if wanted else []
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
