"""What is added to the cross-entropy: balance over experts, and the LM group's claim on monolingual text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mtsuite.methods.mix_moe.router import Routes
from torch import Tensor


def balance_loss(routes: Sequence[Routes], kept: Tensor, form: str) -> Tensor:
    """Mean over layers; ``kept`` says which tokens are no padding.

    With F_i the share of tokens that use expert i and P_i its mean probability, E experts: ``switch`` is
    E sum_i F_i P_i (k when balanced), ``p_only`` E sum_i P_i^2 (1 when balanced), ``entropy`` log E - H(P) (0).
    """
    return torch.stack([_balance(route, kept.flatten().bool(), form) for route in routes]).mean()


def _balance(route: Routes, kept: Tensor, form: str) -> Tensor:
    p = route.p[kept].mean(0)
    if form == "switch":
        return len(p) * (route.used()[kept].mean(0) * p).sum()
    if form == "p_only":
        return len(p) * p.square().sum()
    return math.log(len(p)) + (p * p.clamp_min(1e-12).log()).sum()


def lm_mass(route: Routes, lm_experts: int) -> Tensor:
    """rho_LM of every token: the LM group's share of the probability, (n)."""
    return route.p[:, :lm_experts].sum(-1) / route.p.sum(-1)


def group_prior_loss(routes: Sequence[Routes], kept: Tensor, lm_experts: int) -> Tensor:
    """-log rho_LM, mean over tokens that are no padding and over layers (MoE-LPR's language prior)."""
    masses = torch.stack([lm_mass(route, lm_experts) for route in routes])[:, kept.flatten().bool()]
    return -masses.clamp_min(1e-12).log().mean()
