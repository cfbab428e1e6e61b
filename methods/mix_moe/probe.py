"""Where a trained Mix-MoE sends held-out text, by layer, language and kind of token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
from mtsuite.methods.mix_moe.layer import MixedFeedForward, layers_of, watched
from mtsuite.methods.mix_moe.losses import lm_mass
from mtsuite.methods.mix_moe.reading import Reading, prompt_of
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED, Batch, Text
from mtsuite.method import LooksAt, Option, Probe

KINDS = ("monolingual", "prompt", "target")


class RoutingProbe(Probe):
    """Group mass, load, probability and entropy over monolingual text, prompts and targets, without padding.

    Tensors, for the 3 kinds, G languages (of the text, or the direction's target), L layers with a mixture, n
    experts (LM first): ``mass`` (3, G, L) the mean of rho_LM; ``load`` (3, G, L, n) the share of tokens that use an
    expert; ``probability`` (3, G, L, n) its mean; ``entropy`` (3, G, L) of a token's probabilities in nats, mean;
    ``tokens`` (3, G), 0 where there was no text and the others are NaN; ``layers`` (L) their numbers from 0;
    ``frequency`` (L, m), when features have frequencies: the norm of W_phi's columns of each, lowest first.
    """

    name: ClassVar[str] = "routing"
    looks_at: ClassVar[LooksAt] = "trained"

    samples: int = Option(100, ge=1)

    @torch.inference_mode()
    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """The tensors of the class's description, such as ``mass`` (3, languages, layers)."""
        layers, languages = layers_of(model), text.languages
        counts = {(kind, code): _Counts(layers) for kind in KINDS for code in languages}
        reading = layers[0].reading
        for code in languages:
            for batch, read in self._read(model, reading, text.monolingual(code, limit=self.samples)):
                counts["monolingual", code].add(read, batch.attention_mask)
        for direction in text.directions:
            for batch, read in self._read(model, reading, text.batches(direction, limit=self.samples)):
                counts["prompt", direction.target].add(read, prompt_of(batch))
                counts["target", direction.target].add(read, batch.labels != IGNORED)
        found = {
            name: torch.stack([torch.stack([counts[kind, code].mean(name) for code in languages]) for kind in KINDS])
            for name in ("mass", "load", "probability", "entropy")
        }
        found["tokens"] = torch.tensor([[counts[kind, code].tokens for code in languages] for kind in KINDS])
        found["layers"] = torch.tensor([layer.layer for layer in layers])
        return found | frequency_weights(layers)

    def _read(
        self, model: nn.Module, reading: Reading, batches: Iterator[Batch]
    ) -> Iterator[tuple[Batch, dict[str, Tensor]]]:
        """Every batch with what its tokens' routes are: values (layers, rows * length, ...)."""
        device = next(model.parameters()).device
        for batch in batches:
            batch = batch.to(device)
            with reading.telling(prompt_of(batch)), watched(model) as routes:
                model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
            first = layers_of(model)[0]
            p = torch.stack([route.p / route.p.sum(-1, keepdim=True) for route in routes])
            yield (
                batch,
                {
                    "mass": torch.stack([lm_mass(route, len(first.lm)) for route in routes]),
                    "load": torch.stack([route.used() for route in routes]),
                    "probability": p,
                    "entropy": torch.special.entr(p).sum(-1),
                },
            )


class _Counts:
    """Sums over the tokens of one kind and language."""

    def __init__(self, layers: list[MixedFeedForward]) -> None:
        one, many = torch.zeros(len(layers)), torch.zeros(len(layers), len(layers[0].experts))
        self.sums = {name: value.double() for name, value in
                     {"mass": one, "entropy": one, "load": many, "probability": many}.items()}  # fmt: skip
        self.tokens = 0

    def add(self, read: dict[str, Tensor], mask: Tensor) -> None:
        """Add the tokens that ``mask`` (rows, length) marks."""
        kept = mask.flatten().bool()
        self.sums = {name: total + read[name][:, kept].double().sum(1).cpu() for name, total in self.sums.items()}
        self.tokens += int(kept.sum())

    def mean(self, name: str) -> Tensor:
        """The mean over the added tokens, (layers, ...); NaN without any."""
        return (self.sums[name] / self.tokens).float()  # NaN where nothing was read


def frequency_weights(layers: list[MixedFeedForward]) -> dict[str, Tensor]:
    """``frequency`` (L, m): the norm over experts of what the router weighs each frequency with; none without any."""
    norms = []
    for layer in layers:
        features = layer.router.features
        parts = [part for part in (layer.router.lm, layer.router.mt) if part is not None]
        if features is None or not features.frequencies or not parts or layer.router.config.transform == "random":
            return {}  # a random projection has no frequencies
        weight = torch.cat([part.from_features for part in parts if part.from_features is not None]).float()
        norms.append(weight.reshape(-1, features.frequencies).norm(dim=0).cpu())
    return {"frequency": torch.stack(norms)}
