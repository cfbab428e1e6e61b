"""Paired tests: agreement with sacrebleu and scipy, small cases by hand, Holm's correction."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import MetricResult, make_metric
from mtsuite.metrics.significance import bleu_from_sums, chrf_from_sums, compare, holm, ter_from_sums

EN_DE = Direction("en", "de")
WORDS = ["der", "die", "das", "Hund", "Katze", "sieht", "heute", "nicht", "zwei", "Bücher", "liest", "im", "alt"]


def systems(n: int = 80, seed: int = 3) -> tuple[list[str], list[str], list[str]]:
    """References and two systems, the second with more wrong words."""
    rng = random.Random(seed)
    references = [" ".join(rng.choices(WORDS, k=rng.randint(5, 12))) for _ in range(n)]

    def spoil(rate: float) -> list[str]:
        return [
            " ".join(rng.choice(WORDS) if rng.random() < rate else word for word in line.split()) for line in references
        ]

    return references, spoil(0.20), spoil(0.24)


def results(name: str, seed: int = 3) -> tuple[MetricResult, MetricResult]:
    references, a, b = systems(seed=seed)
    metric = make_metric(name)
    return metric.score(EN_DE, references, a, references), metric.score(EN_DE, references, b, references)


def comet(segments: list[float]) -> MetricResult:
    return MetricResult("COMET", float(np.mean(segments)), "COMET-x (unbabel-comet 2)", len(segments), segments)


@pytest.mark.parametrize("name", ["BLEU", "chrF", "TER"])
@pytest.mark.parametrize(("test", "short"), [("approximate_randomization", "ar"), ("bootstrap", "bs")])
def test_p_values_are_those_of_sacrebleu(monkeypatch: pytest.MonkeyPatch, name: str, test: str, short: str) -> None:
    import sacrebleu
    from sacrebleu.significance import PairedTest

    references, a, b = systems()
    monkeypatch.setenv("SACREBLEU_SEED", "77")
    metric = {"BLEU": sacrebleu.BLEU, "chrF": sacrebleu.CHRF, "TER": sacrebleu.TER}[name]()
    paired = PairedTest([("b", b), ("a", a)], {name: metric}, [references], test_type=short, n_samples=500)
    outcome: Any = next(value for key, value in paired()[1].items() if key != "System")[1]
    expected = outcome.p_value
    ours = compare(*results(name), test=test, rounds=500, seed=77)
    # the same draws; only ties (≥ here, > there) and sacrebleu's single precision may differ
    assert ours.p_value == pytest.approx(expected, abs=0.03)
    if name != "TER":
        assert ours.p_value == pytest.approx(expected, abs=0.003)


def test_delta_is_in_points_and_signed() -> None:
    a, b = results("BLEU")
    assert compare(a, b, rounds=50).delta == pytest.approx(a.score - b.score)
    assert compare(b, a, rounds=50).delta == pytest.approx(b.score - a.score)


@pytest.mark.parametrize("test", ["approximate_randomization", "bootstrap"])
@pytest.mark.parametrize("name", ["BLEU", "chrF"])
def test_a_system_does_not_differ_from_itself(test: str, name: str) -> None:
    a, _ = results(name)
    assert compare(a, a, test=test, rounds=200) == (0.0, 1.0)


def test_comet_segments_by_enumeration() -> None:
    # All 2^4 sign patterns of the four differences: the exact two-sided p-value.
    a, b = [90.0, 80.0, 70.0, 60.0], [80.0, 75.0, 69.0, 62.0]
    gaps = np.subtract(a, b)
    exact = np.mean([abs(np.dot(signs, gaps)) >= abs(gaps.sum()) for signs in product((1, -1), repeat=4)])
    found = compare(comet(a), comet(b), rounds=20_000, seed=1)
    assert found.delta == pytest.approx(3.5)
    assert found.p_value == pytest.approx(exact, abs=0.01)


def test_comet_agrees_with_scipys_permutation_test() -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(5)
    a = rng.normal(70, 10, 60)
    b = a + rng.normal(-0.8, 4, 60)
    oracle = permutation_test(
        (a, b), lambda x, y: np.mean(x) - np.mean(y), permutation_type="samples", n_resamples=5000, random_state=1
    )
    found = compare(comet(list(a)), comet(list(b)), rounds=5000, seed=2)
    assert found.p_value == pytest.approx(oracle.pvalue, abs=0.03)


def test_the_seed_decides() -> None:
    a, b = results("BLEU")
    assert compare(a, b, seed=4) == compare(a, b, seed=4)
    assert compare(a, b, seed=4) != compare(a, b, seed=5)


def test_several_seeds_of_a_method_are_tested_together() -> None:
    pairs = [results("BLEU", seed=seed) for seed in (1, 2, 3)]
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    together = compare(a, b, rounds=500)
    assert together.delta == pytest.approx(np.mean([x.score - y.score for x, y in pairs]))
    assert together.p_value < max(compare(x, y, rounds=500).p_value for x, y in pairs)
    assert compare(a[:1], b[:1], rounds=500) == compare(a[0], b[0], rounds=500)


def test_what_cannot_be_compared_is_refused() -> None:
    a, b = results("BLEU")
    c, _ = results("chrF")
    with pytest.raises(MetricError, match="made in the same way"):
        compare(a, c)
    with pytest.raises(MetricError, match="0 means no seed"):
        compare(a, b, seed=0)
    with pytest.raises(MetricError, match=r"Unknown significance test 'boostrap'.*'bootstrap'"):
        compare(a, b, test="boostrap")
    with pytest.raises(MetricError, match="same number of seeds"):
        compare([a, a], [b])
    with pytest.raises(MetricError, match="same segments"):
        compare(comet([1.0, 2.0]), comet([1.0]))
    with pytest.raises(MetricError, match="kept neither"):
        compare(MetricResult("COMET", 1.0, "x", 1), MetricResult("COMET", 1.0, "x", 1))


def test_holm_by_hand() -> None:
    # sorted 0.01·4, 0.02·3, 0.03·2 (raised to 0.06), 0.5·1
    corrected = holm({"en-de": 0.02, "de-en": 0.5, "en-fr": 0.01, "fr-en": 0.03})
    assert list(corrected) == ["en-de", "de-en", "en-fr", "fr-en"]
    assert corrected == pytest.approx({"en-de": 0.06, "de-en": 0.5, "en-fr": 0.04, "fr-en": 0.06})
    assert holm({}) == {}
    assert holm({"a": 0.9, "b": 0.8}) == pytest.approx({"a": 1.0, "b": 1.0})


@st.composite
def bleu_sums(draw: st.DrawFn) -> list[int]:
    length = draw(st.integers(0, 40))
    totals = [max(0, length - order) for order in range(4)]
    right: list[int] = []
    for total in totals:
        right.append(draw(st.integers(0, min([total, *right[-1:]]))))
    return [length, draw(st.integers(1, 40)), *right, *totals]


@given(bleu_sums(), st.sampled_from(["exp", "none"]))
@settings(max_examples=200, deadline=None)
def test_bleu_of_sums_is_sacrebleus(sums: list[int], smooth: str) -> None:
    from sacrebleu.metrics import BLEU

    expected = BLEU.compute_bleu(sums[2:6], sums[6:], sums[0], sums[1], smooth_method=smooth).score
    assert bleu_from_sums(np.array([sums], float), smooth)[0] == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1)), min_size=6, max_size=6))
@settings(max_examples=200, deadline=None)
def test_chrf_of_sums_is_sacrebleus(orders: list[tuple[int, int, float]]) -> None:
    from sacrebleu.metrics import CHRF

    sums = [value for a, b, share in orders for value in (a, b, int(share * min(a, b)))]
    expected = CHRF()._compute_f_score(sums)
    assert chrf_from_sums(np.array([sums], float))[0] == pytest.approx(expected, abs=1e-9)


def test_ter_of_sums() -> None:
    assert ter_from_sums(np.array([[2.0, 5.0], [1.0, 0.0], [0.0, 0.0]])).tolist() == [40.0, 100.0, 0.0]
