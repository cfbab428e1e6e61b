"""Optimizers and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from mtsuite.train.muon import Float32Muon
from mtsuite.train.precision import bf16_gains


@dataclass(frozen=True)
class OptimizerSettings:
    """Peak learning rates and decay.  ``matrix_learning_rate`` is Muon's, for matrices inside the blocks."""

    name: str = "adamw"
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    beta2: float = 0.999
    matrix_learning_rate: float | None = None


# Parts of names of embeddings and output layers over the families (wte and wpe are GPT-2's).
_ROWS_LOOKED_UP = ("embed", "lm_head", "wte", "wpe")


class Optimizers:
    """One or two torch optimizers driven as one, with peak rates that a schedule scales."""

    def __init__(self, members: list[torch.optim.Optimizer]) -> None:
        self.members = members
        self._peaks = [[group["lr"] for group in member.param_groups] for member in members]

    def set_scale(self, scale: float) -> None:
        for member, peaks in zip(self.members, self._peaks, strict=True):
            for group, peak in zip(member.param_groups, peaks, strict=True):
                group["lr"] = peak * scale

    @property
    def learning_rate(self) -> float:
        """The rate of the next update, of the first group."""
        return float(self.members[0].param_groups[0]["lr"])

    def step(self) -> None:
        for member in self.members:
            member.step()

    def zero_grad(self) -> None:
        # None, not zero: a parameter that an update did not touch is then skipped by the optimizer
        # altogether, so neither momentum nor decay moves it.
        for member in self.members:
            member.zero_grad(set_to_none=True)


def build_optimizers(parameters: Iterable[tuple[str, nn.Parameter]], settings: OptimizerSettings) -> Optimizers:
    """AdamW over everything, or Muon over the matrices and AdamW over the rest.

    Muon (torch.optim.Muon, in float32 where bf16 has no hardware) orthogonalises the update of a matrix;
    embeddings and the output layer, whose rows are looked up one by one, stay with AdamW.
    """
    named = list(parameters)
    muon: list[nn.Parameter] = []
    if settings.name == "muon":
        muon = [p for name, p in named if p.dim() == 2 and not any(part in name for part in _ROWS_LOOKED_UP)]
    chosen = {id(p) for p in muon}
    rest = [p for _, p in named if id(p) not in chosen]
    members: list[torch.optim.Optimizer] = []
    if rest:
        members.append(
            torch.optim.AdamW(
                rest,
                lr=settings.learning_rate,
                betas=(0.9, settings.beta2),
                weight_decay=settings.weight_decay,
                fused=all(p.dtype in (torch.float32, torch.bfloat16) for p in rest),
            )
        )
    if muon:
        rate = settings.matrix_learning_rate or settings.learning_rate
        kind = torch.optim.Muon if bf16_gains() else Float32Muon
        members.append(kind(muon, lr=rate, weight_decay=settings.weight_decay))
    return Optimizers(members)


def learning_rate_scale(step: int, *, schedule: str, warmup: int, total: int) -> float:
    """Factor on the peak rate at update ``step`` (from 0): linear warm-up, then constant, linear or cosine to a tenth.

    >>> [round(learning_rate_scale(s, schedule="linear", warmup=2, total=6), 3) for s in range(6)]
    [0.5, 1.0, 1.0, 0.775, 0.55, 0.325]
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return 1.0 - 0.9 * progress
    if schedule == "cosine":
        return 0.1 + 0.45 * (1.0 + math.cos(math.pi * progress))
    return 1.0
