"""From measurements to a choice: layers (Eqs. 1-2), general and specific neurons (Eq. 5), CAR (Eq. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from torch import Tensor

from mtsuite.data.direction import Direction

GENERAL = -1  # owner of a neuron that belongs to all languages


def layer_differences(tensors: dict[str, Tensor], config: LANDeRMTConfig) -> Tensor:
    """D of Eq. 1 by direction and layer (D, L).

    There are L differences: the first is between the first block's output and what enters it, so that
    k = L can select every layer.  ``d_owner: left`` credits layer i with |A_i - A_{i+1}| and leaves the
    last layer its difference to the one before.
    """
    if config.reduce == "l2_of_mean_vector":
        difference = tensors["activation.mean"].diff(dim=1).norm(dim=-1)
    elif config.reduce == "mean_abs":
        difference = tensors["activation.mean_abs"].diff(dim=1).abs()
    else:
        difference = tensors["activation.mean"].mean(-1).diff(dim=1).abs()
    if config.d_owner == "left" and difference.shape[1] > 1:
        difference = torch.cat([difference[:, 1:], difference[:, -1:]], dim=1)
    return difference


def select_layers(tensors: dict[str, Tensor], config: LANDeRMTConfig) -> list[int]:
    """Eq. 2: the k layers of the largest D, averaged over directions; ties go to the lower layer."""
    mean = layer_differences(tensors, config).mean(0)
    order = torch.argsort(mean, descending=True, stable=True)
    return sorted(order[: config.k].tolist())


@dataclass(frozen=True)
class Partition:
    """Owners of one layer's neurons (f): ``GENERAL`` or an index into ``owners``, and their awareness.

    ``awareness`` (G, f) is the normalised Phi that the split was made from.
    """

    owner: Tensor
    owners: tuple[str, ...]
    awareness: Tensor

    def neurons(self, index: int) -> Tensor:
        """Indices of an owner's neurons, ascending."""
        return torch.nonzero(self.owner == index).flatten()

    def active(self, direction: Direction | None) -> tuple[int, ...]:
        """Owners whose neurons serve a direction: its own, its two languages', or all without a direction."""
        if direction is None:
            return tuple(range(len(self.owners)))
        names = {direction.source, direction.target, str(direction)}
        return tuple(i for i, name in enumerate(self.owners) if name in names)

    def general_share(self, direction: Direction, config: LANDeRMTConfig) -> float:
        """s_G: the share of the general part in the output of a direction.

        Eq. 6: CAR = mass_S / (mass_S + mass_G).  Literally h_G gets CAR (Eq. 7); swapped, 1 - CAR.
        """
        active = self.active(direction)
        rows = self.awareness[list(active)] if active else self.awareness
        phi = rows.mean(0)
        general = phi[self.owner == GENERAL]
        specific = phi[torch.isin(self.owner, torch.tensor(active, dtype=self.owner.dtype))]
        mass = (lambda x: x.sum()) if config.car_mass == "sum" else (lambda x: x.mean() if len(x) else x.sum())
        mass_general, mass_specific = float(mass(general)), float(mass(specific))
        if mass_general + mass_specific == 0.0:
            return 0.5
        car = mass_specific / (mass_specific + mass_general)
        return car if config.car_assign == "literal" else 1.0 - car


def awareness_of(
    tensors: dict[str, Tensor],
    layer: int,
    languages: Sequence[str],
    directions: Sequence[Direction],
    config: LANDeRMTConfig,
) -> tuple[Tensor, tuple[str, ...]]:
    """Normalised Phi of one layer (G, f) and the names of its rows."""
    phi = tensors[f"phi.{config.phi_agg}"][:, layer]
    names: tuple[str, ...] = tuple(languages)
    if config.awareness != "lang_lm":
        names = tuple(map(str, directions))
    if config.awareness == "lang_mt":
        rows = [phi[[i for i, d in enumerate(directions) if code in d]].mean(0) for code in languages]
        phi, names = torch.stack(rows), tuple(languages)
    if config.phi_norm == "layer_mean":
        phi = phi / phi.mean(-1, keepdim=True).clamp_min(1e-12)
    elif config.phi_norm == "layer_sum":
        phi = phi / phi.sum(-1, keepdim=True).clamp_min(1e-12)
    elif config.phi_norm == "rank":
        phi = phi.argsort(-1).argsort(-1).float() / phi.shape[-1]
    return phi, names


def split_neurons(phi: Tensor, names: tuple[str, ...], config: LANDeRMTConfig, seed: int = 0) -> Partition:
    """Eq. 5: sort neurons by spread over languages; a share epsilon is general, the rest goes to its arg-max.

    Every neuron has exactly one owner.  ``detector: random`` shuffles the owners, which keeps all counts.
    """
    if config.dispersion == "cv":
        spread = phi.std(0, correction=0) / phi.mean(0).clamp_min(1e-12)
    elif config.dispersion == "entropy":
        share = phi / phi.sum(0, keepdim=True).clamp_min(1e-12)
        spread = (share * share.clamp_min(1e-12).log()).sum(0)
    else:
        spread = phi.var(0, correction=0)
    order = torch.argsort(spread, descending=config.sort == "desc", stable=True)
    count = int(config.epsilon * len(order) + 1e-9)
    owner = phi.argmax(0)
    owner[order[:count]] = GENERAL
    if config.detector == "random":
        shuffle = torch.randperm(len(owner), generator=torch.Generator().manual_seed(seed))
        owner = owner[shuffle]
    return Partition(owner, names, phi)
