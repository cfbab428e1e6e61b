"""What the hardware computes fast, and what follows for the type of weights.

``train.mixed_precision: auto`` and ``model.dtype: auto`` ask the same question, so that both say bf16 or neither.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


@functools.cache
def bf16_gains() -> bool:
    """Whether this machine computes bf16 products in hardware."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported())


def held_dtype(asked: str) -> str:
    """The type that frozen weights are held in: ``auto`` is bfloat16 where the hardware gains by it, else float32."""
    if asked != "auto":
        return asked
    return "bfloat16" if bf16_gains() else "float32"


def held_text(asked: str) -> str:
    """The same for the eye: ``held as float32``, or which type ``auto`` came to, and why."""
    held = held_dtype(asked)
    if asked != "auto":
        return f"held as {held}"
    why = "this hardware computes bf16 products" if held == "bfloat16" else "no bf16 products in this hardware"
    return f"held as {held} (model.dtype: auto; {why})"


def frozen_type(model: nn.Module) -> torch.dtype | None:
    """The half-precision type of frozen weights beside trained ones in float32; None when all are of one type."""
    import torch

    types = {p.dtype for p in model.parameters() if p.dtype.is_floating_point}
    return next((t for t in (torch.bfloat16, torch.float16) if t in types and len(types) > 1), None)


@contextlib.contextmanager
def one_type(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Let a mixed model's products be computed in the type of its frozen weights; changes nothing for other models.

    Trained weights are held in float32 and frozen ones in ``model.dtype``.  Without autocast their products would meet
    in two types, which torch refuses.  An autocast that is already on stays as it is, unless the frozen weights are
    float16 and it is bfloat16: torch's layer norm accepts no such mixture.
    """
    import torch

    frozen = frozen_type(model)
    on = torch.is_autocast_enabled(device.type)
    if frozen is None or (on and frozen == torch.bfloat16):
        yield
        return
    with torch.autocast(device.type, dtype=frozen):
        yield
