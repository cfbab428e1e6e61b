"""Looking at the base model: activations by layer (§3.1) and awareness of neurons (§3.2).

Both are measured over all layers, whatever k, epsilon or the detector choose afterwards: a sweep of any of them
costs no second detection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import ClassVar, Literal

import torch
from mtsuite.methods.landermt.activations import LayerActivations
from mtsuite.methods.landermt.taylor import Site, taylor_scores
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED, Batch, Text
from mtsuite.method import MethodError, Option, Probe
from mtsuite.model.blocks import feed_forward_blocks


class Detection(Probe):
    """Mean activations by direction and layer, awareness by language (or direction), layer and neuron.

    Tensors, for D directions, G languages (or directions), L layers, d hidden units, f neurons:

    ``activation.embedding`` (D, 1, d), ``activation.mlp_out`` and ``activation.block_out`` (D, L, d),
    ``activation.ffn_hidden`` (D, L, 1): means over tokens; each with ``.abs`` (D, layers), the mean absolute value;
    ``phi.<aggregation>``, ``gradient`` (mean |dL/dh|), ``firing.product`` and in gated blocks ``firing.gate`` (share of
    tokens with a positive activation), all (G, L, f); with ``outputs`` ``phi_out.<aggregation>`` (G, L, d).

    Cost: by language a forward pass over the prompts of each direction, and a forward and a backward pass over the
    text of each language; by direction one forward and one backward pass over its sentence pairs.
    """

    name: ClassVar[str] = "detection"

    samples: int = Option(1000, ge=1)
    with_target: bool = False
    awareness: Literal["language", "direction"] = "language"
    site: Site = "post"
    outputs: bool = False

    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """Activations (directions, layers) and Taylor scores (owners, layers, neurons), by aggregation.

        Owners are languages or directions.
        """
        if self.awareness == "language":
            rows = [{**self._activations(model, batches)} for batches in self._prompts(text)]
            scores = [self._scores(model, text.monolingual(c, limit=self.samples), c) for c in text.languages]
        else:
            rows, scores = [], []
            for direction in text.directions:
                # One pass serves both: prompts come first, and later tokens do not change their activations.
                means = LayerActivations(model, feed_forward_blocks(model))
                batches = text.batches(direction, limit=self.samples)
                scores.append(self._scores(model, batches, str(direction), means))
                rows.append(means.means())
        found = {f"activation.{name}": torch.stack([row[name] for row in rows]) for name in rows[0]}
        return found | {name: torch.stack([score[name] for score in scores]) for name in scores[0]}

    def _prompts(self, text: Text) -> Iterator[Iterator[Batch]]:
        for direction in text.directions:
            yield text.batches(direction, limit=self.samples, target=self.with_target)

    @torch.inference_mode()
    def _activations(self, model: nn.Module, batches: Iterator[Batch]) -> dict[str, Tensor]:
        """§3.1: forward passes without the output layer, whose logits nobody looks at."""
        means, device = LayerActivations(model, feed_forward_blocks(model)), next(model.parameters()).device
        inner: nn.Module = model.base_model  # type: ignore[assignment]
        for batch in batches:
            batch = batch.to(device)
            with means.over(batch.attention_mask.bool()):
                inner(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        return means.means()

    def _scores(
        self, model: nn.Module, batches: Iterator[Batch], what: str, means: LayerActivations | None = None
    ) -> dict[str, Tensor]:
        """§3.2, and §3.1 with it where ``means`` collects over the same passes."""

        def watch(batch: Batch) -> AbstractContextManager[None]:
            assert means is not None
            kept = batch.attention_mask.bool()
            return means.over(kept if self.with_target else kept & (batch.labels == IGNORED))

        found = taylor_scores(
            model, batches, site=self.site, outputs=self.outputs, watch=None if means is None else watch
        )
        if not found:
            raise MethodError(
                f"{what}: expected held-out text, over which awareness is measured; found none. "
                "Set data.text.valid_sentences, or name validation files."
            )
        return found
