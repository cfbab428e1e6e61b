"""What tables ask of a results folder: columns that stand together, scores by cell, averages over directions, costs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtsuite.report.render.text import fixed, slug
from mtsuite.results.folder import AVERAGE, TABLE, Comparison, Results, Score

DECIMALS = 2


@dataclass(frozen=True)
class Panel:
    """The columns of one table: (direction, test set) pairs, each direction once.

    ``suffix`` tells tables of one metric apart; it is empty when there is only one.
    """

    columns: tuple[tuple[str, str], ...]
    suffix: str = ""

    @property
    def testsets(self) -> list[str]:
        return list(dict.fromkeys(testset for _, testset in self.columns))


def panels(results: Results, metric: str, directions: Sequence[str] | None = None) -> list[Panel]:
    """One panel when each direction has one test set (sets share a table, under their names), else one a test set.

    ``directions`` are those of the panels; by default the report's, that is, without those that are tested alone.
    """
    wanted = results.directions if directions is None else directions
    scores = [s for s in results.scores if s.metric == metric and s.trained_on in TABLE and s.direction in wanted]
    pairs = {(s.direction, s.testset) for s in scores}
    testsets = list(dict.fromkeys(s.testset for s in scores))
    if len({direction for direction, _ in pairs}) == len(pairs):
        # A direction that nothing was scored for keeps its (empty) column.
        found = {s.direction: s.testset for s in results.scores} | dict(pairs)
        columns = [(d, found.get(d, testsets[0] if testsets else "")) for d in wanted]
        order = list(dict.fromkeys(testset for _, testset in columns))
        return [Panel(tuple(sorted(columns, key=lambda column: order.index(column[1]))))]
    return [Panel(tuple((d, testset) for d in wanted if (d, testset) in pairs), slug(testset)) for testset in testsets]


def panel_scores(results: Results, metric: str, panel: Panel) -> list[Score]:
    return [
        s
        for s in results.scores
        if s.metric == metric and s.trained_on in TABLE and (s.direction, s.testset) in panel.columns
    ]


def depends_on_seed(results: Results, method: str, per_direction: Sequence[dict[str, float]]) -> bool:
    """False for a row that trains nothing and scores the same under every seed: it has no spread to show."""
    trained = results.info.get("trained_methods") or results.methods
    return method in trained or any(len(set(seeds.values())) > 1 for seeds in per_direction)


def by_cell(scores: Iterable[Score], metric: str) -> dict[tuple[str, str, str], dict[str, float]]:
    """(method, direction, test set) to {seed: score}."""
    cells: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for s in scores:
        if s.metric == metric and s.trained_on in TABLE:
            cells[s.method, s.direction, s.testset][s.seed] = s.score
    return cells


def average_by_seed(results: Results, metric: str, method: str) -> list[float]:
    """The average over directions, one number a complete seed, of the metric's first panel; for figures."""
    cells = by_cell(results.scores, metric)
    columns = panels(results, metric)[0].columns
    per_direction = [cells[method, d, testset] for d, testset in columns]
    if not per_direction or not all(per_direction):
        return []
    seeds = [seed for seed in per_direction[0] if all(seed in found for found in per_direction)]
    return [statistics.fmean(found[seed] for found in per_direction) for seed in seeds]


def mean_costs(results: Results, method: str) -> dict[str, float]:
    """The numbers of costs.csv of a method, as means over the seeds that have them."""
    found: dict[str, list[float]] = {}
    for cost in results.costs:
        if cost.method == method:
            for name, value in cost.numbers.items():
                found.setdefault(name, []).append(value)
    return {name: statistics.fmean(values) for name, values in found.items()}


def trained_params(results: Results, method: str) -> float | None:
    """Trained parameters of a method: the mean over seeds (they agree), or None when it has no such number."""
    return mean_costs(results, method).get("trainable_params")


def panel_tests(comparisons: Iterable[Comparison], metric: str, panel: Panel) -> list[Comparison]:
    """The comparisons that belong to a table; those of folders that do not name the test set belong to every one."""
    testsets = panel.testsets
    average = testsets[0] if len(testsets) == 1 else ""
    columns = {*panel.columns, *((direction, "") for direction, _ in panel.columns), (AVERAGE, average), (AVERAGE, "")}
    return [c for c in comparisons if c.metric == metric and (c.direction, c.testset) in columns]


def change_text(value: float) -> str:
    """A difference of scores with its sign, as in ``+1.20``."""
    return fixed(value, DECIMALS, signed=True)
