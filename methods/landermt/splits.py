"""From awareness to general and specific neurons (§3.2, Eq. 5), and three other rules for the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.partition import Partition
from torch import Tensor

from mtsuite.data.direction import Direction

TINY = 1e-12


@dataclass(frozen=True)
class Awareness:
    """What was measured of the neurons: ``phi``, ``firing`` and ``sensitivity`` (G, L, f), by the G ``owners``.

    ``firing`` is None for units without an activation function.
    """

    owners: tuple[str, ...]
    phi: Tensor
    firing: Tensor | None
    sensitivity: Tensor | None


def awareness_of(
    tensors: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig, *, outputs: bool = False
) -> Awareness:
    """The measurements that the configuration asks for, by language or by direction; of W_down's outputs if asked.

    ``tensors`` are those of ``Detection``: (languages or directions, layers, neurons).
    """
    languages = tuple(dict.fromkeys(code for d in directions for code in d))
    names = tuple(map(str, directions)) if config.awareness == "pair_mt" else languages
    gate = config.swiglu_site == "gate_act" and "firing.gate" in tensors

    def rows(value: Tensor) -> Tensor:
        if config.awareness != "lang_mt":
            return value
        return torch.stack([value[[i for i, d in enumerate(directions) if code in d]].mean(0) for code in languages])

    if outputs:
        return Awareness(names, rows(tensors[f"phi_out.{config.phi_agg}"]), None, None)
    firing = rows(tensors["firing.gate" if gate else "firing.product"])
    sensitivity = rows(tensors["gradient"]) if config.car_mode == "token_act" else None
    return Awareness(names, rows(tensors[f"phi.{config.phi_agg}"]), firing, sensitivity)


def normalised(phi: Tensor, how: str) -> Tensor:
    """Phi of one layer (G, f) on a scale that languages share."""
    if how == "layer_mean":
        return phi / phi.mean(-1, keepdim=True).clamp_min(TINY)
    if how == "layer_sum":
        return phi / phi.sum(-1, keepdim=True).clamp_min(TINY)
    if how == "rank":
        return phi.argsort(dim=-1, stable=True).argsort(-1).float() / phi.shape[-1]
    return phi


def split_layers(
    awareness: Awareness, layers: Sequence[int], config: LANDeRMTConfig, generator: torch.Generator | None = None
) -> dict[int, Partition]:
    """The partition of each of some layers.  Every neuron is general, specific or idle, and only one of these.

    ``detector: random`` draws from ``generator``, or from torch's own.
    """
    fires_in_few = _by_firing(awareness.firing, layers, config) if config.detector == "lape" else {}
    found = {}
    for layer in layers:
        phi = normalised(awareness.phi[:, layer], config.phi_norm)
        live = _live(awareness.phi[:, layer], config.dead_threshold)
        if layer in fires_in_few:
            members = fires_in_few[layer] & live
            general = live & ~members.any(0)
        else:
            general, members = torch.zeros_like(live), torch.zeros(phi.shape, dtype=torch.bool)
            rule = _by_size if config.detector == "namnmt" else _by_spread
            general[live], members[:, live] = rule(phi[:, live], config)
        if config.detector == "random":
            order = torch.randperm(len(live), generator=generator)
            general, members = general[order], members[:, order]
        sensitivity = None if awareness.sensitivity is None else awareness.sensitivity[:, layer].clone()
        weighed = phi if config.car_phi == "normalised" else awareness.phi[:, layer].clone()
        found[layer] = Partition(awareness.owners, general, members, weighed, sensitivity)
    return found


def _by_spread(phi: Tensor, config: LANDeRMTConfig) -> tuple[Tensor, Tensor]:
    """Eq. 5: sorted by spread over languages, a share epsilon is general; the rest goes to the largest Phi.

    ``sort: desc`` is its order to the letter: lambda is the value at place floor(epsilon p) of the spreads from the
    highest to the lowest, and what is not above lambda is general, a share of 1 - epsilon.
    """
    if config.dispersion == "cv":
        spread = phi.std(0, correction=0) / phi.mean(0).clamp_min(TINY)
    elif config.dispersion == "entropy":
        share = phi / phi.sum(0, keepdim=True).clamp_min(TINY)
        spread = (share * share.clamp_min(TINY).log()).sum(0)
    else:
        spread = phi.var(0, correction=0)
    # Either way the lowest spreads are general; the order decides how many.
    return _general_first(torch.argsort(spread, stable=True), phi, config)


def _by_size(phi: Tensor, config: LANDeRMTConfig) -> tuple[Tensor, Tensor]:
    """Xie et al. 2021: the share epsilon with the largest sum over languages (or directions) is general."""
    return _general_first(torch.argsort(phi.sum(0), descending=True, stable=True), phi, config)


def _general_first(order: Tensor, phi: Tensor, config: LANDeRMTConfig) -> tuple[Tensor, Tensor]:
    """The first ``general_count`` neurons of ``order`` are general (f); who owns the others (G, f)."""
    general = torch.zeros(len(order), dtype=torch.bool)
    general[order[: general_count(len(order), config)]] = True
    if config.multi_assign is not None:
        members = phi >= config.multi_assign * phi.amax(0)
    else:
        members = torch.zeros(phi.shape, dtype=torch.bool).scatter_(0, phi.argmax(0, keepdim=True), True)
    return general, members & ~general


def general_count(neurons: int, config: LANDeRMTConfig) -> int:
    """How many of a layer's neurons are general, where the rule is a share and not a threshold."""
    place = int(config.epsilon * neurons + 1e-9)  # 0.7 * 10 is below 7 in binary
    return neurons - place if config.sort == "desc" else place


def _by_firing(firing: Tensor | None, layers: Sequence[int], config: LANDeRMTConfig) -> dict[int, Tensor]:
    """LAPE (Tang et al. 2024, §2.2): of the neurons that fire often in some language, those of lowest entropy.

    p_l is the probability to fire in language l, H the entropy of p over languages, scaled to sum one.  Of all
    neurons of the layers a share 1 - epsilon is specific at most; each to every language with p at the quantile or
    above.  (Tang et al.: above.  With little text many neurons always fire, and the quantile itself may be 1.)
    """
    assert firing is not None
    p = firing[:, list(layers)]
    flat = p.flatten()
    often = p >= flat.kthvalue(max(1, round(config.lape_quantile * len(flat)))).values
    share = p / p.sum(0).clamp_min(TINY)
    entropy = -(share * share.clamp_min(TINY).log()).sum(0)
    entropy[~often.any(0)] = torch.inf
    count = round((1 - config.epsilon) * entropy.numel())
    lowest = torch.argsort(entropy.flatten(), stable=True)[:count]
    chosen = torch.zeros(entropy.numel(), dtype=torch.bool)
    chosen[lowest] = True
    chosen = chosen.view_as(entropy) & entropy.isfinite()
    return {layer: often[:, i] & chosen[i] for i, layer in enumerate(layers)}


def _live(phi: Tensor, quantile: float) -> Tensor:
    """Neurons (f) whose largest raw Phi over languages is not below the layer's quantile."""
    largest = phi.amax(0)
    if quantile == 0.0:
        return torch.ones(len(largest), dtype=torch.bool)
    threshold = largest.sort().values[int(quantile * len(largest))]
    return largest >= threshold
