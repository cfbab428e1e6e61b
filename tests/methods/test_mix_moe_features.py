"""Spectral features against numpy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from mtsuite.methods.mix_moe.features import SpectralFeatures, dct


def normalised(values: np.ndarray) -> np.ndarray:
    mean, variance = values.mean(-1, keepdims=True), values.var(-1, keepdims=True)
    return np.asarray((values - mean) / np.sqrt(variance + 1e-5))


@pytest.mark.parametrize("hidden", [8, 15, 16])
@pytest.mark.parametrize("bins", [4, 256])
@pytest.mark.parametrize("part", ["magnitude", "log_magnitude", "power", "real"])
def test_fft_against_numpy(hidden: int, bins: int, part: str) -> None:
    x = torch.randn(2, 3, hidden)
    spectrum = np.fft.rfft(x.double().numpy(), axis=-1)[..., :bins] / np.sqrt(hidden)
    parts: dict[str, Any] = {
        "magnitude": np.abs,
        "log_magnitude": lambda s: np.log1p(np.abs(s)),
        "power": lambda s: np.abs(s) ** 2,
    }
    expected = normalised(parts.get(part, np.real)(spectrum))
    features = SpectralFeatures(hidden, "fft", part, bins)
    assert features.size == min(bins, hidden // 2 + 1)
    np.testing.assert_allclose(features(x).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("hidden", [1, 2, 7, 16])
def test_dct_against_scipy(hidden: int) -> None:
    x = torch.randn(3, hidden, dtype=torch.float64)
    np.testing.assert_allclose(dct(x).numpy(), scipy.fft.dct(x.numpy(), type=2), atol=1e-10)


@pytest.mark.parametrize("transform", ["fft", "dct", "random"])
def test_real_parts_are_linear_before_the_normalisation(transform: str) -> None:
    """The control: a linear map of x adds nothing to a linear router, a magnitude does."""
    features = SpectralFeatures(16, transform, "real", 256)
    seen: list[torch.Tensor] = []
    features._part = lambda spectrum: seen.append(SpectralFeatures._part(features, spectrum)) or seen[-1]  # type: ignore
    x, y = torch.randn(2, 5, 16)
    for value in (x, y, x + y):
        features(value)
    torch.testing.assert_close(seen[0] + seen[1], seen[2], atol=1e-5, rtol=1e-4)


def test_random_features_are_fixed_and_none_has_none() -> None:
    x = torch.randn(2, 16)
    one, two = (SpectralFeatures(16, "random", "magnitude", 256) for _ in range(2))
    assert torch.equal(one(x), two(x))
    assert one.size == SpectralFeatures(16, "fft", "magnitude", 256).size == 9
    assert SpectralFeatures(16, "none", "magnitude", 256).size == 0


def test_half_precision_is_transformed_in_single() -> None:
    x = torch.randn(2, 16).bfloat16()
    features = SpectralFeatures(16, "fft", "magnitude", 256)
    assert features(x).dtype == torch.float32
    torch.testing.assert_close(features(x), features(x.float()))
