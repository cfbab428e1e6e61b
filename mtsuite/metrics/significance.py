"""Is the difference between two systems one?  Paired tests on what the metrics have kept.

- ``approximate_randomization`` (Riezler & Maxwell, 2005; the default): swap the two systems'
  outputs segment by segment with probability ½ and see how often the difference gets as large;
- ``bootstrap`` (Koehn, 2004): draw segments with replacement, centred as in sacrebleu.

Both work on sufficient statistics for BLEU, chrF and TER, and on segment scores for COMET; nothing
is scored again.  With the same seed the draws are those of ``sacrebleu.significance.PairedTest``.
One deliberate difference: a round that gets *as* large counts here (≥), in sacrebleu only a larger
one does (>), which gives two identical systems p = 1/(rounds + 1) instead of 1.

Results of several seeds of a method can be given together: segments are swapped within a seed, and
the statistic is the mean over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mtsuite.errors import MetricError, did_you_mean
from mtsuite.metrics.base import MetricResult

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

TESTS = ("approximate_randomization", "bootstrap")
_EQUAL = 1e-9  # differences closer than this are the same number summed in another order
_CHUNK = 500  # rounds held in memory as floating-point numbers at a time

Key = TypeVar("Key")


class Comparison(NamedTuple):
    """``delta`` = score of a − score of b, in points; ``p_value`` two-sided."""

    delta: float
    p_value: float


def compare(
    results_a: MetricResult | Sequence[MetricResult],
    results_b: MetricResult | Sequence[MetricResult],
    test: str = "approximate_randomization",
    rounds: int = 1000,
    seed: int = 12345,
) -> Comparison:
    """Test whether system a and system b differ on the same segments.

    Raises MetricError when the results were not made in the same way, do not cover the same number
    of segments, or come in different numbers of seeds, and for a seed below 1 (sacrebleu takes 0 for "no seed").
    """
    many_a = [results_a] if isinstance(results_a, MetricResult) else list(results_a)
    many_b = [results_b] if isinstance(results_b, MetricResult) else list(results_b)
    _check(many_a, many_b, test, rounds, seed)
    first = many_a[0]
    aggregate = _aggregation(first)
    tables = [(_table(a), _table(b)) for a, b in zip(many_a, many_b, strict=True)]
    run = _randomize if test == "approximate_randomization" else _bootstrap
    return run(tables, aggregate, first.n, rounds, seed)


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Holm's step-down correction over a family of tests (the directions of a table).

    The adjusted values keep their keys and can be compared with the level directly.
    """
    adjusted: dict[Key, float] = {}
    largest = 0.0
    for rank, (key, value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * value))
        adjusted[key] = largest
    return {key: adjusted[key] for key in p_values}


def _check(many_a: list[MetricResult], many_b: list[MetricResult], test: str, rounds: int, seed: int) -> None:
    if test not in TESTS:
        raise MetricError(f"Unknown significance test {test!r}. {did_you_mean(test, TESTS)}")
    if seed < 1:
        raise MetricError(f"The seed of a significance test is 1 or more (0 means no seed to sacrebleu); found {seed}.")
    if rounds < 1:
        raise MetricError(f"A significance test needs at least one round; found {rounds}.")
    if not many_a or len(many_a) != len(many_b):
        raise MetricError(
            f"A paired test needs the same number of seeds of both systems; found {len(many_a)} and {len(many_b)}."
        )
    made = sorted({(result.metric, result.signature) for result in many_a + many_b})
    if len(made) > 1:
        raise MetricError(f"Only scores made in the same way can be compared; found {made[0]} and {made[1]}.")
    sizes = sorted({result.n for result in many_a + many_b})
    if len(sizes) > 1:
        raise MetricError(
            f"A paired test needs the same segments; found results of {sizes[0]} and {sizes[1]} segments."
        )


def _table(result: MetricResult) -> Array:
    """One row a segment: its statistics, or its score."""
    import numpy as np

    if result.statistics is not None:
        return np.asarray(result.statistics, dtype=np.float64)
    if result.segments is None:
        raise MetricError(f"{result.metric} has kept neither statistics nor segment scores; score it again.")
    return np.asarray(result.segments, dtype=np.float64)[:, None]


def _randomize(
    tables: list[tuple[Array, Array]], aggregate: Callable[[Array, int], Array], n: int, rounds: int, seed: int
) -> Comparison:
    import numpy as np

    draws = _masks(n, rounds, seed, len(tables))
    delta = 0.0
    differences = np.zeros(rounds)
    for (a, b), mask in zip(tables, draws, strict=True):
        delta += _difference(a.sum(0)[None], b.sum(0)[None], aggregate, n).item()
        total = (a + b).sum(0)
        for start in range(0, rounds, _CHUNK):
            # Σ mask·a + (1 − mask)·b = Σb + mask @ (a − b); the other pseudo-system is what remains
            left = b.sum(0) + mask[start : start + _CHUNK].astype(np.float64) @ (a - b)
            differences[start : start + _CHUNK] += _difference(left, total - left, aggregate, n)
    return _comparison(delta, np.abs(differences), rounds, len(tables))


def _bootstrap(
    tables: list[tuple[Array, Array]], aggregate: Callable[[Array, int], Array], n: int, rounds: int, seed: int
) -> Comparison:
    import numpy as np

    counts = _counts(n, rounds, seed)
    delta = 0.0
    differences = np.zeros(rounds)
    for a, b in tables:
        delta += _difference(a.sum(0)[None], b.sum(0)[None], aggregate, n).item()
        for start in range(0, rounds, _CHUNK):
            times = counts[start : start + _CHUNK].astype(np.float64)
            differences[start : start + _CHUNK] += _difference(times @ a, times @ b, aggregate, n)
    sizes = np.abs(differences)
    return _comparison(delta, sizes - sizes.mean(), rounds, len(tables))


def _difference(a: Array, b: Array, aggregate: Callable[[Array, int], Array], n: int) -> Array:
    difference: Array = aggregate(a, n) - aggregate(b, n)
    return difference


def _comparison(delta: float, statistics: Array, rounds: int, seeds: int) -> Comparison:
    """The add-one estimate of p: (1 + rounds at least as extreme) / (1 + rounds)."""
    extreme = int((statistics >= abs(delta) - _EQUAL).sum())
    return Comparison(delta / seeds, (extreme + 1) / (rounds + 1))


@lru_cache(maxsize=8)
def _masks(n: int, rounds: int, seed: int, seeds: int) -> tuple[Array, ...]:
    """For each seed of the systems: (rounds, n) booleans, which segments stay.  All pairs of a table share them."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return tuple(rng.integers(2, size=(rounds, n), dtype=bool) for _ in range(seeds))


@lru_cache(maxsize=8)
def _counts(n: int, rounds: int, seed: int) -> Array:
    """(rounds, n): how often each segment is drawn in each round."""
    import numpy as np

    drawn = np.random.default_rng(seed).choice(n, size=(rounds, n), replace=True)
    return np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.int32)


def _aggregation(result: MetricResult) -> Callable[[Array, int], Array]:
    """From (rounds, statistics) sums over ``n`` segments to (rounds,) corpus scores, as the signature says."""
    if result.statistics is None:
        return lambda sums, n: sums[:, 0] / n
    options = dict(part.split(":", 1) for part in result.signature.split("|") if ":" in part)
    if "smooth" in options:
        if options.get("eff") != "no" or options["smooth"] not in ("exp", "none"):
            raise MetricError(f"BLEU with these options cannot be tested: {result.signature}.")
        return lambda sums, n: bleu_from_sums(sums, smooth=options["smooth"])
    if "nc" in options:
        return lambda sums, n: chrf_from_sums(sums)
    if len(result.statistics[0]) == 2:  # TER: edits, reference length
        return lambda sums, n: ter_from_sums(sums)
    raise MetricError(f"It is not known how to add up the statistics of {result.metric} ({result.signature}).")


def bleu_from_sums(sums: Array, smooth: str = "exp") -> Array:
    """BLEU of many samples at once: (rounds, 10) sums of length, reference length, matches 1–4, n-grams 1–4.

    sacrebleu's ``BLEU.compute_bleu`` without effective order, in numpy; a test holds the two together.
    """
    import numpy as np

    length, reference, right, total = sums[:, 0], sums[:, 1], sums[:, 2:6], sums[:, 6:10]
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.where(length < reference, np.exp(1 - reference / length), 1.0)
        brevity = np.where(length > 0, brevity, 0.0)
        precisions = np.where(total > 0, 100 * right / total, 0.0)
        if smooth == "exp":
            empty = (right == 0) & (total > 0)
            halves = 2.0 ** np.cumsum(empty, axis=1)
            precisions = np.where(empty, 100 / (halves * total), precisions)
        logs = np.log(precisions)
        scores: Array = brevity * np.exp(logs.mean(1))
    return np.where(right.any(axis=1), scores, 0.0)


def chrf_from_sums(sums: Array, beta: int = 2) -> Array:
    """chrF of many samples at once: (rounds, 3 · orders) sums of hypothesis, reference and matching n-grams.

    sacrebleu's ``CHRF._compute_f_score`` without epsilon smoothing; orders that one side lacks are left out.
    """
    import numpy as np

    hypothesis, reference, match = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    with np.errstate(divide="ignore", invalid="ignore"):
        there = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(there.sum(1), 1)
        precision = np.where(there, match / hypothesis, 0.0).sum(1) / orders
        recall = np.where(there, match / reference, 0.0).sum(1) / orders
        score: Array = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
    return np.where(precision + recall > 0, 100 * score, 0.0)


def ter_from_sums(sums: Array) -> Array:
    """TER of many samples at once: (rounds, 2) sums of edits and reference words."""
    import numpy as np

    edits, words = sums[:, 0], sums[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        score: Array = np.where(words > 0, 100 * edits / words, np.where(edits > 0, 100.0, 0.0))
    return score
