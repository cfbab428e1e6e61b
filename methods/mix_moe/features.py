"""Spectral features of a representation, along its hidden axis.

A transform over the sequence axis would let the router of a token see later tokens, which leaks the
target in training and cannot be repeated when decoding token by token; the hidden axis is safe.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SpectralFeatures(nn.Module):
    """phi(x) for x (..., d): the lowest ``bins`` frequencies of x, normalised over the bins; in float32.

    fft: X_k = sum_m x_m exp(-2 pi i k m / d), k = 0 .. d/2, divided by sqrt(d).
    dct: the DCT-II of x, divided by sqrt(d).  random: a fixed projection with N(0, 1/d) entries.
    """

    def __init__(self, hidden: int, transform: str, part: str, bins: int) -> None:
        super().__init__()
        self.hidden, self.transform, self.part = hidden, transform, part
        available = {"fft": hidden // 2 + 1, "dct": hidden, "random": hidden // 2 + 1, "none": 0}[transform]
        self.size = min(bins, available)
        if transform == "random":
            generator = torch.Generator().manual_seed(0)
            projection = torch.randn(self.size, hidden, generator=generator) / math.sqrt(hidden)
            self.register_buffer("projection", projection)

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        if self.transform == "fft":
            spectrum = torch.fft.rfft(x, norm="ortho")[..., : self.size]
        elif self.transform == "dct":
            spectrum = dct(x)[..., : self.size] / math.sqrt(self.hidden)
        else:
            spectrum = nn.functional.linear(x, self.projection)  # type: ignore[arg-type]
        return nn.functional.layer_norm(self._part(spectrum), (self.size,))

    def _part(self, spectrum: Tensor) -> Tensor:
        if self.part == "real":
            return spectrum.real if spectrum.is_complex() else spectrum
        magnitude = spectrum.abs()
        if self.part == "power":
            return magnitude.square()
        return magnitude.log1p() if self.part == "log_magnitude" else magnitude


def dct(x: Tensor) -> Tensor:
    """DCT-II over the last axis, X_k = 2 sum_m x_m cos(pi k (2m + 1) / 2d), by one FFT of the even-odd permutation."""
    d = x.shape[-1]
    permuted = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    k = torch.arange(d, device=x.device, dtype=x.dtype)
    angle = -math.pi * k / (2 * d)
    spectrum = torch.fft.fft(permuted)
    return 2 * (spectrum.real * angle.cos() - spectrum.imag * angle.sin())
