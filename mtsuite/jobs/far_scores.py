"""What near-duplicates do to the numbers: counts by test set, and scores on the part that is far from training text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mtsuite.errors import MetricError
from mtsuite.jobs.near import near
from mtsuite.metrics.base import MetricResult

NEAR_COLUMNS = ("testset", "direction", "segments", "near", "near_source", "near_target")
FAR_COLUMNS = ("method", "seed", "trained_on", "direction", "testset", "metric", "score", "far_score", "n", "far_n")
Line = tuple[str, int, str, str, str]  # method, seed, trained_on, direction, test set
Near = Mapping[str, Mapping[str, Mapping[str, Any]]]


def near_rows(found: Near) -> Iterator[list[Any]]:
    """A row a test set and direction: how many segments have a near-duplicate, on which side."""
    for name, by_direction in found.items():
        for direction, entry in by_direction.items():
            flags = near(entry)
            yield [name, direction, len(flags), sum(flags), sum(entry["source"]), sum(entry["target"])]


def far_rows(found: Near, scores: Mapping[Line, Mapping[str, Any]]) -> Iterator[list[Any]]:
    """A row a score: on all segments, and on those without a near-duplicate (empty where there is none)."""
    for (method, seed, trained_on, direction, test_set), metrics in scores.items():
        entry = found.get(test_set, {}).get(direction)
        if entry is None:
            continue
        far = [not flag for flag in near(entry)]
        for name, values in metrics.items():
            if "score" not in values:
                continue
            result = MetricResult.from_dict(values)
            score = far_score(result, far)
            shown = "" if score is None else f"{score:.4f}"
            row = [method, seed, trained_on, direction, test_set, name]
            yield [*row, f"{result.score:.4f}", shown, result.n, sum(far)]


def far_score(result: MetricResult, far: list[bool]) -> float | None:
    """The score of the segments that are far; None where there are none or the metric keeps too little of them."""
    import numpy as np

    from mtsuite.metrics.aggregate import aggregation, table_of

    if not any(far) or len(far) != result.n:
        return None
    try:
        sums = table_of(result)[np.asarray(far)].sum(axis=0, keepdims=True)
        return float(aggregation(result)(sums, sum(far))[0])
    except MetricError:
        return None


def near_notes(found: Near, similarity: float) -> list[str]:
    """A note a test set that has near-duplicates in training text."""
    notes = []
    for name, by_direction in found.items():
        counts = {d: (sum(near(entry)), len(entry["source"])) for d, entry in by_direction.items()}
        told = ", ".join(f"{d} {n:,} of {total:,}" for d, (n, total) in counts.items() if n)
        if told:
            notes.append(
                f"Segments of {name} that are near training text (similarity of character n-grams {similarity:g} or "
                f"more, on either side): {told}. far_scores.csv has every score without them."
            )
        elif by_direction:
            notes.append(f"No segment of {name} is near training text (similarity {similarity:g} or more).")
    return notes
