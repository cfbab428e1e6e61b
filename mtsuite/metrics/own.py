"""Metrics of one's own: a score a segment, and what keeps a mistake in one from costing more than its column."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError, MTSuiteError
from mtsuite.identity import identity
from mtsuite.metrics.base import Metric, MetricResult
from mtsuite.metrics.registry import GROUP
from mtsuite.plugins import find_class, is_file_class, names, told


class SegmentMetric(Metric):
    """A metric that scores segments; the score of a test set is their mean.

    A class says its ``name`` (the heading of its column) and ``lower_is_better``, True or False: best values, marks,
    changes and colours follow it everywhere.  ``version`` goes into the signature: raise it when scores change.
    """

    version = "1"

    @abstractmethod
    def segments(
        self, direction: Direction, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
    ) -> Sequence[float]:
        """One finite number for every segment.  An empty hypothesis is a bad translation, not an error."""

    def signature(self, direction: Direction) -> str:
        return f"{self.name}|version:{self.version}"

    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        found = [float(value) for value in self.segments(direction, sources, hypotheses, references)]
        mean = sum(found) / len(found) if found else math.nan
        return MetricResult(self.name, mean, self.signature(direction), len(hypotheses), found)


class Guarded(Metric):
    """Another's metric: whatever it raises or returns wrongly is a MetricError, which costs its column alone."""

    def __init__(self, use: str, options: dict[str, Any]) -> None:
        self.use, self.cls = Path(use).name, find_metric(use)  # a place of this machine is nothing for notes
        try:
            self.inner = self.cls(**options)
            self.name = self.inner.name
            self.lower_is_better = self.inner.lower_is_better
            self.several_references = bool(self.inner.several_references)
        except Exception as error:
            raise MetricError(f"Metric {use} cannot be made: {told(error)}") from error

    def signature(self, direction: Direction) -> str:
        return self.inner.signature(direction)

    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        return self._score_alternatives(direction, sources, hypotheses, [references])

    def _score_alternatives(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[list[str]]
    ) -> MetricResult:
        try:
            result = self.inner.score(direction, sources, hypotheses, *references)
        except MTSuiteError as error:
            raise MetricError(f"{self.name} {direction}: {error}") from error
        except (Exception, SystemExit) as error:
            raise MetricError(f"{self.name} {direction} ({self.use}): {told(error)}") from error
        if problem := wrong_with(result, len(hypotheses)):
            raise MetricError(f"{self.name} {direction} ({self.use}): {problem}")
        return result


def wrong_with(result: Any, count: int) -> str | None:
    """What is wrong with the result of another's metric; None where it can be used."""
    if not isinstance(result, MetricResult):
        return f"expected a MetricResult; found {result!r:.60}."
    if not math.isfinite(result.score):
        return f"expected a finite score; found {result.score}."
    if result.segments is None or len(result.segments) != count:
        found = "none" if result.segments is None else str(len(result.segments))
        return f"expected {count} scores, one for each segment; found {found}."
    if wrong := next((n for n, value in enumerate(result.segments, 1) if not math.isfinite(value)), None):
        return f"expected finite scores; segment {wrong} has {result.segments[wrong - 1]}."
    if result.statistics is None:
        mean = sum(result.segments) / count
        if abs(mean - result.score) > 1e-6 * max(1.0, abs(mean)):
            return f"expected the mean of the segments' scores, {mean:g}; found {result.score:g}."
    return None


def find_metric(use: str) -> type[Metric]:
    """The class behind a registered name or ``file.py:ClassName``.

    Raises MetricError where it cannot be found or imported, has no name or does not say which way is better.
    """
    try:
        cls = find_class(use, GROUP, Metric, "metric")  # type: ignore[type-abstract]
    except MTSuiteError as error:
        raise MetricError(str(error)) from error
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not name.strip() or name.lstrip()[0] in "=+-@" or not name.isprintable():
        raise MetricError(f"{use}: expected a `name`, the heading of its column on one line; found {name!r}.")
    if not is_file_class(use) and name != use:
        raise MetricError(f"Metric {use!r} is registered under another name than its own, {name!r}; make them equal.")
    own = [base for base in cls.__mro__ if not base.__module__.startswith("mtsuite.metrics.")]
    said = next((vars(base)["lower_is_better"] for base in own if "lower_is_better" in vars(base)), None)
    if not isinstance(said, bool):
        raise MetricError(
            f"{use} does not say which way is better: write `lower_is_better = True` (an error rate, MetricX) or "
            f"`lower_is_better = False` into the class; found {said!r}."
        )
    return cls


def is_own(use: str) -> bool:
    """Whether a name of a recipe is a metric from outside of the suite."""
    return is_file_class(use) or use in names(GROUP)


def metric_identity(use: str) -> str:
    """Name and hash of the metric's source, for keys."""
    return identity(find_metric(use))
