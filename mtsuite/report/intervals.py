"""Confidence intervals of a results folder: ``intervals.csv``, where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from mtsuite.report.main_table import panels
from mtsuite.report.results import Results, _number, _rows

COLUMNS = ("metric", "method", "direction", "low", "high", "level", "test", "n")
AVERAGE = "average"


@dataclass(frozen=True)
class Interval:
    """Both ends in the metric's points; ``level`` is 0.95 for one of 95 %; ``test`` says how it was found."""

    low: float
    high: float
    level: float
    test: str


def average_intervals(results: Results, metric: str) -> dict[str, Interval]:
    """Row to the interval of its average over the directions of the metric's first table; empty without the file.

    Raises StoreError when the file lacks a column or a number is none.
    """
    path = results.folder / "intervals.csv"
    if not path.is_file():
        return {}
    testsets = panels(results, metric)[0].testsets
    testset = testsets[0] if len(testsets) == 1 else ""
    found = {}
    for line, row in _rows(path, COLUMNS):
        if row["metric"] == metric and row["direction"] == AVERAGE and row.get("testset", "") in ("", testset):
            low, high, level = (_number(path, line, name, row[name]) for name in ("low", "high", "level"))
            found[row["method"]] = Interval(low, high, level, row["test"])
    return found
