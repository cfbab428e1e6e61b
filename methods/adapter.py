"""Bottleneck adapters (Houlsby et al. 2019; placed as by Pfeiffer et al. 2021).

After the feed-forward block of every layer, before the residual is added:

    y  becomes  y + W_up gelu(W_down y + b_down) + b_up,      W_down (m, d) random, W_up (d, m) zero
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from torch import Tensor, nn

from mtsuite.method import Artefacts, Method, MethodConfig, Option, Phase, Train
from mtsuite.model.blocks import FeedForwardBlock, decoder_layers, feed_forward_blocks


class AdapterConfig(MethodConfig):
    bottleneck: Annotated[int, Option(ge=1)] | Literal["match"] = Option(
        "match",
        description="Width m of the bottleneck, or `match`: as many parameters as `match_layers` feed-forward "
        "blocks. "
        "LANDeRMT Table 1 reports 806 M, the size of its own four layers, which no customary "
        "bottleneck gives; so we match.",
    )
    match_layers: int = Option(4, ge=1, description="Feed-forward blocks to match in size (LANDeRMT §4.2: k = 4).")


class Bottleneck(nn.Module):
    """One adapter; zero at the start, so that training begins from the base model."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(hidden, width)
        self.up = nn.Linear(width, hidden)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, y: Tensor) -> Tensor:
        """y + W_up gelu(W_down y + b_down) + b_up, for y (..., d), the output of the feed-forward block: (..., d)."""
        change: Tensor = self.up(nn.functional.gelu(self.down(y.to(self.down.weight.dtype))))
        return y + change.to(y.dtype)


def bottleneck_width(blocks: Sequence[FeedForwardBlock], config: AdapterConfig) -> int:
    """Width m of the bottleneck; ``match`` solves L m 2 d = match_layers * (weights of a block)."""
    if isinstance(config.bottleneck, int):
        return config.bottleneck
    block = blocks[0]
    weights = (3 if block.gated else 2) * block.hidden_size * block.neurons
    layers = min(config.match_layers, len(blocks))
    return max(1, round(layers * weights / (len(blocks) * 2 * block.hidden_size)))


def add_adapters(model: nn.Module, config: AdapterConfig) -> None:
    """Put an adapter behind the feed-forward block of every layer."""
    blocks = feed_forward_blocks(model)
    width = bottleneck_width(blocks, config)
    for block, layer in zip(blocks, decoder_layers(model), strict=True):
        adapter = Bottleneck(block.hidden_size, width).to(next(block.parameters()).device)
        layer.add_module("adapter", adapter)
        block.down.register_forward_hook(_behind(adapter))


def _behind(adapter: Bottleneck):  # type: ignore[no-untyped-def]
    def hook(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> Tensor:
        adapted: Tensor = adapter(output)
        return adapted

    return hook


def adapter_parameters(model: nn.Module) -> list[nn.Parameter]:
    return [p for module in model.modules() if isinstance(module, Bottleneck) for p in module.parameters()]


class Adapter(Method):
    """Bottleneck adapters on a frozen base."""

    Config = AdapterConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4)]

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        add_adapters(model, self.config)
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return adapter_parameters(model)
