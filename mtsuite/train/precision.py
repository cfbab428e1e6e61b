"""What the hardware computes fast."""

from __future__ import annotations

import torch


def bf16_gains() -> bool:
    """Whether this machine computes bf16 products in hardware."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported())
