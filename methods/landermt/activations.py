"""Mean activations of the layers (§3.1, Eq. 1), collected over forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mtsuite.model.blocks import FeedForwardBlock, decoder_layers

SITES = ("embedding", "mlp_out", "ffn_hidden", "block_out")


class LayerActivations:
    """Sums over tokens for one direction; ``means()`` ends it.

    ``embedding`` is what enters the first layer; the other sites are those of the option ``act_site``.
    """

    def __init__(self, model: nn.Module, blocks: list[FeedForwardBlock]) -> None:
        self._layers, self._blocks = decoder_layers(model), blocks
        self._sums: dict[tuple[str, int], Tensor] = {}
        self._absolute: dict[tuple[str, int], Tensor] = {}
        self._tokens: Tensor | float = 0.0
        self._weight: Tensor | None = None

    @contextmanager
    def over(self, kept: Tensor) -> Iterator[None]:
        """Collect during one forward pass; ``kept`` (batch, length) marks the tokens that count."""
        self._weight = kept.flatten().float()
        self._tokens = self._tokens + self._weight.sum()
        handles: list[Any] = [
            self._layers[0].register_forward_pre_hook(
                lambda _m, args, kwargs: self._add("embedding", 0, args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True,
            )
        ]
        for index, (block, layer) in enumerate(zip(self._blocks, self._layers, strict=True)):
            handles.append(block.on_output(lambda y, i=index: self._add("mlp_out", i, y)))  # type: ignore[misc]
            handles.append(block.on_neurons(lambda a, i=index: self._add("ffn_hidden", i, a)))  # type: ignore[misc]
            handles.append(
                layer.register_forward_hook(
                    lambda _m, _a, out, i=index: self._add("block_out", i, out[0] if isinstance(out, tuple) else out)
                )
            )
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _add(self, site: str, layer: int, values: Tensor) -> None:
        values = values.detach().reshape(-1, values.shape[-1]).float()
        assert self._weight is not None
        # A batch is summed in float32, as a product with the mask; batches are added in float64.
        key, weight = (site, layer), self._weight
        total, absolute = (weight @ values).double(), (weight @ values.abs()).double().mean()
        self._sums[key] = self._sums[key] + total if key in self._sums else total
        self._absolute[key] = self._absolute[key] + absolute if key in self._absolute else absolute

    def means(self) -> dict[str, Tensor]:
        """``<site>`` (layers, units) and ``<site>.abs`` (layers), means over tokens; inner neurons are averaged.

        The embedding has one layer; of ``ffn_hidden`` only the mean over units is kept (layers, 1).
        """
        found: dict[str, Tensor] = {}
        for site in SITES:
            places = range(1 if site == "embedding" else len(self._layers))
            mean = torch.stack([self._sums[site, i] for i in places]) / self._tokens
            found[site] = (mean.mean(-1, keepdim=True) if site == "ffn_hidden" else mean).float().cpu()
            found[f"{site}.abs"] = (torch.stack([self._absolute[site, i] for i in places]) / self._tokens).float().cpu()
        return found
