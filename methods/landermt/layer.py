"""The routed feed-forward block (§3.3, Eq. 7).

The neurons of a block are regrouped by owner, each group with parameters of its own:

    H = s_G FFN_G(x) + s_S FFN_S(x) + b_down

FFN_G holds the general neurons, FFN_S those specific to the direction's two languages; other
languages' neurons take no part.  A group that takes no part in an update has no gradient, so the
optimizer leaves it, its momentum and its decay alone: untouched weights stay identical to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.selection import GENERAL, Partition
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.model.blocks import FeedForwardBlock, Weights


class NeuronGroup(nn.Module):
    """Some neurons of a block: rows of W_up (and W_gate) with their biases, columns of W_down."""

    def __init__(self, weights: Weights, neurons: Tensor, activation: nn.Module) -> None:
        super().__init__()

        def rows(value: Tensor | None) -> nn.Parameter | None:
            return None if value is None else nn.Parameter(value[neurons].clone())

        self.up, self.up_bias = rows(weights.up), rows(weights.up_bias)
        self.gate, self.gate_bias = rows(weights.gate), rows(weights.gate_bias)
        self.down = nn.Parameter(weights.down[:, neurons].clone())
        self._activation = [activation]  # in a list: the activation belongs to the base model, not to this group

    def forward(self, x: Tensor) -> Tensor:
        """x (..., hidden) to this group's share of the block's output, without b_down."""
        act = self._activation[0]
        if self.gate is None:
            a = act(nn.functional.linear(x, self.up, self.up_bias))  # type: ignore[arg-type]
        else:
            a = act(nn.functional.linear(x, self.gate, self.gate_bias)) * nn.functional.linear(x, self.up, self.up_bias)  # type: ignore[arg-type]
        return nn.functional.linear(a, self.down)


class RoutedFeedForward(nn.Module):
    """A block whose neurons are routed by direction; call ``focus`` before a forward pass."""

    def __init__(
        self, block: FeedForwardBlock, partition: Partition, directions: Sequence[Direction], config: LANDeRMTConfig
    ) -> None:
        super().__init__()
        weights, act = block.weights(), block.activation
        device = weights.up.device
        self.config, self.partition = config, partition
        self.general = NeuronGroup(weights, partition.neurons(GENERAL).to(device), act)  # type: ignore[arg-type]
        self.specific = nn.ModuleList(
            NeuronGroup(weights, partition.neurons(i).to(device), act)  # type: ignore[arg-type]
            for i in range(len(partition.owners))
        )
        # Once and unscaled (#21); the base model's, trained only with the whole block (#22).
        self.down_bias = None if weights.down_bias is None else nn.Parameter(weights.down_bias)
        self._direction: Direction | None = None
        self.static = {str(d): partition.general_share(d, config) for d in directions}
        if config.car_mode == "learned":
            self.share_logit = nn.ParameterDict(
                {str(d): nn.Parameter(torch.tensor(_logit(s))) for d, s in self.static.items()}
            )
        if config.car_mode == "token":
            self.share_weight = nn.Parameter(torch.zeros(block.hidden_size))

    def focus(self, direction: Direction | None) -> None:
        self._direction = direction

    def forward(self, x: Tensor) -> Tensor:
        active = self.partition.active(self._direction)
        scale_general, scale_specific = self._scales(x)
        at_input = self.config.car_site == "input"

        def part(groups: list[NeuronGroup], scale: Tensor | float) -> Tensor:
            inside = x * scale if at_input else x
            output = torch.stack([group(inside) for group in groups]).sum(0) if len(groups) > 1 else groups[0](inside)
            return output if at_input else output * scale

        y = part([self.general], scale_general)
        specific = [self.specific[i] for i in active]
        if specific:
            y = y + part(specific, scale_specific)
        if not self.config.forward_mask:
            others = [group for i, group in enumerate(self.specific) if i not in active]
            for group in others:  # present, but not trained by this direction
                y = y + _detached(group, x) * (1.0 if at_input else scale_specific)
        if self.down_bias is not None:
            y = y + self.down_bias
        return y.to(x.dtype)

    def _scales(self, x: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Factors on the general and the specific part: floats, or tensors that broadcast over x."""
        config, direction = self.config, str(self._direction)
        if config.car_mode == "off" or self._direction is None:
            return 1.0, 1.0
        if direction not in self.static:  # a direction that was not trained on: its own static share
            self.static[direction] = self.partition.general_share(self._direction, config)
        static = self.static[direction]
        if config.car_gain == "anchored":
            static = _inside(static)  # where a learned share starts
        general: Tensor | float = static
        if config.car_mode == "learned" and direction in self.share_logit:
            general = torch.sigmoid(self.share_logit[direction])
        elif config.car_mode == "token":
            general = torch.sigmoid((x @ self.share_weight.to(x.dtype)).unsqueeze(-1) + _logit(static))
        if config.car_gain == "anchored":
            return 1.0 + (general - static), 1.0 + (static - general)
        gain = 2.0 if config.car_gain == "two" else 1.0
        return gain * general, gain * (1.0 - general)

    def startup_error(self, x: Tensor, reference: Tensor) -> float:
        """||H - FFN|| / ||FFN|| for the focused direction: what routing changes before training."""
        with torch.no_grad():
            return float((self(x) - reference).norm() / reference.norm())


def _inside(share: float) -> float:
    """A share that has a finite logit."""
    return min(max(share, 1e-4), 1 - 1e-4)


def _logit(share: float) -> float:
    share = _inside(share)
    return math.log(share / (1 - share))


def _detached(group: nn.Module, x: Tensor) -> Tensor:
    """The group's output through which gradients reach x but not the group's parameters."""
    values = {name: p.detach() for name, p in group.named_parameters()}
    output: Tensor = torch.func.functional_call(group, values, (x,))
    return output
