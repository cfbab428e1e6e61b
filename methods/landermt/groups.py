"""Neurons regrouped by owner, each group with parameters of its own, and which groups a forward pass holds.

A group that takes no part in an update has no gradient, so the optimizer leaves it, its momentum and its decay alone:
untouched weights stay identical to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from mtsuite.methods.landermt.partition import Partition
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.model.blocks import Weights


@dataclass(frozen=True)
class Focus:
    """What a forward pass is for: a direction, text of a language, or (neither) nothing in particular.

    ``routed`` is whether the layer serves the direction; in a layer that does not all
    neurons count fully, as other directions have trained them, and nothing is trained.
    """

    direction: Direction | None = None
    language: str | None = None
    routed: bool = False


@dataclass(frozen=True)
class Present:
    """Groups that take part together: scaled as ``part``, and trained or not."""

    part: Literal["general", "specific", "plain"]
    groups: Sequence[nn.Module]
    trained: bool = True


class NeuronGroup(nn.Module):
    """Some inner neurons of a block: rows of W_up (and W_gate) with their biases, and columns of W_down."""

    neurons: Tensor

    def __init__(self, weights: Weights, neurons: Tensor, *, columns: bool = True) -> None:
        super().__init__()
        self.register_buffer("neurons", neurons, persistent=False)

        def rows(value: Tensor | None) -> nn.Parameter | None:
            return None if value is None else nn.Parameter(value[neurons].clone())

        self.up, self.up_bias = rows(weights.up), rows(weights.up_bias)
        self.gate, self.gate_bias = rows(weights.gate), rows(weights.gate_bias)
        self.down = nn.Parameter(weights.down[:, neurons].clone()) if columns else None


class OutputGroup(nn.Module):
    """Some outputs of a block: rows of W_down with their biases."""

    neurons: Tensor

    def __init__(self, weights: Weights, neurons: Tensor) -> None:
        super().__init__()
        self.register_buffer("neurons", neurons, persistent=False)
        self.down = nn.Parameter(weights.down[neurons].clone())
        self.down_bias = None if weights.down_bias is None else nn.Parameter(weights.down_bias[neurons].clone())


class OwnerGroups(nn.Module):
    """The groups of one partition: general neurons, those of each set of owners, idle ones."""

    def __init__(self, partition: Partition, make: Callable[[Tensor], nn.Module]) -> None:
        super().__init__()
        self.partition = partition
        self.sets = [frozenset(owners) for owners, _ in partition.owner_sets]
        self.general = make(partition.general_neurons)
        self.specific = nn.ModuleList(make(neurons) for _, neurons in partition.owner_sets)
        idle = partition.idle_neurons
        self.idle = make(idle) if len(idle) else None

    def present(self, focus: Focus, *, mask: bool) -> list[Present]:
        """The groups that take part, without the empty ones.

        For a direction: general neurons and those of its owners; the others with ``mask`` not at all, without
        it untrained.  For text of a language: all neurons at full scale, of the specific ones the language's are
        trained.  For nothing in particular: all.
        """
        idle = [self.idle] if self.idle is not None else []
        if focus.direction is not None and not focus.routed:
            return [Present("plain", [self.general, *self.specific, *idle], trained=False)]
        if focus.direction is not None:
            own, others = self._by_owner(self.partition.active(focus.direction))
            found = [Present("general", [self.general]), Present("specific", own)]
            if not mask:
                found.append(Present("specific", others, trained=False))
        else:
            owners = self.partition.speaking(focus.language) if focus.language else self.partition.active(None)
            own, others = self._by_owner(owners)
            found = [Present("plain", [self.general, *own]), Present("plain", others, trained=False)]
        found.append(Present("plain", idle, trained=False))
        return [p for p in found if any(len(group.neurons) for group in p.groups)]  # type: ignore[arg-type]

    def _by_owner(self, owners: Sequence[int]) -> tuple[list[nn.Module], list[nn.Module]]:
        """Specific groups that belong to any of the owners, and the rest."""
        wanted = frozenset(owners)
        own = [group for who, group in zip(self.sets, self.specific, strict=True) if who & wanted]
        return own, [group for who, group in zip(self.sets, self.specific, strict=True) if not who & wanted]

    def neurons(self, groups: Sequence[nn.Module]) -> Tensor:
        """Indices (neurons,) of the groups' neurons, one group after another."""
        return torch.cat([group.neurons for group in groups])  # type: ignore[misc]


def joined(values: Sequence[Tensor | None], *, dim: int = 0, trained: bool = True) -> Tensor | None:
    """Parameters (neurons, ...) of several groups as one, along ``dim``; None when there are none.

    Without ``trained``, gradients stop there.
    """
    found = [value for value in values if value is not None]
    if not found:
        return None
    whole = found[0] if len(found) == 1 else torch.cat(found, dim)
    return whole if trained else whole.detach()
