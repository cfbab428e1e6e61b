"""Is the order of the methods the same on several base models?

Scores on different bases are not compared with one another.  What is compared is the order of the rows: Kendall's τ-b
between the averages of two bases, with an interval from directions drawn with replacement (the same draws for both),
and for each two rows which one is above the other on each base, tested there.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from mtsuite.compare.rows import Folder, Side, folder_names
from mtsuite.compare.scores import Place, Rescored
from mtsuite.errors import StoreError
from mtsuite.metrics.files import PairedTest
from mtsuite.metrics.significance import compare_average
from mtsuite.results.folder import AVERAGE, FLOOR_ROWS, TABLE, read_results

LEVEL = 0.95


@dataclass(frozen=True)
class Order:
    """One base: each row's average over the directions, its rank from 1 (ties share the mean of their ranks)."""

    folder: Folder
    averages: Mapping[str, float]
    ranks: Mapping[str, float]
    directions: int


@dataclass(frozen=True)
class Agreement:
    """Kendall's τ-b of two bases' orders; the interval is None below three common directions."""

    one: str
    other: str
    tau: float
    interval: tuple[float, float] | None
    directions: int


@dataclass(frozen=True)
class Pair:
    """Two rows: by base, the first's advantage in points (positive: better) and the p-value, None where not tested."""

    first: str
    second: str
    by_base: Mapping[str, tuple[float, float | None]]

    def verdict(self, alpha: float) -> str:
        """What the bases say together."""
        sure = {delta > 0 for delta, p in self.by_base.values() if p is not None and p < alpha and delta}
        if len(sure) == 2:
            return "opposite orders"
        if not sure:
            return "undecided"
        above, below = (self.first, self.second) if sure.pop() else (self.second, self.first)
        held = [name for name, (delta, p) in self.by_base.items() if p is not None and p < alpha and delta]
        where = "everywhere" if len(held) == len(self.by_base) else f"on {', '.join(held)}"
        return f"{above} above {below} {where}"


@dataclass(frozen=True)
class AcrossBases:
    metric: str
    rows: tuple[str, ...]
    orders: tuple[Order, ...]
    agreements: tuple[Agreement, ...]
    pairs: tuple[Pair, ...]
    test: PairedTest


def across_bases(paths: Sequence[Path], test: PairedTest, metric: str | None = None) -> AcrossBases:
    """Compare the order of the rows that all folders have, by ``metric`` (default: the first that all have).

    Raises StoreError for fewer than two folders or common rows, and where no metric is common.
    """
    paths = list(dict.fromkeys(paths))
    if len(paths) < 2:
        raise StoreError("Orders on several bases are compared: give two results folders or more.")
    folders = [Folder(n, read_results(path)) for n, path in zip(folder_names(paths), paths, strict=True)]
    first = folders[0].results
    known = [m for m in first.metrics if all(m in folder.results.metrics for folder in folders)]
    if not known or (metric is not None and metric not in known):
        raise StoreError(f"Expected a metric that all folders have ({', '.join(known) or 'none'}); found {metric}.")
    metric = metric or known[0]
    tables = [_scores(folder, metric) for folder in folders]
    left_out = FLOOR_ROWS.union(*(folder.results.external for folder in folders))
    rows = [row for row in first.methods if row not in left_out and all(row in table for table in tables)]
    if len(rows) < 2:
        raise StoreError("The folders have fewer than two rows in common, so there is no order to compare.")
    lower = any(folder.results.lower_is_better(metric) for folder in folders)
    sign = -1.0 if lower else 1.0
    complete = [_complete(table, rows) for table in tables]
    for folder, places in zip(folders, complete, strict=True):
        if not places:
            raise StoreError(f"{folder.results.folder} has no direction in which all of {', '.join(rows)} have scores.")
    orders = tuple(
        _order(folder, table, rows, places, sign)
        for folder, table, places in zip(folders, tables, complete, strict=True)
    )
    agreements = tuple(
        _agreement(folders, tables, complete, rows, one, other, test)
        for one, other in combinations(range(len(folders)), 2)
    )
    pairs = tuple(_pairs(folders, complete, rows, orders, metric, sign, test))
    return AcrossBases(metric, tuple(rows), orders, agreements, pairs, test)


Scores = Mapping[str, Mapping[Place, float]]  # row, place: mean over seeds


def _scores(folder: Folder, metric: str) -> Scores:
    found: dict[str, dict[Place, list[float]]] = {}
    for s in folder.results.scores:
        if s.metric == metric and s.trained_on in TABLE and s.direction in folder.results.directions:
            found.setdefault(s.method, {}).setdefault((s.direction, s.testset), []).append(s.score)
    return {row: {place: statistics.fmean(xs) for place, xs in by.items()} for row, by in found.items()}


def _complete(table: Scores, rows: Sequence[str]) -> list[Place]:
    return sorted(set.intersection(*(set(table[row]) for row in rows)))


def _order(folder: Folder, table: Scores, rows: Sequence[str], places: Sequence[Place], sign: float) -> Order:
    from scipy.stats import rankdata

    averages = {row: statistics.fmean(table[row][place] for place in places) for row in rows}
    ranks = rankdata([-sign * averages[row] for row in rows])
    return Order(folder, averages, dict(zip(rows, map(float, ranks), strict=True)), len(places))


def _agreement(
    folders: Sequence[Folder],
    tables: Sequence[Scores],
    complete: Sequence[Sequence[Place]],
    rows: Sequence[str],
    one: int,
    other: int,
    test: PairedTest,
) -> Agreement:
    """τ of the averages over all directions of each base; its interval from the directions that both have."""
    mine, theirs = (_by_direction(tables[i], complete[i], rows) for i in (one, other))
    common = sorted(set(mine) & set(theirs))
    whole = _tau([_mean(mine, list(mine), i) for i in range(len(rows))],
                 [_mean(theirs, list(theirs), i) for i in range(len(rows))])  # fmt: skip
    interval = None
    if len(common) >= 3:
        draws = random.Random(test.seed)
        taus = []
        for _ in range(test.rounds):
            drawn = draws.choices(common, k=len(common))
            sides = ([_mean(side, drawn, i) for i in range(len(rows))] for side in (mine, theirs))
            taus.append(_tau(*sides))
        taus.sort()
        tail = (1 - LEVEL) / 2
        interval = taus[int(tail * len(taus))], taus[min(len(taus) - 1, int((1 - tail) * len(taus)))]
    return Agreement(folders[one].name, folders[other].name, whole, interval, len(common))


def _by_direction(table: Scores, places: Sequence[Place], rows: Sequence[str]) -> dict[str, list[float]]:
    """Direction to a score for each row, the mean over its test sets."""
    directions = dict.fromkeys(direction for direction, _ in places)
    return {
        direction: [statistics.fmean(table[row][p] for p in places if p[0] == direction) for row in rows]
        for direction in directions
    }


def _mean(side: Mapping[str, Sequence[float]], directions: Sequence[str], row: int) -> float:
    return sum(side[direction][row] for direction in directions) / len(directions)


def _tau(one: Sequence[float], other: Sequence[float]) -> float:
    """Kendall's τ-b; 0 where all rows of a side are equal.

    >>> _tau([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
    0.3333333333333333
    """
    signs = [((a > b) - (a < b), (c > d) - (c < d)) for (a, c), (b, d) in combinations(zip(one, other, strict=True), 2)]
    agreed = sum(x * y for x, y in signs)
    untied = sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs)
    return float(agreed / untied**0.5) if untied else 0.0


def _pairs(
    folders: Sequence[Folder],
    complete: Sequence[Sequence[Place]],
    rows: Sequence[str],
    orders: Sequence[Order],
    metric: str,
    sign: float,
    test: PairedTest,
) -> list[Pair]:
    rescored = []
    for folder, places in zip(folders, complete, strict=True):
        scores = folder.results.scores
        made = {(s.direction, s.testset): s.signature for s in scores if s.metric == metric}
        rescored.append(Rescored(metric, {place: made[place] for place in places}))
    found = []
    for first, second in combinations(rows, 2):
        by_base = {}
        for folder, places, order, again in zip(folders, complete, orders, rescored, strict=True):
            delta = sign * (order.averages[first] - order.averages[second])
            by_base[folder.name] = (delta, _p_value(folder, again, places, first, second, metric, test))
        found.append(Pair(first, second, by_base))
    return found


def _p_value(
    folder: Folder, again: Rescored, places: Sequence[Place], first: str, second: str, metric: str, test: PairedTest
) -> float | None:
    """The test of the average: the folder's own where it has it, else made here; None without translations."""
    for c in folder.results.comparisons:
        if (c.metric, c.direction) == (metric, AVERAGE) and {c.method, c.baseline} == {first, second}:
            return c.p_value
    sides = {}
    for place in places:
        both = again.pair(Side(folder, first), Side(folder, second), place)
        if both is None:
            return None
        sides[" ".join(place)] = both
    return compare_average(sides, test.test, test.rounds, test.seed).p_value
