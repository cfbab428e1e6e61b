"""What the hardware computes fast."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


def bf16_gains() -> bool:
    """Whether this machine computes bf16 products in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported())


def frozen_type(model: nn.Module) -> torch.dtype | None:
    """The half-precision type of frozen weights beside trained ones in float32; None when all are of one type."""
    types = {p.dtype for p in model.parameters() if p.dtype.is_floating_point}
    return next((t for t in (torch.bfloat16, torch.float16) if t in types and len(types) > 1), None)


@contextlib.contextmanager
def one_type(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Let a mixed model's products be computed in the type of its frozen weights; changes nothing for other models.

    Trained weights are held in float32 and frozen ones in ``model.dtype``.  Without autocast their products would meet
    in two types, which torch refuses.  An autocast that is already on stays as it is, unless the frozen weights are
    float16 and it is bfloat16: torch's layer norm accepts no such mixture.
    """
    frozen = frozen_type(model)
    on = torch.is_autocast_enabled(device.type)
    if frozen is None or (on and frozen == torch.bfloat16):
        yield
        return
    with torch.autocast(device.type, dtype=frozen):
        yield
