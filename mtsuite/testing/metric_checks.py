"""The conformance kit for authors of metrics: what the suite relies on, one check each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError, MTSuiteError
from mtsuite.metrics.base import Metric, MetricResult
from mtsuite.metrics.own import Guarded

DIRECTION = Direction("en", "de")
SOURCES = ["The cat sees a dog.", "Old houses burn.", "She reads three books.", "We are at home."]
REFERENCES = ["Die Katze sieht einen Hund.", "Alte Häuser brennen.", "Sie liest drei Bücher.", "Wir sind zu Hause."]
WORSE = ["Das Boot.", "xx yy zz", "drei drei drei drei drei drei", "Nein"]


@dataclass(frozen=True)
class MetricCheck:
    """A check's name and what went wrong; empty where it passed."""

    name: str
    message: str = ""

    @property
    def passed(self) -> bool:
        return not self.message


def check_metric(use: str, raise_on_failure: bool = True) -> list[MetricCheck]:
    """Run every check on a metric, by registered name or ``file.py:ClassName``.

    Raises MetricError for a metric that cannot be found or made, and, unless told otherwise, naming what failed.
    """
    metric = Guarded(use, {})
    results = [_run(name, check, metric) for name, check in _CHECKS.items()]
    if raise_on_failure and (failed := [r for r in results if not r.passed]):
        raise MetricError(f"{use}: " + "; ".join(f"{r.name}: {r.message}" for r in failed))
    return results


def _run(name: str, check: Callable[[Metric], str], metric: Metric) -> MetricCheck:
    try:
        return MetricCheck(name, check(metric))
    except MTSuiteError as error:
        return MetricCheck(name, str(error))


def _scored(metric: Metric, hypotheses: list[str], order: list[int] | None = None) -> MetricResult:
    places = order or list(range(len(SOURCES)))
    pick = [[side[n] for n in places] for side in (SOURCES, hypotheses, REFERENCES)]
    return metric.score(DIRECTION, *pick)


def _segments(metric: Metric) -> str:
    _scored(metric, WORSE)  # numbers of segments, finite values and the mean are looked at on the way
    return ""


def _repeatable(metric: Metric) -> str:
    first, second = _scored(metric, WORSE).segments, _scored(metric, WORSE).segments
    return "" if first == second else f"the same text has {first} and then {second}"


def _order(metric: Metric) -> str:
    order = [2, 0, 3, 1]
    straight, turned = _scored(metric, WORSE).segments or [], _scored(metric, WORSE, order).segments or []
    moved = [straight[n] for n in order]
    close = all(abs(a - b) <= 1e-6 * max(1, abs(a)) for a, b in zip(moved, turned, strict=True))
    return "" if close else f"a segment's score depends on its neighbours: {moved} and {turned} in another order"


def _direction(metric: Metric) -> str:
    good, bad = _scored(metric, list(REFERENCES)).score, _scored(metric, WORSE).score
    if good != bad and (good < bad) == metric.lower_is_better:
        return ""
    return (
        f"lower_is_better is {metric.lower_is_better}, and the references themselves have {good:g} where other text "
        f"has {bad:g}; set lower_is_better = {not metric.lower_is_better}, or look at the metric"
    )


def _empty(metric: Metric) -> str:
    good, empty = _scored(metric, list(REFERENCES)), _scored(metric, [""] * len(SOURCES))
    worse = empty.score > good.score if metric.lower_is_better else empty.score < good.score
    return "" if worse else f"empty translations have {empty.score:g}, no worse than the references' {good.score:g}"


def _signature(metric: Metric) -> str:
    found = metric.signature(DIRECTION)
    if not isinstance(found, str) or not found.strip() or "\n" in found:
        return f"expected a text on one line; found {found!r}"
    made = _scored(metric, WORSE).signature
    return "" if made == found else f"signature() says {found!r}, and the result {made!r}"


_CHECKS: dict[str, Callable[[Metric], str]] = {
    "one finite score a segment, and their mean": _segments,
    "the same text has the same score": _repeatable,
    "a segment's score is its own": _order,
    "the direction is the one that it says": _direction,
    "an empty translation is a bad one": _empty,
    "a signature on one line": _signature,
}
