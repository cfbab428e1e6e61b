"""Confidence intervals of a results folder: ``intervals.csv``, where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from mtsuite.report.tables.query import Panel, panels
from mtsuite.results.folder import AVERAGE, INTERVAL_COLUMNS, Results, read_number, read_rows


@dataclass(frozen=True)
class Interval:
    """Both ends in the metric's points; ``level`` is 0.95 for one of 95 %; ``test`` says how it was found."""

    low: float
    high: float
    level: float
    test: str


def intervals(results: Results, metric: str, panel: Panel) -> dict[tuple[str, str], Interval]:
    """(row, direction) to the interval of its score in a table, and (row, ``average``); empty without the file.

    Raises StoreError when the file lacks a column or a number is none.
    """
    path = results.files.entry("intervals.csv")
    if not path.exists():
        return {}
    testsets = panel.testsets
    columns = {*panel.columns, (AVERAGE, testsets[0] if len(testsets) == 1 else "")}
    columns |= {(direction, "") for direction, _ in columns}  # folders that do not name the test set
    found = {}
    for line, row in read_rows(path, INTERVAL_COLUMNS[:-1]):
        if row["metric"] == metric and (row["direction"], row.get("testset", "")) in columns:
            low, high, level = (read_number(path, line, name, row[name]) for name in ("low", "high", "level"))
            found[row["method"], row["direction"]] = Interval(low, high, level, row["test"])
    return found


def average_intervals(results: Results, metric: str) -> dict[str, Interval]:
    """Row to the interval of its average over the directions of the metric's first table."""
    found = intervals(results, metric, panels(results, metric)[0])
    return {method: interval for (method, direction), interval in found.items() if direction == AVERAGE}
