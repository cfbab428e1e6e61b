"""Conditional awareness-based routing (§3.3): how much the general and the specific part count."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from torch import Tensor, nn

Scale = Tensor | float


class ConditionalAwareness(nn.Module):
    """s_G and s_S = 1 - s_G for a direction, by ``car_mode``; ``static`` holds the shares that Phi gives (Eq. 6)."""

    def __init__(self, static: Mapping[str, float], hidden: int, config: LANDeRMTConfig) -> None:
        super().__init__()
        self.static = dict(static)
        self._config = config
        if config.car_mode == "learned":
            self.logit = nn.ParameterDict({d: nn.Parameter(torch.tensor(_logit(s))) for d, s in static.items()})
        if config.car_mode == "token":
            self.weight = nn.Parameter(torch.zeros(hidden))

    def share(self, direction: str) -> float:
        """s_G of a direction as it is now, before gain: trained if it is trained, else the static one."""
        if self._config.car_mode == "half":
            return 0.5
        if self._config.car_mode == "learned" and direction in self.logit:
            return float(torch.sigmoid(self.logit[direction].detach()))
        return self.static[direction]

    def forward(self, x: Tensor, direction: str, masses: tuple[Tensor, Tensor] | None = None) -> tuple[Scale, Scale]:
        """Factors on the general and the specific part: numbers, or tensors that broadcast over x (..., hidden).

        ``masses`` are the token's general and specific mass (..., 1), for ``token_act``.
        """
        config = self._config
        static = 0.5 if config.car_mode == "half" else self.static[direction]
        if config.car_mode == "off":
            return 1.0, 1.0
        if config.car_gain == "anchored":
            static = _inside(static)  # where a learned share starts
        general: Scale = static
        if config.car_mode == "learned" and direction in self.logit:
            general = torch.sigmoid(self.logit[direction])
        elif config.car_mode == "token":
            general = torch.sigmoid((x @ self.weight.to(x.dtype)).unsqueeze(-1) + _logit(static))
        elif config.car_mode == "token_act":
            assert masses is not None
            share = masses[0] / (masses[0] + masses[1]).clamp_min(1e-12)
            general = (share if config.car_assign == "swapped" else 1.0 - share).to(x.dtype)
        if config.car_gain == "anchored":
            return 1.0 + (general - static), 1.0 + (static - general)
        gain = 2.0 if config.car_gain == "two" else 1.0
        return gain * general, gain * (1.0 - general)


def _inside(share: float) -> float:
    """A share that has a finite logit."""
    return min(max(share, 1e-4), 1 - 1e-4)


def _logit(share: float) -> float:
    share = _inside(share)
    return math.log(share / (1 - share))
