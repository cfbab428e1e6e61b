"""Significance and intervals of a results folder computed again from what the folder holds.

Surface metrics are scored again from translations and references, others take their segment scores from ``segments/``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import yaml

from mtsuite.compare.rows import Folder, Side
from mtsuite.compare.scores import Place, Rescored
from mtsuite.errors import StoreError
from mtsuite.jobs.statistics import interval_rows, significance_rows
from mtsuite.metrics.base import MetricResult
from mtsuite.results.folder import (
    FLOOR_ROWS,
    INTERVAL_COLUMNS,
    SIGNIFICANCE_COLUMNS,
    SIGNIFICANCE_MORE,
    TABLE,
    Results,
)


def statistics_files(results: Results) -> tuple[dict[str, bytes], list[str]]:
    """``significance.csv`` and ``intervals.csv`` of a folder, by name, and sentences on what could not be tested."""
    settings = significance_settings(results)
    spec = {
        "metrics": results.metrics,
        "methods": [method for method in results.methods if method not in FLOOR_ROWS],
        "baseline": results.info.get("baseline"),
        "significance": settings,
    }
    places = list(dict.fromkeys((s.direction, s.testset) for s in results.scores if s.trained_on in TABLE))
    places.sort(key=lambda place: results.directions.index(place[0]) if place[0] in results.directions else 10**6)
    trained = [place for place in places if place[0] in results.directions]
    untrained = [place for place in places if place not in trained]
    look = _Look(results)
    tests = chain(significance_rows(spec, trained, look), significance_rows(spec, untrained, look, averages=False))
    intervals = chain(interval_rows(spec, trained, look), interval_rows(spec, untrained, look, averages=False))
    files = {
        "significance.csv": csv_bytes((*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE), tests),
        "intervals.csv": csv_bytes(INTERVAL_COLUMNS, intervals),
    }
    return files, look.told()


def significance_settings(results: Results) -> dict[str, Any]:
    """The block ``significance`` of the folder's recipe, its defaults where the recipe has none.

    Raises StoreError when the block is wrong.
    """
    from mtsuite.recipe.schema import Significance

    tree = yaml.safe_load(results.recipe) or {}
    block = tree.get("significance") if isinstance(tree, Mapping) else None
    try:
        return Significance.model_validate(block or {}).model_dump(mode="json")
    except ValueError as error:
        raise StoreError(f"{results.folder / 'recipe.yaml'}: significance: {error}") from None


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file as the suite writes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


class _Look:
    """Finds a row's results under each seed, as the statistics ask for them."""

    def __init__(self, results: Results) -> None:
        self.folder = Folder(results.folder.name, results)
        self._rescored: dict[str, Rescored] = {}

    def __call__(self, method: str, direction: str, test_set: str, metric: str) -> Mapping[int, MetricResult]:
        if metric not in self._rescored:
            self._rescored[metric] = Rescored(metric, self._signatures(metric))
        found = self._rescored[metric].results(Side(self.folder, method), (direction, test_set))
        return {int(seed): found[seed] for seed in sorted(found, key=int)}

    def _signatures(self, metric: str) -> dict[Place, str]:
        scores = self.folder.results.scores
        return {(s.direction, s.testset): s.signature for s in scores if s.metric == metric and s.trained_on in TABLE}

    def told(self) -> list[str]:
        return [sentence for rescored in self._rescored.values() for sentence in rescored.told()]
