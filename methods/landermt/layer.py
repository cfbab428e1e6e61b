"""The routed feed-forward block (§3.3, Eqs. 7-9).

    H = s_G FFN_G(x) + s_S FFN_S(x) + b_down

FFN_G holds the general neurons, FFN_S those specific to the direction's two languages; other languages' neurons take
no part.  Idle neurons, if there are any, count fully and stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mtsuite.methods.landermt.car import ConditionalAwareness, Scale
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.groups import Focus, NeuronGroup, OutputGroup, OwnerGroups, Present, joined
from mtsuite.methods.landermt.partition import Partition
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.model.blocks import FeedForwardBlock, Weights


class RoutedFeedForward(nn.Module):
    """A block whose neurons are routed by direction; call ``focus`` before a forward pass.

    ``shares`` are static shares s_G by direction; ``serves`` names the directions that the layer routes (None: all),
    ``seen`` those for which that was decided: others are routed everywhere.  With ``outputs`` the outputs of W_down are
    neurons too.
    """

    def __init__(
        self,
        block: FeedForwardBlock,
        partition: Partition,
        shares: Mapping[str, float],
        config: LANDeRMTConfig,
        *,
        serves: frozenset[str] | None = None,
        seen: frozenset[str] = frozenset(),
        outputs: Partition | None = None,
    ) -> None:
        super().__init__()
        weights = block.weights()
        self.config, self._serves, self._seen = config, serves, seen
        self._activation = [block.activation]  # in a list: it belongs to the base model, not to this module
        self._focus = Focus()
        self.car = ConditionalAwareness(shares, block.hidden_size, config)
        # Once and unscaled (#21); the base model's, trained only with the whole block (#22).
        self.down_bias = None
        if weights.down_bias is not None and outputs is None:
            self.down_bias = nn.Parameter(weights.down_bias)
        self._group(weights, partition, outputs)

    def _group(self, weights: Weights, partition: Partition, outputs: Partition | None) -> None:
        device = weights.up.device
        self.inner = OwnerGroups(
            partition, lambda neurons: NeuronGroup(weights, neurons.to(device), columns=outputs is None)
        )
        self.outer = None
        if outputs is not None:
            self.outer = OwnerGroups(outputs, lambda neurons: OutputGroup(weights, neurons.to(device)))

    @property
    def partition(self) -> Partition:
        return self.inner.partition

    # -- use ------------------------------------------------------------------------------------------

    def focus(self, direction: Direction | None, language: str | None = None) -> None:
        """Route for a direction; without one all neurons count fully, and a ``language``'s are trained."""
        if direction is not None and str(direction) not in self.car.static:  # not trained on: its own static share
            self.car.static[str(direction)] = self.share_of(direction)
        name = str(direction)
        served = self._serves is None or name in self._serves or name not in self._seen
        self._focus = Focus(direction, language, routed=direction is not None and served)

    def share_of(self, direction: Direction) -> float:
        """The static share s_G of a direction (Eq. 6)."""
        return self.partition.general_share(direction, mass=self.config.car_mass, assign=self.config.car_assign)

    def forward(self, x: Tensor) -> Tensor:
        """H of Equations 7 to 9 for x (..., d): (..., d)."""
        parts = self.present()
        at_input, by_activation = self.config.car_site == "input", self.config.car_mode == "token_act"
        scales: dict[str, Scale] = {"plain": 1.0}
        if self._focus.routed and not by_activation:
            scales |= self._shares(x)
        inner = [self.activations(_times(x, scales[p.part]) if at_input else x, p) for p in parts]
        if self._focus.routed and by_activation:
            scales |= self._shares(x, self._masses(parts, inner))
        factors = [1.0 if at_input else scales[p.part] for p in parts]
        return self._down(x, parts, inner, factors).to(x.dtype)

    def present(self) -> list[Present]:
        """The groups of inner neurons that take part in the focused pass."""
        return self.inner.present(self._focus, mask=self.config.forward_mask)

    def by_unit(self) -> list[tuple[OwnerGroups, list[Present]]]:
        """The groups of inner neurons, and of outputs if they are routed, each with those that take part."""
        found = [(self.inner, self.present())]
        if self.outer is not None:
            found.append((self.outer, self.outer.present(self._focus, mask=self.config.forward_mask)))
        return found

    def activations(self, x: Tensor, part: Present) -> Tensor:
        """a (..., neurons) of the part's neurons, for x (..., d)."""
        groups: Any = part.groups
        act = self._activation[0]
        up, up_bias, gate, gate_bias = (
            joined([getattr(group, name) for group in groups], trained=part.trained)
            for name in ("up", "up_bias", "gate", "gate_bias")
        )
        assert up is not None
        x = x.to(up.dtype)
        if gate is None:
            return act(nn.functional.linear(x, up, up_bias))
        return act(nn.functional.linear(x, gate, gate_bias)) * nn.functional.linear(x, up, up_bias)

    def _down(self, x: Tensor, parts: list[Present], inner: list[Tensor], factors: list[Scale]) -> Tensor:
        if self.outer is not None:
            return self._down_by_row(x, parts, [_times(a, s) for a, s in zip(inner, factors, strict=True)])
        y = torch.zeros_like(x)
        for part, a, factor in zip(parts, inner, factors, strict=True):
            columns: Any = joined([g.down for g in part.groups], dim=1, trained=part.trained)
            y = y + _times(nn.functional.linear(a, columns), factor)
        return y if self.down_bias is None else y + self.down_bias

    def _down_by_row(self, x: Tensor, parts: list[Present], inner: list[Tensor]) -> Tensor:
        """``neuron_unit: both_outputs``: outputs are neurons too, and rows of W_down belong to them."""
        assert self.outer is not None
        y = torch.zeros_like(x)
        if not inner:
            return y
        columns = torch.cat([self.inner.neurons(p.groups) for p in parts])
        a = torch.cat(inner, -1)
        for part in self.outer.present(self._focus, mask=self.config.forward_mask):
            groups: Any = part.groups
            rows: Any = joined([g.down for g in groups], trained=part.trained)
            bias = joined([g.down_bias for g in groups], trained=part.trained)
            output = nn.functional.linear(a, rows[:, columns], bias)
            y = y.index_copy(-1, self.outer.neurons(groups), output.to(y.dtype))
        return y

    def _shares(self, x: Tensor, masses: tuple[Tensor, Tensor] | None = None) -> dict[str, Scale]:
        return dict(zip(("general", "specific"), self.car(x, str(self._focus.direction), masses), strict=True))

    def _masses(self, parts: list[Present], inner: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Each token's general and specific mass (..., 1): |a_n| times the neuron's mean |gradient|.

        Summed over the part's neurons or averaged; a Phi of the token that needs no gradient (#19).
        """
        partition, direction = self.partition, self._focus.direction
        active = list(partition.active(direction))
        sensitivity = partition.sensitivity
        assert sensitivity is not None
        mean = (sensitivity[active] if active else sensitivity).mean(0).to(inner[0].device) if inner else sensitivity[0]
        found: dict[str, Tensor] = {}
        for part, a in zip(parts, inner, strict=True):
            if part.trained and part.part != "plain":
                weight = mean[self.inner.neurons(part.groups)].to(a.dtype)
                mass = (a.abs() @ weight).unsqueeze(-1)
                found[part.part] = mass / len(weight) if self.config.car_mass == "mean" else mass
        nothing = torch.zeros_like(next(iter(found.values()))) if found else torch.zeros(1, device=mean.device)
        return found.get("general", nothing), found.get("specific", nothing)

    # -- taking apart and putting together ----------------------------------------------------------------

    def whole(self) -> Weights:
        """The block's matrices in their original order, as copies."""
        groups: Any = [g for g in (self.inner.general, *self.inner.specific, self.inner.idle) if g is not None]
        order = torch.argsort(self.inner.neurons(groups))

        def of(name: str, dim: int = 0) -> Any:
            value = joined([getattr(group, name) for group in groups], dim=dim, trained=False)
            return None if value is None else value.index_select(dim, order).clone()

        down, bias = of("down", 1), self.down_bias
        if self.outer is not None:
            rows: Any = [g for g in (self.outer.general, *self.outer.specific, self.outer.idle) if g is not None]
            order_out = torch.argsort(self.outer.neurons(rows))
            down = joined([g.down for g in rows], trained=False)[order_out]
            bias = joined([g.down_bias for g in rows], trained=False)
            bias = None if bias is None else bias[order_out]
        return Weights(of("up"), of("up_bias"), of("gate"), of("gate_bias"), down, bias)

    def regroup(self, partition: Partition, shares: Mapping[str, float], outputs: Partition | None = None) -> None:
        """Give the neurons other owners; what they compute stays."""
        self._group(self.whole(), partition, outputs)
        self.car.static = dict(shares)


def _times(value: Tensor, scale: Scale) -> Tensor:
    return value if isinstance(scale, float) and scale == 1.0 else value * scale
