"""Spectral features phi of a representation, in float32.

Along the hidden axis, or a window of earlier positions, a token's features depend on nothing later.  A transform
over all positions lets the router of a token see later tokens, which leaks the target in training and cannot be
repeated when decoding token by token: the leaky axes are for attempts at reproduction alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.reading import Reading
from torch import Tensor, nn

from mtsuite.method import MethodError


class Features(nn.Module, ABC):
    """phi for x (rows, length, d): (rows, length, ``size``), normalised over its values without learned scale.

    Values stand frequency by frequency, ``frequencies`` of them, several times over; 0 when they belong to none.
    """

    size: int
    frequencies: int = 0

    def forward(self, x: Tensor, reading: Reading) -> Tensor:
        """phi (rows, length, size) for x (rows, length, d)."""
        return nn.functional.layer_norm(self.values(x.float(), reading), (self.size,))

    @abstractmethod
    def values(self, x: Tensor, reading: Reading) -> Tensor:
        """The features before the normalisation, (rows, length, size) for x (rows, length, d)."""


def make_features(hidden: int, config: MixMoEConfig, layer: int) -> Features | None:
    """The features that a configuration asks for; None when it asks for none."""
    if config.transform == "none" or config.router == "random":
        return None
    if config.axis == "hidden":
        return HiddenFeatures(hidden, config)
    if config.axis == "causal_window":
        return WindowFeatures(hidden, config, layer)
    if config.axis == "prompt":
        return PromptFeatures(hidden, config, layer)
    return SequenceFeatures(hidden, config)


# -- a transform of fixed length ------------------------------------------------------------------------------


class Spectrum(nn.Module):
    """The lowest frequencies of the last axis: (..., n) to (..., ``size``).

    fft: X_k = sum_m x_m exp(-2 pi i k m / n) / sqrt(n), k = 0 .. n/2.  dct: the DCT-II of x / sqrt(n), k = 0 .. n-1.
    random: a fixed projection with N(0, 1/n) entries to as many values as fft has.
    """

    def __init__(self, n: int, config: MixMoEConfig) -> None:
        super().__init__()
        self.transform, self.part = config.transform, config.part
        available = n if config.transform == "dct" else n // 2 + 1
        self.frequencies = available if config.bins == "all" else min(config.bins, available)
        self.size = self.frequencies * (2 if config.part == "real_imag" and config.transform == "fft" else 1)
        if config.transform == "random":
            self.register_buffer("projection", _random_map(self.frequencies, n))

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) for x (..., n)."""
        if self.transform == "fft" and not self.part.startswith("real"):
            magnitude: Tensor = _Magnitude.apply(x, self.frequencies)
            return part_of(magnitude, self.part)
        if self.transform == "fft":
            return part_of(torch.fft.rfft(x, norm="ortho")[..., : self.frequencies], self.part)
        if self.transform == "dct":
            return part_of(dct(x)[..., : self.frequencies] / math.sqrt(x.shape[-1]), self.part)
        return part_of(nn.functional.linear(x, self.projection), self.part)  # type: ignore[arg-type]


class _Magnitude(torch.autograd.Function):
    """|rfft(x)| of the lowest frequencies, (..., n) to (..., k); its gradient takes one real inverse transform.

    dL/dx = irfft(g X / |X|), interior frequencies halved because the inverse counts each with its mirror image.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, frequencies: int) -> Tensor:
        """|X_k| (..., k) of the k lowest frequencies of x (..., n)."""
        spectrum = torch.fft.rfft(x, norm="ortho")
        magnitude = spectrum.abs()[..., :frequencies]
        ctx.save_for_backward(spectrum, magnitude)
        ctx.n = x.shape[-1]
        return magnitude

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient of x (..., n) from that of the magnitudes (..., k)."""
        spectrum, magnitude = ctx.saved_tensors
        k = magnitude.shape[-1]
        weight = gradients[0] / magnitude.clamp_min(1e-30)  # 0 where X is 0
        weight[..., 1 : (ctx.n + 1) // 2] *= 0.5
        back = torch.zeros_like(spectrum)
        back[..., :k] = spectrum[..., :k] * weight
        return torch.fft.irfft(back, n=ctx.n, norm="ortho"), None


def part_of(spectrum: Tensor, part: str) -> Tensor:
    """The real values for a spectrum (..., k): (..., k), or (..., 2 k) for ``real_imag`` of a complex one."""
    if part in ("real", "real_imag"):
        if not spectrum.is_complex():
            return spectrum
        return spectrum.real if part == "real" else torch.cat([spectrum.real, spectrum.imag], dim=-1)
    magnitude = spectrum.abs()
    if part == "power":
        return magnitude.square()
    return magnitude.log1p() if part == "log_magnitude" else magnitude


def dct(x: Tensor) -> Tensor:
    """DCT-II over the last axis, (..., d) to (..., d): X_k = 2 sum_m x_m cos(pi k (2m + 1) / 2d).

    It takes one FFT of the even-odd permutation.
    """
    d = x.shape[-1]
    permuted = torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], dim=-1)
    angle = torch.arange(d, device=x.device, dtype=x.dtype) * (-math.pi / (2 * d))
    spectrum = torch.fft.fft(permuted)
    return 2 * (spectrum.real * angle.cos() - spectrum.imag * angle.sin())


def _random_map(rows: int, columns: int) -> Tensor:
    """The same for every layer and seed: a control must not add a source of chance."""
    generator = torch.Generator("cpu").manual_seed(0)
    return torch.randn(rows, columns, generator=generator, device="cpu") / math.sqrt(columns)


# -- the axes ---------------------------------------------------------------------------------------------------


class HiddenFeatures(Features):
    """The transform of x_t over its d units."""

    def __init__(self, hidden: int, config: MixMoEConfig) -> None:
        super().__init__()
        self.spectrum = Spectrum(hidden, config)
        self.size, self.frequencies = self.spectrum.size, self.spectrum.frequencies

    def values(self, x: Tensor, reading: Reading) -> Tensor:
        """(rows, length, size) for x (rows, length, d), each token by itself."""
        values: Tensor = self.spectrum(x)
        return values


class WindowFeatures(Features):
    """The transform over the last W positions of P x, P (r, d) a fixed random map; zero before the first token."""

    def __init__(self, hidden: int, config: MixMoEConfig, layer: int) -> None:
        super().__init__()
        self.window, self.layer = config.window, layer
        self.register_buffer("projection", _random_map(config.window_rank, hidden))
        self.spectrum = Spectrum(config.window, config)
        self.size, self.frequencies = config.window_rank * self.spectrum.size, self.spectrum.frequencies

    def values(self, x: Tensor, reading: Reading) -> Tensor:
        """(rows, length, size) for x (rows, length, d); keeps the last W - 1 positions for the next call."""
        z = nn.functional.linear(x, self.projection) * reading.kept(x).unsqueeze(-1)  # type: ignore[arg-type]
        before = reading.memory.kept.get(self.layer)
        if before is None:
            before = z.new_zeros(len(z), self.window - 1, z.shape[-1])
        z = torch.cat([before, z], dim=1)
        reading.memory.fresh[self.layer] = z[:, 1 - self.window :].detach()
        windows = z.unfold(1, self.window, 1)  # (rows, length, r, W)
        values: Tensor = self.spectrum(windows).flatten(2)  # (rows, length, r, k) to (rows, length, r k)
        return values


class PromptFeatures(Features):
    """The transform over the prompt's positions, averaged over its frequencies, the same for every token of a row.

    Zero where no prompt is known: in monolingual text, and so in all of stage 1.
    """

    def __init__(self, hidden: int, config: MixMoEConfig, layer: int) -> None:
        super().__init__()
        self.part, self.layer, self.bins = config.part, layer, config.bins
        self.size = hidden * (2 if config.part == "real_imag" else 1)

    def values(self, x: Tensor, reading: Reading) -> Tensor:
        """(rows, length, size) for x (rows, length, d): one vector per row, kept with the cache."""
        phi = reading.memory.kept.get(self.layer)
        if phi is None:
            prompt = reading.prompt(x)
            phi = x.new_zeros(len(x), self.size) if prompt is None else self._spectrum(x, prompt)
        reading.memory.fresh[self.layer] = phi.detach()
        return phi.unsqueeze(1).expand(-1, x.shape[1], -1)  # (rows, size) for every token: (rows, length, size)

    def _spectrum(self, x: Tensor, prompt: Tensor) -> Tensor:
        """Rows differ in length, so each has a DFT matrix of its own: (rows, length, d) to (rows, size)."""
        n = prompt.sum(1).clamp_min(1)
        place = (prompt.cumsum(1) - 1).unsqueeze(1)  # t, (rows, 1, length)
        k = torch.arange(int(n.max()) // 2 + 1, device=x.device).view(1, -1, 1)
        there = k <= (n // 2).view(-1, 1, 1)  # the other frequencies mirror these
        if self.bins != "all":
            there = there & (k < self.bins)
        # k t mod n before the multiplication keeps the angle exact in float32
        angle = (k * place % n.view(-1, 1, 1)) * (2 * math.pi / n.view(-1, 1, 1))
        wave = torch.polar(prompt.unsqueeze(1) / n.view(-1, 1, 1).sqrt(), -angle)  # zero outside the prompt
        values = part_of(torch.complex(wave.real @ x, wave.imag @ x), self.part)
        return (values * there).sum(1) / there.sum(1)


class SequenceFeatures(Features):
    """Leaky: the transform over all positions, after one over the hidden units for ``fnet2d`` (FNet, section 3)."""

    def __init__(self, hidden: int, config: MixMoEConfig) -> None:
        super().__init__()
        self.both, self.part = config.axis == "fnet2d", config.part
        kept = hidden
        if self.both:
            kept = self.frequencies = hidden if config.bins == "all" else min(config.bins, hidden)
        self.size = kept * (2 if config.part == "real_imag" else 1)

    def values(self, x: Tensor, reading: Reading) -> Tensor:
        """(rows, length, size) for x (rows, length, d).  Raises MethodError with a key-value cache."""
        if reading.past:
            raise MethodError(
                "Mix-MoE: with axis sequence or fnet2d every new token changes what came before, so a key-value cache "
                "cannot be used; generate with use_cache=False."
            )
        spectrum = torch.fft.fft(x, norm="ortho")[..., : self.frequencies] if self.both else x
        return part_of(torch.fft.fft(spectrum, dim=1, norm="ortho"), self.part)
