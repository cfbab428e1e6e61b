"""Is the difference between two systems one?  Paired tests over segments, and over training seeds where there are many.

Over segments, with the trained models as they are:

- ``approximate_randomization`` (Riezler & Maxwell, 2005; the default): swap the two systems' outputs segment by segment
  with probability ½ and see how often the difference gets as large;
- ``bootstrap`` (Koehn, 2004): draw segments with replacement, centred as in sacrebleu.

Both work on sufficient statistics for BLEU, chrF and TER, and on segment scores for COMET; nothing is scored again.
With the same seed the draws are those of ``sacrebleu.significance.PairedTest``.  One deliberate difference: a round
that gets *as* large counts here (≥), in sacrebleu only a larger one does (>), which gives two identical systems
p = 1/(rounds + 1) instead of 1.

Several training seeds of a system are given together.  Seeds of two systems are not pairs of anything, so the
statistic is the mean over all pairs of a seed of one and a seed of the other, which is the difference of the means.  A
segment is swapped for all seeds at once: its outputs stay together, and training more seeds does not make a test set
larger.  Whether the difference exceeds what another training would give is asked apart (``p_seeds``): Welch's t-test
over the seeds' scores.  ``docs/statistics.md`` has the hypotheses and the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mtsuite.errors import MetricError, did_you_mean
from mtsuite.metrics.aggregate import aggregation, table_of
from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.resampling import CHUNK, Runs, by_seed, counts, entropy, masks

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

TESTS = ("approximate_randomization", "bootstrap")
_EQUAL = 1e-9  # differences closer than this are the same number summed in another order

Key = TypeVar("Key")


class Comparison(NamedTuple):
    """``delta`` = score of a − score of b, in points.

    ``p_segments`` is of the paired test over segments; ``p_seeds`` of Welch's test over training seeds, None where
    one of the systems has a single seed or none of them varies.
    """

    delta: float
    p_segments: float
    p_seeds: float | None = None

    @property
    def p_value(self) -> float:
        """The larger of the two: a difference is one when it holds on other segments and for other seeds."""
        return self.p_segments if self.p_seeds is None else max(self.p_segments, self.p_seeds)


def compare(
    results_a: Runs, results_b: Runs, test: str = "approximate_randomization", rounds: int = 1000, seed: int = 12345
) -> Comparison:
    """Test whether system a and system b differ on the same segments of one direction.

    Raises MetricError when the results were not made in the same way or do not cover the same number of segments, and
    for a seed below 1 (sacrebleu takes 0 for "no seed").
    """
    return _compare({None: (results_a, results_b)}, test, rounds, seed)


def compare_average(
    directions: Mapping[str, tuple[Runs, Runs]],
    test: str = "approximate_randomization",
    rounds: int = 1000,
    seed: int = 12345,
) -> Comparison:
    """The same for the mean over directions: segments are swapped or drawn within each direction.

    Directions may have different numbers of segments; each weighs the same, as in the average of a table.
    """
    return _compare(dict(directions), test, rounds, seed)


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


def welch(a: list[float], b: list[float]) -> float | None:
    """Two-sided p of Welch's t-test (1947) between the scores of two systems' training seeds.

    None when a side has fewer than two scores, so that its spread is not known, or when neither varies.
    """
    if len(a) < 2 or len(b) < 2:
        return None
    parts = [_variance(scores) / len(scores) for scores in (a, b)]
    if max(parts) < _EQUAL**2:
        return None
    from scipy.special import stdtr

    t = (math.fsum(a) / len(a) - math.fsum(b) / len(b)) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(scores) - 1) for part, scores in zip(parts, (a, b), strict=True)
    )  # Welch–Satterthwaite
    return float(2 * stdtr(freedom, -abs(t)))


def _variance(scores: list[float]) -> float:
    mean = math.fsum(scores) / len(scores)
    return math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)


Strata = Mapping[Any, tuple[Runs, Runs]]  # a stratum is a direction; its key names its draws, None takes sacrebleu's


def _compare(strata: Strata, test: str, rounds: int, seed: int) -> Comparison:
    import numpy as np

    if test not in TESTS:
        raise MetricError(f"Unknown significance test {test!r}. {did_you_mean(test, TESTS)}")
    if rounds < 1:
        raise MetricError(f"A significance test needs at least one round; found {rounds}.")
    if not strata:
        raise MetricError("A comparison of averages needs at least one direction.")
    run = _randomize if test == "approximate_randomization" else _bootstrap
    delta, differences = 0.0, np.zeros(rounds)
    seeds: tuple[list[dict[Hashable, float]], list[dict[Hashable, float]]] = ([], [])
    for name, (runs_a, runs_b) in strata.items():
        a, b = by_seed(runs_a), by_seed(runs_b)
        check_comparable([*a.values()], [*b.values()])
        first = next(iter(a.values()))
        tables = ([table_of(result) for result in a.values()], [table_of(result) for result in b.values()])
        aggregate = aggregation(first)
        delta += _mean_difference(tables, np.ones((1, first.n)), aggregate)[0]
        differences += run(tables, aggregate, first.n, rounds, entropy(seed, name))
        for side, found in zip(seeds, (a, b), strict=True):
            side.append({key: result.score for key, result in found.items()})
    sizes = np.abs(differences / len(strata))
    delta /= len(strata)
    statistics = sizes if test == "approximate_randomization" else sizes - sizes.mean()
    # The add-one estimate of p: (1 + rounds at least as extreme) / (1 + rounds).
    extreme = int((statistics >= abs(delta) - _EQUAL).sum())
    return Comparison(float(delta), (extreme + 1) / (rounds + 1), welch(*(_complete(side) for side in seeds)))


def check_comparable(a: list[MetricResult], b: list[MetricResult]) -> None:
    """Raise MetricError unless both sides hold results of one metric, one signature and one number of segments."""
    if not a or not b:
        raise MetricError(f"A paired test needs results of both systems; found {len(a)} and {len(b)}.")
    made = sorted({(result.metric, result.signature) for result in a + b})
    if len(made) > 1:
        raise MetricError(f"Only scores made in the same way can be compared; found {made[0]} and {made[1]}.")
    sizes = sorted({result.n for result in a + b})
    if len(sizes) > 1:
        raise MetricError(
            f"A paired test needs the same segments; found results of {sizes[0]} and {sizes[1]} segments."
        )


def _complete(directions: list[dict[Hashable, float]]) -> list[float]:
    """A system's score a seed, averaged over directions; seeds that a direction lacks are left out."""
    common = [seed for seed in directions[0] if all(seed in found for found in directions)]
    return [math.fsum(found[seed] for found in directions) / len(directions) for seed in common]


Tables = tuple[list["Array"], list["Array"]]


def _randomize(
    tables: Tables, aggregate: Callable[[Array, int], Array], n: int, rounds: int, start: tuple[int, ...]
) -> Array:
    """Differences of the pseudo-systems, (rounds,).  A mask says for a segment whether both systems keep theirs."""
    import numpy as np

    drawn = masks(n, rounds, start)
    differences = np.empty(rounds)
    for place in range(0, rounds, CHUNK):
        mask = drawn[place : place + CHUNK].astype(np.float64)
        kept_a, kept_b = ([mask @ table for table in side] for side in tables)
        given_a, given_b = ([table.sum(0) - kept for table, kept in zip(side, keeps, strict=True)]
                            for side, keeps in zip(tables, (kept_a, kept_b), strict=True))  # fmt: skip
        differences[place : place + CHUNK] = np.mean(
            [
                aggregate(kept_a[i] + given_b[j], n) - aggregate(kept_b[j] + given_a[i], n)
                for i, j in product(range(len(kept_a)), range(len(kept_b)))
            ],
            axis=0,
        )
    return differences


def _bootstrap(
    tables: Tables, aggregate: Callable[[Array, int], Array], n: int, rounds: int, start: tuple[int, ...]
) -> Array:
    """Differences on drawn test sets, (rounds,); all seeds of both systems are scored on the same ones."""
    import numpy as np

    drawn = counts(n, rounds, start)
    parts = []
    for place in range(0, rounds, CHUNK):
        parts.append(_mean_difference(tables, drawn[place : place + CHUNK].astype(np.float64), aggregate))
    return np.concatenate(parts)


def _mean_difference(tables: Tables, times: Array, aggregate: Callable[[Array, int], Array]) -> Array:
    """Mean score over the seeds of a, less that of b; ``times`` (rounds, n): how often each segment counts."""
    import numpy as np

    a, b = (np.mean([aggregate(times @ table, times.shape[1]) for table in side], axis=0) for side in tables)
    difference: Array = a - b
    return difference
