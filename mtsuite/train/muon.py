"""Muon where bf16 has no hardware.

``torch.optim.Muon`` orthogonalises updates in bf16.  A processor that has to emulate it spends forty times as long on
that as on float32 (measured: 111 against 3 ms for a matrix of 512 x 128), several times the rest of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Float32Muon(torch.optim.Muon):
    """``torch.optim.Muon`` with its orthogonalisation in float32; options and state are the same."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for group in self.param_groups:
            if group["adjust_lr_fn"] not in (None, "original"):
                raise ValueError(f"adjust_lr_fn: expected None or 'original'; found {group['adjust_lr_fn']!r}")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update (Jordan et al. 2024, Muon, algorithm 2)."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter.grad)
                moment = state["momentum_buffer"].lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(moment, group["momentum"]) if group["nesterov"] else moment
                update = orthogonalised(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rows, columns = parameter.shape
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * math.sqrt(max(1, rows / columns)))
        return loss


def orthogonalised(
    matrix: Tensor,
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    steps: int = 5,
    eps: float = 1e-7,
) -> Tensor:
    """About U V^T (rows, columns) of a matrix U S V^T (rows, columns), by a quintic Newton-Schulz iteration.

    Singular values end near one.  X <- a X + (b A + c A^2) X with A = X X^T, from X = matrix / ||matrix||_F.
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = (
        matrix.T if tall else matrix
    ).float()  # wide: (shorter side, longer side), so that the products below are small
    x = x / x.norm().clamp_min(eps)
    for _ in range(steps):
        gram = x @ x.T  # A, (shorter side, shorter side)
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)
