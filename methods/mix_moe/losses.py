"""What is added to the cross-entropy: balance over experts, and the LM group's claim on monolingual text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mtsuite.methods.mix_moe.router import Routes
from torch import Tensor


def balance_loss(routes: Sequence[Routes], kept: Tensor, form: str) -> Tensor:
    """Mean over layers, a scalar; ``kept`` (rows, length) says which tokens are no padding.

    With F_i the share of tokens that use expert i and P_i its mean probability, E experts: ``switch`` is
    E sum_i F_i P_i (k when balanced), ``p_only`` E sum_i P_i^2 (1 when balanced), ``entropy`` log E - H(P) (0).
    With a top-k inside each group the experts of a group are balanced among themselves, P_i within the group, and the
    groups' losses averaged; ``switch`` leaves out a group whose experts are all used.  The groups are not
    balanced against each other: with F = 1 in one of them that would only drive the mass into the other.
    """
    return torch.stack([_balance(route, kept.flatten().bool(), form) for route in routes]).mean()


def _balance(route: Routes, kept: Tensor, form: str) -> Tensor:
    p, used = route.p[kept], route.used()[kept].mean(0)
    if len(route.shares) == 1:
        return _balanced(p.mean(0), used, form)
    losses = []
    for first, last, chosen, _ in route.shares:
        if form != "switch" or chosen is not None:
            inside = p[:, first:last]
            mean = (inside / inside.sum(-1, keepdim=True).clamp_min(1e-12)).mean(0)
            losses.append(_balanced(mean, used[first:last], form))
    return torch.stack(losses).mean()


def _balanced(p: Tensor, used: Tensor, form: str) -> Tensor:
    if form == "switch":
        return len(p) * (used * p).sum()
    if form == "p_only":
        return len(p) * p.square().sum()
    return math.log(len(p)) + (p * p.clamp_min(1e-12).log()).sum()


def lm_mass(route: Routes, lm_experts: int) -> Tensor:
    """rho_LM (n,) of every token: the LM group's share of the probability."""
    return route.p[:, :lm_experts].sum(-1) / route.p.sum(-1)


def group_prior_loss(routes: Sequence[Routes], kept: Tensor, lm_experts: int) -> Tensor:
    """-log rho_LM, a scalar (MoE-LPR's language prior).

    The mean is over layers and over the tokens that ``kept`` (rows, length) marks.
    """
    masses = torch.stack([lm_mass(route, lm_experts) for route in routes])[:, kept.flatten().bool()]
    return -masses.clamp_min(1e-12).log().mean()
