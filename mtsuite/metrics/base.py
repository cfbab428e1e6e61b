"""What a metric is: lines in, one number between 0 and 100 out, with the statistics behind it.

A metric never generates and never reads the store; it is given sources, hypotheses and references
of one direction and answers with a ``MetricResult``.  The result carries what a significance test
needs (sufficient statistics or segment scores), so that no test scores twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError


@dataclass(frozen=True)
class MetricResult:
    """The score of one system on one direction.

    ``score`` is 0–100.  ``segments`` holds one score (0–100) a segment, or None where the metric
    is not defined on a segment (BLEU).  ``statistics`` holds the sufficient statistics of each
    segment, ``n`` rows, in sacrebleu's order; None for metrics whose corpus score is the mean of
    their segments (COMET).  ``signature`` says how the number was made, and is enough to
    aggregate the statistics again.
    """

    metric: str
    score: float
    signature: str
    n: int
    segments: list[float] | None = None
    statistics: list[list[float]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MetricResult:
        """The inverse of ``to_dict``.  Raises MetricError when keys are missing or unknown."""
        known = {field.name for field in fields(cls)}
        missing = {"metric", "score", "signature", "n"} - set(data)
        if missing or set(data) - known:
            raise MetricError(f"A metric result has the keys {sorted(known)}; found {sorted(data)}.")
        return cls(**data)


class Metric(ABC):
    """Scores hypotheses against references.  ``name`` is what recipes and ``scores.csv`` call it."""

    name: str
    lower_is_better = False  # true of error rates; reports mark the best accordingly
    several_references = False  # whether a segment can have alternatives

    def label(self) -> str:
        """The heading of its column: the name, or a fuller one where the name alone would mislead (COMET)."""
        return self.name

    @abstractmethod
    def signature(self, direction: Direction) -> str:
        """How the score of this direction is made: options and versions, as printed under a table."""

    @abstractmethod
    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        """Score lists that ``score`` has already checked."""

    def _score_alternatives(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[list[str]]
    ) -> MetricResult:
        """The same where a segment has several references, each list holding one of every segment.

        A metric that can do it overrides this and says so in ``several_references``.
        """
        raise MetricError(f"{self.name} reads one reference a segment; found {len(references)}.")

    def score(
        self,
        direction: Direction,
        sources: Sequence[str],
        hypotheses: Sequence[str],
        references: Sequence[str],
        *alternatives: Sequence[str],
    ) -> MetricResult:
        """Score one direction; all sequences hold one segment a line, in the same order.

        ``alternatives`` are further references of the same segments.  An empty hypothesis is a bad translation, not an
        error.  Raises MetricError when the numbers of lines differ, when there are none, when the metric reads a single
        reference but is given several, or when it cannot be computed here.
        """
        counts = (len(sources), len(hypotheses), len(references))
        if len({*counts, *map(len, alternatives)}) != 1:
            more = "".join(f" and {len(one)} further references" for one in alternatives)
            raise MetricError(
                f"{self.name} {direction}: sources, hypotheses and references need the same number of lines; "
                f"found {counts[0]} sources, {counts[1]} hypotheses and {counts[2]} references{more}."
            )
        if not counts[0]:
            raise MetricError(f"{self.name} {direction}: nothing to score, the files are empty.")
        if alternatives:
            every = [list(references), *map(list, alternatives)]
            return self._score_alternatives(direction, list(sources), list(hypotheses), every)
        return self._score(direction, list(sources), list(hypotheses), list(references))
