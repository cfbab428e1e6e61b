"""How often systems of equal quality are called different, by ways to treat several training seeds.

    python benchmarks/false_positives.py

Two simulated worlds in which no method is better (docs/statistics.md): systems that are good at different segments, and
trainings that differ from one another.  Three trainings each, 200 segments, level 0.05.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mtsuite.metrics import MetricResult
from mtsuite.metrics.significance import compare

COMPARISONS, SEGMENTS, SEEDS, ROUNDS, LEVEL = 400, 200, 3, 199, 0.05


def result(scores: Any) -> MetricResult:
    return MetricResult("COMET", float(np.mean(scores)), "simulated", len(scores), list(scores))


def permuted(a: list[Any], b: list[Any], rng: np.random.Generator) -> float:
    """p where all outputs of a segment are permuted among the trainings of both systems (Clark et al., 2011)."""
    pool, k = np.stack(a + b), len(a)
    observed = abs(pool[:k].mean() - pool[k:].mean())
    extreme = 0
    for _ in range(ROUNDS):
        mixed = np.take_along_axis(pool, rng.random(pool.shape).argsort(0), 0)
        extreme += abs(mixed[:k].mean() - mixed[k:].mean()) >= observed - 1e-9
    return (extreme + 1) / (ROUNDS + 1)


def main() -> None:
    rng = np.random.default_rng(1)
    for name, different, between in (
        ("good at different segments, trainings alike", 5.0, 0.0),
        ("outputs alike, trainings differ (sd 0.4)", 0.0, 0.4),
    ):
        called = np.zeros(3)
        for _ in range(COMPARISONS):
            easy, own = rng.normal(70, 10, SEGMENTS), rng.normal(0, different, (2, SEGMENTS))
            a, b = (
                [easy + mine + rng.normal(0, between) + rng.normal(0, 2, SEGMENTS) for _ in range(SEEDS)]
                for mine in own
            )
            found = compare(list(map(result, a)), list(map(result, b)), rounds=ROUNDS)
            called += np.array([found.p_segments, permuted(a, b, rng), found.p_value]) <= LEVEL
        together, outputs, table = called / COMPARISONS
        print(
            f"{name}: exchanged together {together:.2f}, all outputs permuted {outputs:.2f}, as in tables {table:.2f}"
        )


if __name__ == "__main__":
    main()
