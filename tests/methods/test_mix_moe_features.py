"""Spectral features against numpy and scipy, and the two facts that decide among the axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.features import Features, Spectrum, dct, make_features
from mtsuite.methods.mix_moe.reading import Reading
from torch import Tensor

from mtsuite.method import MethodError

torch.set_num_threads(1)


def config(**options: Any) -> MixMoEConfig:
    return MixMoEConfig.model_validate(options)


def features_of(hidden: int = 16, **options: Any) -> Features:
    made = make_features(hidden, config(**options), layer=0)
    assert made is not None
    return made


def normalised(values: np.ndarray) -> np.ndarray:
    mean, variance = values.mean(-1, keepdims=True), values.var(-1, keepdims=True)
    return np.asarray((values - mean) / np.sqrt(variance + 1e-5))


PARTS: dict[str, Any] = {
    "magnitude": np.abs,
    "log_magnitude": lambda s: np.log1p(np.abs(s)),
    "power": lambda s: np.abs(s) ** 2,
    "real": np.real,
    "real_imag": lambda s: np.concatenate([np.real(s), np.imag(s)], -1),
}


# -- along the hidden units -------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [8, 15, 16])
@pytest.mark.parametrize("bins", [4, 256, "all"])
@pytest.mark.parametrize("part", list(PARTS))
def test_fft_against_numpy(hidden: int, bins: int | str, part: str) -> None:
    x = torch.randn(2, 3, hidden)
    kept = hidden // 2 + 1 if bins == "all" else min(int(bins), hidden // 2 + 1)
    spectrum = np.fft.rfft(x.double().numpy(), axis=-1)[..., :kept] / np.sqrt(hidden)
    expected = PARTS[part](spectrum)
    features = features_of(hidden, part=part, bins=bins)
    assert (features.frequencies, features.size) == (kept, expected.shape[-1])
    np.testing.assert_allclose(features(x, Reading()).numpy(), normalised(expected), atol=1e-4)


@pytest.mark.parametrize("hidden", [2, 7, 8])
@pytest.mark.parametrize("bins", [2, "all"])
def test_gradient_of_the_magnitude(hidden: int, bins: Any) -> None:
    spectrum = Spectrum(hidden, config(bins=bins))
    x = torch.randn(3, hidden, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(spectrum, (x,))
    zero = torch.zeros(1, hidden, requires_grad=True)
    spectrum(zero).sum().backward()
    assert not zero.grad.any(), "a window before the first token"


@pytest.mark.parametrize("hidden", [1, 2, 7, 16])
def test_dct_against_scipy(hidden: int) -> None:
    x = torch.randn(3, hidden, dtype=torch.float64)
    np.testing.assert_allclose(dct(x).numpy(), scipy.fft.dct(x.numpy(), type=2), atol=1e-10)


def test_dct_features_against_scipy() -> None:
    x = torch.randn(2, 3, 16)
    expected = np.abs(scipy.fft.dct(x.double().numpy(), type=2))[..., :5] / 4.0
    np.testing.assert_allclose(features_of(transform="dct", bins=5).values(x, Reading()), expected, atol=1e-5)


def test_random_features_are_fixed_and_none_has_none() -> None:
    x = torch.randn(2, 3, 16)
    one, two = (features_of(transform="random") for _ in range(2))
    assert torch.equal(one(x, Reading()), two(x, Reading()))
    assert one.size == features_of().size == 9
    assert bool((one.values(x, Reading()) >= 0).all()), "the same part is taken"
    assert make_features(16, config(transform="none"), 0) is None
    assert make_features(16, config(router="random", top_k=1), 0) is None


def test_half_precision_is_transformed_in_single() -> None:
    x = torch.randn(2, 3, 16).bfloat16()
    features = features_of()
    assert features(x, Reading()).dtype == torch.float32
    torch.testing.assert_close(features(x, Reading()), features(x.float(), Reading()))


# -- Fact A: a linear map of x adds nothing to a linear router -----------------------------------------------


@pytest.mark.parametrize(("transform", "part"), [("fft", "real"), ("fft", "real_imag"), ("dct", "real"),
                                                 ("random", "real")])  # fmt: skip
def test_real_parts_have_the_function_class_of_x(transform: str, part: str) -> None:
    """Before the normalisation, every router on [x ; T x] equals one on x alone: W_x + W_phi T."""
    features = features_of(transform=transform, part=part)
    matrix = features.values(torch.eye(16).unsqueeze(0), Reading())[0].t()  # T, (m, d)
    x, w_x, w_phi = torch.randn(1, 20, 16), torch.randn(4, 16), torch.randn(4, features.size)
    both = x @ w_x.t() + features.values(x, Reading()) @ w_phi.t()
    torch.testing.assert_close(both, x @ (w_x + w_phi @ matrix).t(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("part", ["magnitude", "log_magnitude", "power"])
def test_magnitudes_are_no_function_of_that_class(part: str) -> None:
    features = features_of(part=part)
    x = torch.randn(1, 20, 16)
    torch.testing.assert_close(features.values(-x, Reading()), features.values(x, Reading()))  # even: not linear
    assert float(features.values(x, Reading()).abs().max()) > 0.1


# -- Fact B: a transform over positions leaks ---------------------------------------------------------------


def edited(features: Features, place: int = 12, length: int = 20) -> float:
    """How far features before ``place`` move when later tokens are edited."""
    x = torch.randn(2, length, 16, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[:, place:] += 1.0
    one, two = (features.values(value, Reading())[:, :place] for value in (x, other))
    return float((one - two).abs().max())


def test_sequence_axes_leak_and_the_others_do_not() -> None:
    assert edited(features_of(axis="hidden")) == 0.0
    assert edited(features_of(axis="causal_window", window=4, window_rank=3)) < 1e-6
    assert edited(features_of(axis="prompt")) == 0.0
    assert edited(features_of(axis="sequence", allow_leaky=True)) > 0.1
    assert edited(features_of(axis="fnet2d", allow_leaky=True)) > 0.1


def test_fnet_against_numpy() -> None:
    x = torch.randn(2, 6, 16)
    whole = np.fft.fft(np.fft.fft(x.double().numpy(), axis=-1, norm="ortho"), axis=1, norm="ortho")
    features = features_of(axis="fnet2d", allow_leaky=True, part="real", bins="all")
    np.testing.assert_allclose(features.values(x, Reading()).numpy(), whole.real, atol=1e-5)
    assert features_of(axis="fnet2d", allow_leaky=True, bins=5).values(x, Reading()).shape == (2, 6, 5)
    one_axis = features_of(axis="sequence", allow_leaky=True).values(x, Reading())
    np.testing.assert_allclose(one_axis, np.abs(np.fft.fft(x.double().numpy(), axis=1, norm="ortho")), atol=1e-5)


def test_leaky_axes_refuse_a_cache() -> None:
    reading = Reading()
    reading.past = 3
    with pytest.raises(MethodError, match="use_cache=False"):
        features_of(axis="sequence", allow_leaky=True)(torch.randn(1, 1, 16), reading)


# -- windows and prompts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["fft", "dct"])
def test_window_against_numpy(transform: str) -> None:
    features = features_of(axis="causal_window", window=4, window_rank=3, transform=transform)
    projection: Tensor = features.projection  # type: ignore[assignment]
    x = torch.randn(2, 6, 16)
    z = np.concatenate([np.zeros((2, 3, 3)), (x @ projection.t()).double().numpy()], axis=1)
    found = features.values(x, Reading()).numpy()
    for t in range(6):
        window = z[:, t : t + 4].transpose(0, 2, 1)  # (rows, r, W), the last W positions up to t
        values = np.fft.rfft(window) if transform == "fft" else scipy.fft.dct(window)
        np.testing.assert_allclose(found[:, t], np.abs(values / 2.0).reshape(2, -1), atol=1e-5)
    assert (features.size, features.frequencies) == ((9, 3) if transform == "fft" else (12, 4))


def test_window_by_default_has_the_stated_size() -> None:
    assert features_of(hidden=64, axis="causal_window").size == 16 * (32 // 2 + 1)


def test_padding_is_no_part_of_a_window() -> None:
    features = features_of(axis="causal_window", window=4, window_rank=3)
    x = torch.randn(1, 5, 16)
    padded, reading = torch.cat([torch.randn(1, 2, 16), x], dim=1), Reading()
    reading.mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1]]).bool()
    torch.testing.assert_close(features(padded, reading)[:, 2:], features(x, Reading()))


@pytest.mark.parametrize("part", ["magnitude", "power", "real_imag"])
@pytest.mark.parametrize("bins", [2, "all"])
def test_prompt_against_numpy(part: str, bins: Any) -> None:
    """Rows of different length, at different places; every token of a row gets the prompt's features."""
    features = features_of(axis="prompt", part=part, bins=bins)
    x, reading = torch.randn(3, 8, 16), Reading()
    spans = [(0, 5), (2, 8), (3, 4)]
    prompt = torch.zeros(3, 8, dtype=torch.bool)
    for row, (first, last) in enumerate(spans):
        prompt[row, first:last] = True
    with reading.telling(prompt):
        found = features.values(x, reading).numpy()
    for row, (first, last) in enumerate(spans):
        spectrum = np.fft.rfft(x[row, first:last].double().numpy(), axis=0, norm="ortho")
        expected = PARTS[part](spectrum[: None if bins == "all" else bins]).mean(0)
        np.testing.assert_allclose(found[row], np.tile(expected, (8, 1)), atol=1e-5)


def test_without_a_prompt_its_features_are_zero() -> None:
    features = features_of(axis="prompt")
    x, reading = torch.randn(2, 5, 16), Reading()
    assert not features(x, reading).any(), "monolingual text, stage 1"
    with reading.telling(torch.zeros(2, 5, dtype=torch.bool)):
        assert not features(x, reading).any()


def test_a_spectrum_has_as_many_random_values_as_frequencies() -> None:
    assert Spectrum(32, config(transform="random")).size == Spectrum(32, config()).size == 17
