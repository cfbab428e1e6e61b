"""Which layers are relevant to a translation direction (§3.1, Eqs. 1-2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from torch import Tensor

from mtsuite.data.direction import Direction
from mtsuite.method import MethodError


def layer_means(tensors: dict[str, Tensor], config: LANDeRMTConfig) -> Tensor:
    """A of Eq. 1 by direction and place, (D, L + 1): what enters the first layer, then every layer (Figure 4)."""
    if config.reduce == "mean_abs":
        return torch.cat([tensors["activation.embedding.abs"], tensors[f"activation.{config.act_site}.abs"]], dim=1)
    both = [tensors["activation.embedding"], tensors[f"activation.{config.act_site}"]]
    if config.reduce == "l2_of_mean_vector":
        return torch.cat(both, dim=1).norm(dim=-1)
    return torch.cat([value.mean(-1) for value in both], dim=1)


def layer_differences(tensors: dict[str, Tensor], config: LANDeRMTConfig) -> Tensor:
    """|A_i - A_{i+1}| of Eq. 1 by direction (D, L): entry i lies between what enters layer i and layer i (Figure 5).

    There are L differences, the first to what enters the first layer, so that k = L can select every layer.
    """
    if config.reduce == "l2_of_mean_vector":
        vectors = torch.cat([tensors["activation.embedding"], tensors[f"activation.{config.act_site}"]], dim=1)
        return vectors.diff(dim=1).norm(dim=-1)
    return layer_means(tensors, config).diff(dim=1).abs()


def relevance(tensors: dict[str, Tensor], config: LANDeRMTConfig) -> Tensor:
    """D by direction and layer (D, L), each difference credited as ``d_owner`` says.

    ``left`` leaves the last layer its difference to the one before.
    """
    difference = layer_differences(tensors, config)
    left = torch.cat([difference[:, 1:], difference[:, -1:]], dim=1)
    if config.d_owner == "both":
        return torch.maximum(difference, left)
    return left if config.d_owner == "left" else difference


def select_layers(
    tensors: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig
) -> dict[int, frozenset[str] | None]:
    """Eq. 2: the selected layers, ascending, each with the directions it serves (None: all of them).

    ``tensors`` are those of ``Detection``: activations (directions, layers).  Raises MethodError when no layer is
    selected.
    """
    found = relevance(tensors, config)
    if config.layer_scope == "global":
        chosen: dict[int, frozenset[str] | None] = dict.fromkeys(_largest(found.mean(0), config))
    else:
        by_direction = [set(_largest(row, config)) for row in found]
        votes = Counter(layer for layers in by_direction for layer in layers)
        chosen = dict.fromkeys(sorted(layer for layer, count in votes.items() if count >= (config.min_pairs or 1)))
    if not chosen:
        raise MethodError(
            f"expected at least one layer; found none selected: the largest D is {float(found.max()):.4g} "
            f"(threshold {config.threshold}), min_pairs is {config.min_pairs}. Lower the one that is set."
        )
    if config.layer_scope == "per_pair":
        for layer in chosen:
            users = [str(d) for d, layers in zip(directions, by_direction, strict=True) if layer in layers]
            chosen[layer] = frozenset(users)
    return chosen


def _largest(values: Tensor, config: LANDeRMTConfig) -> list[int]:
    """Layers by D (L), ascending; ties go to the lower layer."""
    if config.select == "all":
        return list(range(len(values)))
    if config.threshold is not None:
        return torch.nonzero(values > config.threshold).flatten().tolist()
    order = torch.argsort(values, descending=True, stable=True)
    return sorted(order[: config.k].tolist())
