"""Who owns which neuron of a layer, and what CAR makes of it (Eq. 6)."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mtsuite.data.direction import Direction


@dataclass(frozen=True)
class Partition:
    """General, specific and idle neurons of one layer of f neurons.

    ``owners`` names languages (or directions); ``general`` (f) marks neurons of all of them, ``members``
    (owners, f) whom a specific neuron belongs to, one or several.  A neuron that is neither is idle: present, never
    trained.  ``awareness`` (owners, f) is the Phi that CAR weighs; ``sensitivity`` (owners, f) the mean |dL/dh|, where
    CAR is computed from activations.
    """

    owners: tuple[str, ...]
    general: Tensor
    members: Tensor
    awareness: Tensor
    sensitivity: Tensor | None = None

    @functools.cached_property
    def owner_sets(self) -> tuple[tuple[tuple[int, ...], Tensor], ...]:
        """The distinct sets of owners with the indices (neurons,) of their neurons.

        Each specific neuron is in exactly one.
        """
        specific = torch.nonzero(self.members.any(0)).flatten()
        if not len(specific):
            return ()
        columns, which = torch.unique(self.members[:, specific], dim=1, return_inverse=True)
        sets = [tuple(torch.nonzero(column).flatten().tolist()) for column in columns.T]
        return tuple((sets[i], specific[which == i]) for i in sorted(range(len(sets)), key=sets.__getitem__))

    @property
    def general_neurons(self) -> Tensor:
        """Indices (neurons,) of the general neurons, ascending."""
        return torch.nonzero(self.general).flatten()

    @property
    def idle_neurons(self) -> Tensor:
        """Indices (neurons,) of the neurons that nobody trains, ascending."""
        return torch.nonzero(~self.general & ~self.members.any(0)).flatten()

    def active(self, direction: Direction | None) -> tuple[int, ...]:
        """Owners whose neurons serve a direction: itself and its two languages; without a direction all."""
        if direction is None:
            return tuple(range(len(self.owners)))
        names = {direction.source, direction.target, str(direction)}
        return tuple(i for i, name in enumerate(self.owners) if name in names)

    def speaking(self, language: str) -> tuple[int, ...]:
        """Owners that are a language, or a direction with it."""
        return tuple(i for i, name in enumerate(self.owners) if language in name.split("-"))

    def general_share(self, direction: Direction, *, mass: str = "sum", assign: str = "swapped") -> float:
        """s_G: the share of the general part in the output of a direction.

        Eq. 6: CAR = mass_S / (mass_S + mass_G).  Literally h_G gets CAR (Eq. 7); swapped, 1 - CAR.
        """
        active = list(self.active(direction))
        phi = (self.awareness[active] if active else self.awareness).mean(0)
        parts = phi[self.general], phi[self.members[active].any(0)]
        mass_general, mass_specific = (float(p.mean() if mass == "mean" and len(p) else p.sum()) for p in parts)
        if mass_general + mass_specific == 0.0:
            return 0.5
        car = mass_specific / (mass_specific + mass_general)
        return car if assign == "literal" else 1.0 - car


def save_partitions(path: Path, partitions: Mapping[int, Partition], shares: Mapping[int, Mapping[str, float]]) -> None:
    """Write the partitions by layer, and the static shares s_G by layer and direction, as safetensors."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for layer, partition in partitions.items():
        tensors[f"{layer}.general"] = partition.general
        tensors[f"{layer}.members"] = partition.members
        tensors[f"{layer}.awareness"] = partition.awareness
        if partition.sensitivity is not None:
            tensors[f"{layer}.sensitivity"] = partition.sensitivity
        tensors[f"{layer}.share"] = torch.tensor(list(shares[layer].values()), dtype=torch.float64)
    owners = {str(layer): list(partition.owners) for layer, partition in partitions.items()}
    directions = {str(layer): list(values) for layer, values in shares.items()}
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        path,
        {"owners": json.dumps(owners), "directions": json.dumps(directions)},
    )


def load_partitions(path: Path) -> tuple[dict[int, Partition], dict[int, dict[str, float]]]:
    """Read what ``save_partitions`` wrote."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = {key: json.loads(value) for key, value in file.metadata().items()}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    partitions, shares = {}, {}
    for layer, owners in told["owners"].items():
        partitions[int(layer)] = Partition(
            tuple(owners),
            tensors[f"{layer}.general"],
            tensors[f"{layer}.members"],
            tensors[f"{layer}.awareness"],
            tensors.get(f"{layer}.sensitivity"),
        )
        names: Sequence[str] = told["directions"][layer]
        shares[int(layer)] = dict(zip(names, tensors[f"{layer}.share"].tolist(), strict=True))
    return partitions, shares
