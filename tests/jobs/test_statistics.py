"""Rows of significance.csv and intervals.csv, from results made up here."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from mtsuite.jobs.statistics import families, interval_rows, significance_rows, wanted_pairs
from mtsuite.metrics import MetricResult
from mtsuite.metrics.intervals import interval
from mtsuite.metrics.significance import compare, compare_average
from mtsuite.results.folder import INTERVAL_COLUMNS, SIGNIFICANCE_COLUMNS, SIGNIFICANCE_MORE

COLUMNS = (*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE)
PLACES = [("en-de", "t"), ("en-fr", "t"), ("en-it", "t")]
HOW = {"test": "approximate_randomization", "rounds": 50, "seed": 3}
LEVELS = {"a": 60.0, "b": 63.0, "c": 60.2}


def comet(level: float, draw: random.Random, n: int = 20) -> MetricResult:
    segments = [draw.gauss(level, 5) for _ in range(n)]
    return MetricResult("COMET", sum(segments) / n, "x", n, segments)


def table(seeds: Mapping[str, int], holes: tuple[tuple[str, str], ...] = (), places: Any = None) -> Any:
    """``look`` over methods with so many seeds each; holes are (method, direction)."""
    draw = random.Random(4)
    found = {
        (method, *place, "COMET"): {seed: comet(LEVELS[method], draw) for seed in range(1, count + 1)}
        for method, count in seeds.items()
        for place in places or PLACES
        if (method, place[0]) not in holes
    }
    return lambda *key: found.get(key, {})


def spec(**more: Any) -> dict[str, Any]:
    return {"metrics": ["COMET"], "methods": ["a", "b", "c"], "baseline": "a", "significance": HOW | more}


def rows(look: Any, places: Any = None, **more: Any) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in significance_rows(spec(**more), places or PLACES, look)]


def test_averages_can_be_left_out() -> None:
    look = table({"a": 1, "b": 1, "c": 1})
    both = [list(significance_rows(spec(), PLACES, look, averages=wanted)) for wanted in (True, False)]
    assert both[1] == [row for row in both[0] if row[1] != "average"]
    both = [list(interval_rows(spec(), PLACES, look, averages=wanted)) for wanted in (True, False)]
    assert both[1] == [row for row in both[0] if row[2] != "average"]


def test_each_direction_is_corrected_and_the_average_stands_alone() -> None:
    look = table({"a": 1, "b": 1, "c": 1})
    found = {(row["method"], row["direction"]): row for row in rows(look)}
    assert list(found) == [(m, d) for m in "bc" for d in ("en-de", "en-fr", "en-it", "average")]
    for method in "bc":
        single = {d: compare(look(method, d, "t", "COMET"), look("a", d, "t", "COMET"), **HOW) for d, _ in PLACES}
        smallest = min(single, key=lambda d: single[d].p_value)
        row = found[method, smallest]
        assert float(row["p_segments"]) == pytest.approx(single[smallest].p_value, abs=1e-6)
        assert float(row["p_value"]) == pytest.approx(min(1, 3 * single[smallest].p_value), abs=1e-6)
        sides = {f"{d} t": (look(method, d, "t", "COMET"), look("a", d, "t", "COMET")) for d, _ in PLACES}
        average = compare_average(sides, **HOW)
        row = found[method, "average"]
        assert float(row["delta"]) == pytest.approx(average.delta, abs=1e-6)
        assert float(row["delta"]) == pytest.approx(
            sum(float(found[method, d]["delta"]) for d, _ in PLACES) / 3, abs=1e-5
        )
        assert float(row["p_value"]) == pytest.approx(average.p_value, abs=1e-6)
        assert (row["n"], row["testset"], row["seeds"]) == (60, "t", "1/1")
    assert found["b", "en-de"]["test"] == "paired approximate randomization, 50 rounds, seed 3, Holm over 3"
    assert found["b", "average"]["test"].endswith("stratified over 3 directions, single test")


def test_systems_may_have_different_numbers_of_seeds() -> None:
    found = {(row["method"], row["direction"]): row for row in rows(table({"a": 1, "b": 3, "c": 2}))}
    assert found["b", "en-de"]["seeds"] == "3/1"
    assert found["b", "en-de"]["p_seeds"] == ""
    look = table({"a": 3, "b": 3, "c": 2})
    for row in rows(look):
        assert float(row["p_value"]) >= float(row["p_seeds"])
        assert float(row["p_value"]) >= float(row["p_segments"])


def test_an_incomplete_row_has_no_average() -> None:
    found = rows(table({"a": 1, "b": 1, "c": 1}, holes=(("b", "en-fr"),)))
    assert [row["direction"] for row in found if row["method"] == "b"] == ["en-de", "en-it"]
    assert found[0]["test"].endswith("Holm over 2")


def test_pairs_on_request() -> None:
    assert wanted_pairs(["a", "b", "c"], "a", []) == [("b", "a"), ("c", "a")]
    assert wanted_pairs(["a", "b", "c"], "a", [["c", "b"], ["a", "b"]]) == [("b", "a"), ("c", "a"), ("c", "b")]
    assert wanted_pairs(["a", "b", "c"], None, "all") == [("a", "b"), ("a", "c"), ("b", "c")]
    assert wanted_pairs(["a", "b"], None, []) == []
    found = rows(table({"a": 1, "b": 1, "c": 1}), pairs="all")
    assert {(row["method"], row["baseline"]) for row in found} == {("b", "a"), ("c", "a"), ("b", "c")}


def test_a_direction_with_two_test_sets_has_two_families() -> None:
    assert families(PLACES) == [PLACES]
    assert families([]) == []
    both = [(d, t) for d in ("en-de", "en-fr") for t in ("x", "y")]
    assert families(both) == [[("en-de", "x"), ("en-fr", "x")], [("en-de", "y"), ("en-fr", "y")]]
    assert families([("en-de", "x"), ("en-fr", "y")]) == [[("en-de", "x"), ("en-fr", "y")]]
    found = [r for r in rows(table({"a": 1, "b": 1, "c": 1}, places=both), both) if r["method"] == "b"]
    assert [(r["direction"], r["testset"]) for r in found] == [
        ("en-de", "x"), ("en-fr", "x"), ("average", "x"), ("en-de", "y"), ("en-fr", "y"), ("average", "y")
    ]  # fmt: skip


def test_intervals_of_scores_and_averages() -> None:
    look = table({"a": 2, "b": 1, "c": 1}, holes=(("c", "en-de"),))
    found = [dict(zip(INTERVAL_COLUMNS, row, strict=True)) for row in interval_rows(spec(), PLACES, look)]
    assert [(r["method"], r["direction"]) for r in found] == [
        *(("a", d) for d in ("en-de", "en-fr", "en-it", "average")),
        *(("b", d) for d in ("en-de", "en-fr", "en-it", "average")),
        ("c", "en-fr"), ("c", "en-it"),
    ]  # fmt: skip
    low, high = interval(look("a", "en-de", "t", "COMET"), 50, 3)
    assert (float(found[0]["low"]), float(found[0]["high"])) == pytest.approx((low, high), abs=1e-6)
    assert found[0]["test"] == "percentile bootstrap over segments, 50 rounds, seed 3"
    assert (found[3]["n"], found[3]["level"]) == (60, 0.95)
