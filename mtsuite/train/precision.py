"""What the hardware computes fast, and what follows for the type of weights.

``train.mixed_precision: auto`` and ``model.dtype: auto`` ask the same question, so that both say bf16 or neither.
"""

from __future__ import annotations

import functools


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
