"""What the tests and the intervals draw: masks and counts of segments, the same for every system.

The draws of a single direction are those of ``sacrebleu.significance.PairedTest`` with the same seed.  The average over
directions needs draws that do not depend on one another: each direction has its own, made of the seed and its name, so
that the order of the directions decides nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mtsuite.errors import MetricError
from mtsuite.metrics.base import MetricResult

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_ROUNDS = 100_000  # a smaller p than 1e-5 says nothing more, and the draws of all rounds are held at once
_MOST_DRAWS = 200_000_000
CHUNK = 500  # rounds held in memory as floating-point numbers at a time

# The results of one system: one, or one a training seed (in any order, or under the seed's name).
Runs = MetricResult | Sequence[MetricResult] | Mapping[Any, MetricResult]


def by_seed(runs: Runs) -> dict[Hashable, MetricResult]:
    """Seed (or a number, where it has no name) to result."""
    if isinstance(runs, MetricResult):
        return {0: runs}
    return dict(runs) if isinstance(runs, Mapping) else dict(enumerate(runs))


def entropy(seed: int, stratum: str | None = None) -> tuple[int, ...]:
    """What the generator starts from: the seed alone, or the seed and the name of a direction.

    Raises MetricError for a seed below 1.
    """
    if seed < 1:
        raise MetricError(f"The seed of a significance test is 1 or more (0 means no seed to sacrebleu); found {seed}.")
    return (seed,) if stratum is None else (seed, zlib.crc32(stratum.encode()))


@lru_cache(maxsize=16)
def masks(n: int, rounds: int, start: tuple[int, ...]) -> Array:
    """(rounds, n) booleans: which segments stay with their system.  All pairs of a table share them."""
    _check_size(n, rounds)
    drawn: Array = _generator(start).integers(2, size=(rounds, n), dtype=bool)
    return drawn


@lru_cache(maxsize=16)
def counts(n: int, rounds: int, start: tuple[int, ...]) -> Array:
    """(rounds, n): how often each segment is drawn in each round, with replacement."""
    import numpy as np

    _check_size(n, rounds)
    drawn = _generator(start).choice(n, size=(rounds, n), replace=True)
    return np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.int32)


def _check_size(n: int, rounds: int) -> None:
    if n * rounds > _MOST_DRAWS:
        raise MetricError(
            f"{rounds:,} rounds over {n:,} segments are {n * rounds:,} draws, and {_MOST_DRAWS:,} fit into memory: "
            f"ask for {_MOST_DRAWS // n:,} rounds or fewer."
        )


def _generator(start: tuple[int, ...]) -> Any:
    import numpy as np

    return np.random.default_rng(start[0] if len(start) == 1 else list(start))
