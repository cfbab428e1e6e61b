"""Looking at the base model: activations by layer (§3.1) and awareness of neurons (§3.2).

Both are measured over all layers, whatever k and epsilon choose afterwards: a sweep of either costs no
second detection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mtsuite.data.batches import Batch, Text
from mtsuite.method import Option, Probe
from mtsuite.model.blocks import FeedForwardBlock, decoder_layers, feed_forward_blocks
from mtsuite.model.likelihood import target_logits


class Detection(Probe):
    """Mean activations by direction and layer, Taylor scores by language (or direction), layer and neuron.

    Tensors, for D directions, G languages (or directions), L layers, d hidden units, f neurons:
    ``activation.mean`` (D, L + 1, d) and ``activation.mean_abs`` (D, L + 1), where entry 0 is what enters
    the first layer; ``phi.<aggregation>`` (G, L, f) for every aggregation.
    """

    name: ClassVar[str] = "detection"

    samples: int = Option(1000, ge=1)
    with_target: bool = False
    awareness: Literal["language", "direction"] = "language"

    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        return {**self._activations(model, text), **self._taylor(model, text)}

    # -- §3.1, Eq. 1 ------------------------------------------------------------------------------

    @torch.inference_mode()
    def _activations(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        blocks, device = feed_forward_blocks(model), next(model.parameters()).device
        means, absolutes = [], []
        for direction in text.directions:
            total = torch.zeros(len(blocks) + 1, blocks[0].hidden_size, dtype=torch.float64)
            absolute = torch.zeros(len(blocks) + 1, dtype=torch.float64)
            tokens = 0
            for batch in text.batches(direction, limit=self.samples, target=self.with_target):
                batch = batch.to(device)
                seen = _watch_outputs(model, blocks, batch)
                kept = batch.attention_mask.flatten().bool()
                for place, output in enumerate(seen):
                    values = output.reshape(-1, output.shape[-1])[kept].double().cpu()
                    total[place] += values.sum(0)
                    absolute[place] += values.abs().mean(1).sum()
                tokens += int(kept.sum())
            means.append(total / max(1, tokens))
            absolutes.append(absolute / max(1, tokens))
        return {
            "activation.mean": torch.stack(means).float(),
            "activation.mean_abs": torch.stack(absolutes).float(),
        }

    # -- §3.2, Eqs. 3-4 -----------------------------------------------------------------------------

    def _taylor(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        scores: dict[str, list[Tensor]] = {}
        for batches in self._texts(text):
            for name, value in taylor_scores(model, batches).items():
                scores.setdefault(f"phi.{name}", []).append(value)
        return {name: torch.stack(values) for name, values in scores.items()}

    def _texts(self, text: Text) -> Iterator[Iterator[Batch]]:
        if self.awareness == "language":
            for code in text.languages:
                yield text.monolingual(code, limit=self.samples)
        else:
            for direction in text.directions:
                yield text.batches(direction, limit=self.samples)


def taylor_scores(model: nn.Module, batches: Iterator[Batch]) -> dict[str, Tensor]:
    """First-order Taylor scores |Delta L(h)| ~ |dL/dh h| of all neurons (Eq. 4), each (layers, neurons).

    The loss is summed over target tokens, so that the gradient at a token does not depend on its batch;
    every non-padding token weighs the same.  One forward and one backward pass a batch, no gradients of
    parameters.
    """
    blocks, device = feed_forward_blocks(model), next(model.parameters()).device
    layers, neurons = len(blocks), blocks[0].neurons
    absolute, signed, square, by_sentence = (torch.zeros(layers, neurons, dtype=torch.float64) for _ in range(4))
    tokens = sentences = 0
    start = model.get_input_embeddings().register_forward_hook(  # type: ignore[operator]
        lambda _m, _a, output: output.requires_grad_(True)
    )
    try:
        for batch in batches:
            batch = batch.to(device)
            seen: list[Tensor] = []
            handles = [block.on_neurons(seen.append) for block in blocks]
            try:
                logits, targets = target_logits(model, batch)
                loss = nn.functional.cross_entropy(logits, targets, reduction="sum")
            finally:
                for handle in handles:
                    handle.remove()
            kept = batch.attention_mask.bool()
            for layer, (h, g) in enumerate(zip(seen, torch.autograd.grad(loss, seen), strict=True)):
                product = (g.float() * h.detach().float()).reshape(*kept.shape, -1) * kept.unsqueeze(-1)
                absolute[layer] += product.abs().sum((0, 1)).double().cpu()
                square[layer] += product.square().sum((0, 1)).double().cpu()
                sentence = product.sum(1)
                signed[layer] += sentence.sum(0).double().cpu()
                by_sentence[layer] += sentence.abs().sum(0).double().cpu()
            tokens += int(kept.sum())
            sentences += len(kept)
    finally:
        start.remove()
    return {
        "mean_abs": (absolute / max(1, tokens)).float(),
        "abs_of_sum": (signed.abs() / max(1, tokens)).float(),
        "mean_square": (square / max(1, tokens)).float(),
        "mean_sample_abs": (by_sentence / max(1, sentences)).float(),
    }


def _watch_outputs(model: nn.Module, blocks: list[FeedForwardBlock], batch: Batch) -> list[Tensor]:
    """What enters the first layer, then the output of every feed-forward block, over one forward pass."""
    first: list[Tensor] = []
    seen: list[Tensor] = []

    def enter(_: nn.Module, arguments: tuple[Tensor, ...], keywords: dict[str, Tensor]) -> None:
        first.append(arguments[0] if arguments else keywords["hidden_states"])

    handles = [block.on_output(seen.append) for block in blocks]
    handles.append(decoder_layers(model)[0].register_forward_pre_hook(enter, with_kwargs=True))
    try:
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return [*first, *seen]
