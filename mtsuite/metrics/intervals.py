"""Confidence intervals of scores: the percentile bootstrap over segments (Koehn, 2004).

An interval says how far the score would move on other segments of the same kind, with the trained models as they are;
the standard deviation over seeds says how far it moves with another training.  The draws are shared by all systems,
and for one direction they are those of sacrebleu, whose half-widths the intervals have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from mtsuite.errors import MetricError
from mtsuite.metrics.aggregate import aggregation, table_of
from mtsuite.metrics.resampling import CHUNK, Runs, by_seed, counts, entropy

LEVEL = 0.95


class Interval(NamedTuple):
    low: float
    high: float


def interval(runs: Runs, rounds: int = 1000, seed: int = 12345, level: float = LEVEL) -> Interval:
    """The interval of one direction's score; of several seeds, of their mean score on the drawn segments."""
    return _interval({None: runs}, rounds, seed, level)


def average_interval(
    directions: Mapping[str, Runs], rounds: int = 1000, seed: int = 12345, level: float = LEVEL
) -> Interval:
    """The interval of the mean over directions; segments are drawn within each, independently of the others."""
    return _interval(directions, rounds, seed, level)


def _interval(strata: Mapping[str, Runs] | Mapping[None, Runs], rounds: int, seed: int, level: float) -> Interval:
    import numpy as np

    if not 0 < level < 1:
        raise MetricError(f"The level of an interval lies between 0 and 1; found {level}.")
    if rounds < 1 or not strata:
        raise MetricError(f"An interval needs at least one round and one direction; found {rounds} and {len(strata)}.")
    scores = np.zeros(rounds)
    for name, runs in strata.items():
        results = list(by_seed(runs).values())
        first = results[0]
        aggregate, n = aggregation(first), first.n
        drawn = counts(n, rounds, entropy(seed, name))
        for table in map(table_of, results):
            for place in range(0, rounds, CHUNK):
                times = drawn[place : place + CHUNK].astype(np.float64)
                scores[place : place + CHUNK] += aggregate(times @ table, n) / (len(results) * len(strata))
    scores.sort()
    outside = math.floor(rounds * (1 - level) / 2 + 1e-9)  # sacrebleu: rounds // 40 at 95 %
    return Interval(float(scores[outside]), float(scores[rounds - outside - 1]))
