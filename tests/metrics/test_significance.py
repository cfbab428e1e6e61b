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
from mtsuite.metrics import MetricResult, make_metric, significance
from mtsuite.metrics.aggregate import bleu_from_sums, chrf_from_sums, ter_from_sums
from mtsuite.metrics.intervals import average_interval, interval
from mtsuite.metrics.significance import compare, compare_average, holm, welch

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


PARAMETERS = pytest.mark.parametrize(
    ("name", "option"), [("BLEU", {}), ("BLEU-paper", {"smooth_method": "none"}), ("chrF", {}),
                         ("chrF++", {"word_order": 2}), ("TER", {})]
)  # fmt: skip


def sacrebleus(name: str, option: dict[str, Any], short: str, systems: list[tuple[str, list[str]]], refs: list[str],
               rounds: int) -> list[Any]:  # fmt: skip
    """What ``PairedTest`` says of each system, the first being its baseline."""
    import sacrebleu
    from sacrebleu.significance import PairedTest

    kind: Any = {"B": sacrebleu.BLEU, "c": sacrebleu.CHRF, "T": sacrebleu.TER}[name[0]]
    paired = PairedTest(systems, {name: kind(**option)}, [refs], test_type=short, n_samples=rounds)
    outcome = paired()[1]
    return next(value for key, value in outcome.items() if key != "System")


@PARAMETERS
@pytest.mark.parametrize(("test", "short"), [("approximate_randomization", "ar"), ("bootstrap", "bs")])
def test_p_values_are_those_of_sacrebleu(
    monkeypatch: pytest.MonkeyPatch, name: str, option: dict[str, Any], test: str, short: str
) -> None:
    references, a, b = systems()
    monkeypatch.setenv("SACREBLEU_SEED", "77")
    expected = sacrebleus(name, option, short, [("b", b), ("a", a)], references, 500)[1].p_value
    ours = compare(*results(name), test=test, rounds=500, seed=77)
    # The draws are the same, and a round that only ties counts here: p can be larger, not smaller.
    assert ours.p_value >= expected
    if name != "TER":  # few different values: many ties
        assert ours.p_value == pytest.approx(expected, abs=0.003)
    monkeypatch.setattr(significance, "_EQUAL", -1e-9)  # ties count no more: to the last digit
    assert compare(*results(name), test=test, rounds=500, seed=77).p_value == expected


@PARAMETERS
def test_intervals_are_those_of_sacrebleu(monkeypatch: pytest.MonkeyPatch, name: str, option: dict[str, Any]) -> None:
    references, a, b = systems()
    monkeypatch.setenv("SACREBLEU_SEED", "77")
    expected = sacrebleus(name, option, "bs", [("b", b), ("a", a)], references, 400)
    for result, said in zip(reversed(results(name)), expected, strict=True):
        low, high = interval(result, rounds=400, seed=77)
        assert low < result.score < high
        assert (high - low) / 2 == pytest.approx(said.ci, abs=1e-6)  # sacrebleu counts in single precision here


def test_delta_is_in_points_and_signed() -> None:
    a, b = results("BLEU")
    assert compare(a, b, rounds=50).delta == pytest.approx(a.score - b.score)
    assert compare(b, a, rounds=50).delta == pytest.approx(b.score - a.score)


@pytest.mark.parametrize("test", ["approximate_randomization", "bootstrap"])
@pytest.mark.parametrize("name", ["BLEU", "chrF"])
def test_a_system_does_not_differ_from_itself(test: str, name: str) -> None:
    a, _ = results(name)
    assert compare(a, a, test=test, rounds=200) == (0.0, 1.0, None)
    assert compare([a, a], [a], test=test, rounds=200) == (0.0, 1.0, None)
    average = compare_average({"en-de": (a, a), "en-fr": (a, a)}, test=test, rounds=200)
    assert average == (0.0, 1.0, None)


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


def seeds(name: str = "BLEU", count: int = 3) -> tuple[list[MetricResult], list[MetricResult]]:
    """Two systems, several trainings of each, on the same references."""
    references, *_ = systems()
    rng = random.Random(11)
    metric = make_metric(name)

    def trained(rate: float) -> MetricResult:
        lines = [" ".join(rng.choice(WORDS) if rng.random() < rate else w for w in line.split()) for line in references]
        return metric.score(EN_DE, references, lines, references)

    return [trained(0.2) for _ in range(count)], [trained(0.25) for _ in range(count)]


@pytest.mark.parametrize("test", ["approximate_randomization", "bootstrap"])
def test_seeds_of_two_systems_are_no_pairs(test: str) -> None:
    a, b = seeds()
    together = compare(a, b, test=test, rounds=300)
    assert together.delta == pytest.approx(np.mean([x.score for x in a]) - np.mean([x.score for x in b]))
    shuffled = compare(a[::-1], [b[1], b[2], b[0]], test=test, rounds=300)
    assert shuffled == pytest.approx(together)
    uneven = compare(a, b[:1], test=test, rounds=300)
    assert uneven.delta == pytest.approx(np.mean([x.score for x in a]) - b[0].score)
    assert uneven.p_seeds is None, "one training says nothing of the spread of trainings"
    assert compare(a[:1], b[:1], test=test, rounds=300) == compare(a[0], b[0], test=test, rounds=300)


@pytest.mark.parametrize("test", ["approximate_randomization", "bootstrap"])
def test_the_same_training_thrice_is_no_more_evidence_than_once(test: str) -> None:
    a, b = results("BLEU")
    once, thrice = compare(a, b, test=test, rounds=300), compare([a] * 3, [b] * 3, test=test, rounds=300)
    assert thrice == pytest.approx(once)
    assert thrice.p_seeds is None, "nothing varies"


def test_welch_is_scipys() -> None:
    from scipy.stats import ttest_1samp, ttest_ind

    for a, b in (([1.0, 2.0, 4.0], [3.0, 5.0, 9.0, 8.0]), ([30.1, 30.3], [31.0, 31.6])):
        assert welch(a, b) == pytest.approx(ttest_ind(a, b, equal_var=False).pvalue)
        assert welch(b, a) == pytest.approx(welch(a, b))
    constant, varied = [5.0, 5.0], [6.0, 6.1, 6.3]  # a row that trains nothing: one sample against a number
    assert welch(constant, varied) == pytest.approx(ttest_1samp(varied, 5.0).pvalue)
    assert welch([1.0], [2.0, 3.0]) is None
    assert welch([1.0, 1.0], [2.0, 2.0]) is None


def test_a_difference_within_the_spread_of_trainings_is_none() -> None:
    # Segment by segment system a is ahead in each training, but trainings differ more than the systems do.
    rng = np.random.default_rng(3)
    easy = rng.normal(70, 5, 200)
    a = [comet(list(easy + shift + 0.5)) for shift in (-3.0, 0.0, 3.0)]
    b = [comet(list(easy + shift)) for shift in (-3.0, 0.0, 3.0)]
    found = compare(a, b)
    assert found.delta == pytest.approx(0.5)
    assert found.p_segments == pytest.approx(1 / 1001)
    assert found.p_seeds is not None
    assert found.p_seeds > 0.5
    assert found.p_value == found.p_seeds


def test_the_average_by_enumeration() -> None:
    # Two directions of 3 and 2 segments: all 2^5 ways to swap, each direction with the weight ½.
    first, second = np.array([4.0, -1.0, 2.0]), np.array([3.0, 2.5])
    flat = [50.0] * 3
    observed = (first.mean() + second.mean()) / 2
    exact = np.mean(
        [
            abs((np.dot(s[:3], first) / 3 + np.dot(s[3:], second) / 2) / 2) >= observed - 1e-9
            for s in product((1, -1), repeat=5)
        ]
    )
    strata = {
        "en-de": (comet(list(50 + first)), comet(flat)),
        "en-fr": (comet(list(50 + second)), comet(flat[:2])),
    }
    found = compare_average(strata, rounds=20_000, seed=1)
    assert found.delta == pytest.approx(observed)
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert compare_average(dict(reversed(strata.items())), rounds=20_000, seed=1) == found


def test_the_average_of_seeds_is_tested_over_seeds() -> None:
    from scipy.stats import ttest_ind

    a, b = seeds()
    c, d = seeds("BLEU", 2)
    found = compare_average({"en-de": (a, b), "en-fr": (c, d)}, rounds=50)
    left = [(x.score + y.score) / 2 for x, y in zip(a[:2], c, strict=True)]
    right = [(x.score + y.score) / 2 for x, y in zip(b[:2], d, strict=True)]
    assert found.p_seeds == pytest.approx(ttest_ind(left, right, equal_var=False).pvalue), "complete seeds only"


@given(st.data(), st.sampled_from(["approximate_randomization", "bootstrap"]))
@settings(max_examples=100, deadline=None)
def test_p_is_a_probability_and_does_not_ask_who_is_first(data: st.DataObject, test: str) -> None:
    size = data.draw(st.integers(1, 10))
    runs = st.lists(st.lists(st.integers(0, 100), min_size=size, max_size=size), min_size=1, max_size=3)
    a, b = ([comet([float(x) for x in xs]) for xs in data.draw(runs)] for _ in range(2))
    there, back = (compare(x, y, test=test, rounds=40) for x, y in ((a, b), (b, a)))
    assert 0 < there.p_value <= 1
    assert there.delta == pytest.approx(-back.delta)
    assert there.p_segments == back.p_segments
    assert there.p_value == pytest.approx(back.p_value)
    low, high = interval(a, rounds=40)
    assert min(min(r.segments or []) for r in a) - 1e-9 <= low <= high <= 100 + 1e-9


def test_under_the_null_hypothesis_few_are_called_significant() -> None:
    # Two systems of equal quality that are good at different sentences, three trainings each: at level 0.1 about one
    # comparison in ten may be called significant, also though each system stands there thrice.
    rng = np.random.default_rng(8)
    called = 0
    for _ in range(200):
        ours, theirs = rng.normal(0, 5, (2, 40)) + 70
        a = [comet(list(ours + rng.normal(0, 1, 40))) for _ in range(3)]
        b = [comet(list(theirs + rng.normal(0, 1, 40))) for _ in range(3)]
        called += compare(a, b, rounds=99).p_segments <= 0.1
    assert 8 <= called <= 32


def test_what_cannot_be_compared_is_refused() -> None:
    a, b = results("BLEU")
    c, _ = results("chrF")
    with pytest.raises(MetricError, match="made in the same way"):
        compare(a, c)
    with pytest.raises(MetricError, match="0 means no seed"):
        compare(a, b, seed=0)
    with pytest.raises(MetricError, match=r"Unknown significance test 'boostrap'.*'bootstrap'"):
        compare(a, b, test="boostrap")
    with pytest.raises(MetricError, match="results of both systems; found 1 and 0"):
        compare([a], [])
    with pytest.raises(MetricError, match="at least one direction"):
        compare_average({})
    with pytest.raises(MetricError, match="at least one round"):
        compare(a, b, rounds=0)
    with pytest.raises(MetricError, match="between 0 and 1"):
        interval(a, level=95)
    with pytest.raises(MetricError, match="same segments"):
        compare(comet([1.0, 2.0]), comet([1.0]))
    with pytest.raises(MetricError, match="kept neither"):
        compare(MetricResult("COMET", 1.0, "x", 1), MetricResult("COMET", 1.0, "x", 1))


def test_the_interval_of_an_average() -> None:
    a, _ = results("chrF")
    b, _ = results("chrF", seed=4)
    low, high = average_interval({"en-de": a, "en-fr": b})
    assert low < (a.score + b.score) / 2 < high
    assert high - low < max(np.ptp(interval(a)), np.ptp(interval(b))), "an average of two moves less than one"
    assert average_interval({"en-fr": b, "en-de": a}) == pytest.approx((low, high))
    wide, narrow = interval(a, level=0.99), interval(a, level=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


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
