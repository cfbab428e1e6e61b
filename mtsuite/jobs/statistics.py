"""Tests and intervals of a recipe's scores, for ``significance.csv`` and ``intervals.csv``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.intervals import LEVEL, average_interval, interval
from mtsuite.metrics.significance import Comparison, compare, compare_average, holm
from mtsuite.results.folder import AVERAGE

Place = tuple[str, str]  # direction, test set
# (row, direction, test set, metric) to the row's result under each training seed; empty where there is none
Look = Callable[[str, str, str, str], Mapping[int, MetricResult]]


def families(places: Iterable[Place]) -> list[list[Place]]:
    """The columns of each table of a metric: all together, or one family a test set where a direction has several.

    A family is what Holm's correction and the average are over.
    """
    known = list(dict.fromkeys(places))
    if len({direction for direction, _ in known}) == len(known):
        return [known] if known else []
    sets = dict.fromkeys(test_set for _, test_set in known)
    return [[place for place in known if place[1] == test_set] for test_set in sets]


def wanted_pairs(methods: Sequence[str], baseline: str | None, pairs: Any) -> list[tuple[str, str]]:
    """(row, what it is compared with): every row with the baseline, then what ``significance.pairs`` asks for.

    ``pairs`` is a list of two names each, or ``all``; a pair that is there already, either way round, is not repeated.
    """
    found = [(method, baseline) for method in methods if method != baseline] if baseline is not None else []
    asked = combinations(methods, 2) if pairs == "all" else (tuple(pair) for pair in pairs)
    known = {frozenset(pair) for pair in found}
    for one, other in asked:
        if frozenset((one, other)) not in known:
            known.add(frozenset((one, other)))
            found.append((one, other))
    return found


def significance_rows(
    spec: Mapping[str, Any], places: Sequence[Place], look: Look, *, averages: bool = True
) -> Iterator[list[Any]]:
    """Rows of significance.csv: each direction, corrected over the directions (Holm), then their average."""
    settings = spec["significance"]
    how = {"test": settings["test"], "rounds": settings["rounds"], "seed": settings["seed"]}
    said = f"paired {how['test'].replace('_', ' ')}, {how['rounds']} rounds, seed {how['seed']}"
    for metric in spec["metrics"]:
        for method, other in wanted_pairs(spec["methods"], spec["baseline"], settings.get("pairs", [])):
            for family in families(places):
                both = {place: (look(method, *place, metric), look(other, *place, metric)) for place in family}
                both = {place: sides for place, sides in both.items() if all(sides)}
                found = {place: compare(*sides, **how) for place, sides in both.items()}
                corrected = holm({place: comparison.p_segments for place, comparison in found.items()})
                for (direction, test_set), comparison in found.items():
                    yield [
                        metric, direction, method, other,
                        *_numbers(comparison, corrected[direction, test_set]),
                        f"{said}, Holm over {len(found)}", _size(both[direction, test_set]),
                        test_set, *_parts(comparison, both[direction, test_set]),
                    ]  # fmt: skip
                if averages and len(both) == len(family) > 1:
                    average = compare_average({_name(place): sides for place, sides in both.items()}, **how)
                    sides = both[family[0]]
                    yield [
                        metric, AVERAGE, method, other, *_numbers(average, average.p_segments),
                        f"{said}, stratified over {len(family)} directions, single test",
                        sum(_size(sides) for sides in both.values()), _test_set(family), *_parts(average, sides),
                    ]  # fmt: skip


def interval_rows(
    spec: Mapping[str, Any], places: Sequence[Place], look: Look, *, averages: bool = True
) -> Iterator[list[Any]]:
    """Rows of intervals.csv: each direction's score and the average of complete rows."""
    settings = spec["significance"]
    how = {"rounds": settings["rounds"], "seed": settings["seed"]}
    said = f"percentile bootstrap over segments, {how['rounds']} rounds, seed {how['seed']}"
    for metric in spec["metrics"]:
        for method in spec["methods"]:
            for family in families(places):
                runs = {place: look(method, *place, metric) for place in family}
                runs = {place: results for place, results in runs.items() if results}
                for (direction, test_set), results in runs.items():
                    low, high = interval(results, **how)
                    n = next(iter(results.values())).n
                    yield [metric, method, direction, f"{low:.6f}", f"{high:.6f}", LEVEL, said, n, test_set]
                if averages and len(runs) == len(family) > 1:
                    low, high = average_interval({_name(place): results for place, results in runs.items()}, **how)
                    n = sum(next(iter(results.values())).n for results in runs.values())
                    within = f"{said}, stratified over {len(family)} directions"
                    yield [
                        metric, method, AVERAGE, f"{low:.6f}", f"{high:.6f}", LEVEL, within, n, _test_set(family)
                    ]  # fmt: skip


def _numbers(comparison: Comparison, corrected: float) -> tuple[str, str]:
    """Difference, and p after correction: the larger of the corrected p over segments and the p over seeds."""
    p_value = corrected if comparison.p_seeds is None else max(corrected, comparison.p_seeds)
    return f"{comparison.delta:.6f}", f"{p_value:.6f}"


def _parts(comparison: Comparison, sides: tuple[Mapping[int, MetricResult], Mapping[int, MetricResult]]) -> list[str]:
    seeds = "" if comparison.p_seeds is None else f"{comparison.p_seeds:.6f}"
    return [f"{comparison.p_segments:.6f}", seeds, f"{len(sides[0])}/{len(sides[1])}"]


def _size(sides: tuple[Mapping[int, MetricResult], Mapping[int, MetricResult]]) -> int:
    return next(iter(sides[0].values())).n


def _name(place: Place) -> str:
    """A direction's name for its draws; the test set belongs to it where directions have several."""
    return f"{place[0]} {place[1]}"


def _test_set(family: Sequence[Place]) -> str:
    sets = list(dict.fromkeys(test_set for _, test_set in family))
    return sets[0] if len(sets) == 1 else ""
