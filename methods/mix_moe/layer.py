"""The layer that stands in the place of a feed-forward block.

y = c sum_{j in K} p~_j E_j(x),    E_1 .. E_n the LM experts, then the MT experts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mtsuite.methods.dispatch import mix
from mtsuite.methods.experts import sliced
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.reading import Reading
from mtsuite.methods.mix_moe.router import Router, Routes
from mtsuite.methods.mix_moe.slices import deal, translation_experts
from torch import Tensor, nn

from mtsuite.model.blocks import FeedForwardBlock


class MixedFeedForward(nn.Module):
    """LM experts, MT experts and their router.  Without MT experts (stage 1, single group) there is one group."""

    def __init__(
        self,
        block: FeedForwardBlock,
        config: MixMoEConfig,
        reading: Reading,
        *,
        with_mt: bool,
        importance: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.layer, self.reading = block.layer, reading
        neurons = deal(block, config, block.layer, importance)
        self.slices = tuple(neurons)  # S_j, for the checkpoint: which neuron is in which expert
        self.lm = nn.ModuleList(sliced(block, neurons))
        self.mt = nn.ModuleList(translation_experts(block, config, neurons)) if with_mt else None
        count = config.mt_experts if with_mt else 0
        router = Router(block.hidden_size, len(self.lm), count, config, block.layer, reading)
        self.router = router.to(block.up.weight.device)

    @property
    def experts(self) -> Sequence[nn.Module]:
        """All experts, LM experts first."""
        return [*self.lm, *(self.mt or ())]

    def forward(self, x: Tensor) -> Tensor:
        """y = c sum_j p~_j E_j(x), for x (rows, length, d): (rows, length, d)."""
        routes: Routes = self.router(x)
        tokens, experts = x.reshape(-1, x.shape[-1]), self.experts  # (rows length, d): each token is routed by itself
        parts = [mix(experts[first:last], tokens, chosen, weights) for first, last, chosen, weights in routes.shares]
        return sum(parts[1:], parts[0]).view_as(x).to(x.dtype)


def layers_of(model: nn.Module) -> list[MixedFeedForward]:
    """The mixtures of a model, first layer first."""
    return [module for module in model.modules() if isinstance(module, MixedFeedForward)]


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Routes]]:
    """Within, the routes of every layer are collected, first layer first."""
    seen: list[Routes] = []
    handles = [
        layer.router.register_forward_hook(lambda _m, _a, routes: seen.append(routes)) for layer in layers_of(model)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
