"""Scores of rows side by side, and tests of their differences on translations that are scored again.

What a results folder keeps of a score is a number; a test needs the segments.  Surface metrics are scored again from
``translations/`` and ``segments/``, other metrics take their segment scores from ``segments/``.  Two rows are tested
where their folders hold the same sources and references and their scores the same signature.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mtsuite.compare.rows import Choice, Group, Side
from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError, StoreError
from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.files import PairedTest
from mtsuite.metrics.registry import make_metrics, metric_names
from mtsuite.metrics.significance import Comparison, compare, compare_average, holm
from mtsuite.metrics.surface import SurfaceMetric
from mtsuite.report.tables.query import depends_on_seed
from mtsuite.results.files import Entry
from mtsuite.results.folder import TABLE
from mtsuite.results.segments import Segments, translated

Place = tuple[str, str]  # direction, test set
_ROUNDING = 1e-5  # scores.csv has six decimals


@dataclass(frozen=True)
class Tested:
    """A row against the first of its group; ``p_value`` is corrected over the directions (the average's is single)."""

    comparison: Comparison
    p_value: float
    n: int


@dataclass(frozen=True)
class Line:
    """One row's scores: (direction, test set) to a score a seed; ``tested`` against the first line of its group."""

    side: Side
    scores: Mapping[Place, Sequence[float]]
    average: Sequence[float]
    tested: Mapping[Place, Tested] = field(default_factory=dict)
    tested_average: Tested | None = None


@dataclass(frozen=True)
class MetricScores:
    """All groups under one metric.  ``problems``: what could not be compared, a sentence each."""

    metric: str
    places: tuple[Place, ...]
    groups: tuple[tuple[Group, tuple[Line, ...]], ...]
    signatures: Mapping[Place, str]
    lower_is_better: bool
    problems: tuple[str, ...]

    @property
    def tested(self) -> bool:
        return any(line.tested for _, lines in self.groups for line in lines)


def compare_scores(choice: Choice, test: PairedTest) -> list[MetricScores]:
    """Every metric that all folders have, on the directions that they have in common.

    Raises StoreError when there is no metric or no direction in common, and when no score of any metric can be
    compared because all were made in different ways.
    """
    found = []
    metrics = [m for m in choice.folders[0].results.metrics if all(m in f.results.metrics for f in choice.folders)]
    places = {metric: _places(choice, metric) for metric in metrics}
    if not any(places.values()):
        has = "; ".join(
            f"{f.name}: {', '.join(f.results.metrics)} on {', '.join(f.results.directions)}" for f in choice.folders
        )
        raise StoreError(f"The folders have no metric and direction in common, so there is nothing to compare ({has}).")
    refused = []
    for metric in metrics:
        if not places[metric]:
            continue
        made, different = _signatures(choice, metric, places[metric])
        refused += different
        if made:
            found.append(_metric(choice, metric, made, different, test))
    if not found:
        raise MetricError("None of the scores can be compared, they were made in different ways: " + " ".join(refused))
    return found


def _places(choice: Choice, metric: str) -> list[Place]:
    """Where every folder has scores of the metric, in the first folder's order."""
    each = [
        {(s.direction, s.testset) for s in folder.results.scores if s.metric == metric and s.trained_on in TABLE}
        for folder in choice.folders
    ]
    common = set.intersection(*each)
    order = choice.folders[0].results.directions
    return sorted(common, key=lambda place: (order.index(place[0]) if place[0] in order else len(order), place[1]))


def _signatures(choice: Choice, metric: str, places: Sequence[Place]) -> tuple[dict[Place, str], list[str]]:
    """The common signature of each place, and a sentence for each pair of signatures that differ."""
    made: dict[Place, str] = {}
    refused: dict[str, list[str]] = {}
    for place in places:
        by_folder = {
            folder.name: sorted({s.signature for s in folder.results.scores
                                 if s.metric == metric and (s.direction, s.testset) == place and s.trained_on in TABLE})
            for folder in choice.folders
        }  # fmt: skip
        distinct = {signature for found in by_folder.values() for signature in found}
        if len(distinct) == 1:
            made[place] = distinct.pop()
        else:
            told = "; ".join(f"{name}: {' and '.join(found)}" for name, found in by_folder.items())
            refused.setdefault(told, []).append(place[0])
    return made, [
        f"{metric} of {', '.join(directions)} is not compared, its signatures differ ({told})."
        for told, directions in refused.items()
    ]


def _metric(
    choice: Choice, metric: str, signatures: Mapping[Place, str], problems: Sequence[str], test: PairedTest
) -> MetricScores:
    places = tuple(signatures)
    again = Rescored(metric, signatures)
    groups = []
    for group in choice.groups:
        first, *others = group.sides
        lines = [_line(first, metric, places)]
        lines += [_tested(_line(side, metric, places), first, again, test) for side in others]
        groups.append((group, tuple(lines)))
    lower = again.lower_is_better or any(folder.results.lower_is_better(metric) for folder in choice.folders)
    return MetricScores(metric, places, tuple(groups), signatures, lower, (*problems, *again.told()))


def _line(side: Side, metric: str, places: Sequence[Place]) -> Line:
    by_place: dict[Place, dict[str, float]] = {place: {} for place in places}
    for s in side.folder.results.scores:
        place = (s.direction, s.testset)
        if (s.method, s.metric) == (side.method, metric) and s.trained_on in TABLE and place in by_place:
            by_place[place][s.seed] = s.score
    if not depends_on_seed(side.folder.results, side.method, list(by_place.values())):
        by_place = {place: dict(list(found.items())[:1]) for place, found in by_place.items()}
    scores = {place: list(found.values()) for place, found in by_place.items()}
    average: list[float] = []
    if all(by_place.values()):
        seeds = [seed for seed in by_place[places[0]] if all(seed in found for found in by_place.values())]
        whole = all(len(found) == len(seeds) for found in by_place.values())
        average = (
            [statistics.fmean(found[seed] for found in by_place.values()) for seed in seeds]
            if whole
            else [statistics.fmean(statistics.fmean(found) for found in scores.values())]
        )
    return Line(side, scores, average)


def _tested(line: Line, first: Side, again: Rescored, test: PairedTest) -> Line:
    how = {"test": test.test, "rounds": test.rounds, "seed": test.seed}
    pairs = {}
    for place in line.scores:
        sides = again.pair(line.side, first, place)
        if sides is not None:
            pairs[place] = sides
    single = {place: compare(*sides, **how) for place, sides in pairs.items()}  # type: ignore[arg-type]
    corrected = holm({place: comparison.p_segments for place, comparison in single.items()})
    tested = {
        place: Tested(
            comparison, max(corrected[place], comparison.p_seeds or 0.0), next(iter(pairs[place][0].values())).n
        )
        for place, comparison in single.items()
    }
    average = None
    if len(pairs) == len(line.scores) > 1:
        of_all = compare_average({f"{d} {t}": sides for (d, t), sides in pairs.items()}, **how)  # type: ignore[arg-type]
        average = Tested(of_all, of_all.p_value, sum(one.n for one in tested.values()))
    return Line(line.side, line.scores, line.average, tested, average)


class Rescored:
    """Results with statistics or segment scores of any row, made once and kept; what went wrong is in ``problems``."""

    def __init__(self, metric: str, signatures: Mapping[Place, str]) -> None:
        self.metric = metric
        self.signatures = signatures
        self.problems: list[str] = []
        self._without: dict[str, list[str]] = {}  # folder to directions that it has no segments of
        self._changed: list[str] = []  # translations that do not give the score that stands beside them
        self._known: dict[tuple[Path, str, Place], dict[str, MetricResult]] = {}

    @cached_property
    def _scorers(self) -> list[SurfaceMetric]:
        """The surface metric in its two profiles: which one made a score, its signature says."""
        if self.metric not in metric_names():
            return []
        profiles = ("auto", "paper") if self.metric == "BLEU" else ("auto",)
        made = [make_metrics([self.metric], profile)[0] for profile in profiles]
        return [metric for metric in made if isinstance(metric, SurfaceMetric)]

    @property
    def lower_is_better(self) -> bool:
        return any(scorer.lower_is_better for scorer in self._scorers)

    def pair(
        self, side: Side, first: Side, place: Place
    ) -> tuple[dict[str, MetricResult], dict[str, MetricResult]] | None:
        """Both rows' results on one direction, by seed; None, with the problem noted, where they cannot be tested."""
        texts = [self._segments(one, place) for one in (side, first)]
        if texts[0] is None or texts[1] is None:
            return None
        if (texts[0].sources, texts[0].references) != (texts[1].sources, texts[1].references):
            self.problems.append(
                f"{place[0]} ({place[1]}): {side.folder.name} and {first.folder.name} have different test sets; their "
                "scores are side by side and not compared."
            )
            return None
        try:
            ours, theirs = (self._results(one, place, text) for one, text in zip((side, first), texts, strict=True)
                            if text is not None)  # fmt: skip
        except MetricError as error:
            self.problems.append(f"{self.metric} cannot be tested: {error}")
            return None
        return (ours, theirs) if ours and theirs else None

    def results(self, side: Side, place: Place) -> dict[str, MetricResult]:
        """A row's results on one direction, by seed; none, with the problem noted, where they cannot be had."""
        segments = self._segments(side, place) if place in self.signatures else None
        if segments is None:
            return {}
        try:
            return self._results(side, place, segments)
        except MetricError as error:
            self.problems.append(f"{self.metric} cannot be tested: {error}")
            return {}

    def _segments(self, side: Side, place: Place) -> Segments | None:
        found = side.folder.results.segments.get(place)
        if found is None:
            self._without.setdefault(side.folder.name, []).append(place[0])
        return found

    def told(self) -> list[str]:
        """A sentence for everything that could not be tested, once each."""
        without = [
            f"{name} has no segments of {', '.join(dict.fromkeys(directions))}: its scores are shown side by side, "
            "nothing is tested there. Run its recipe again to have segments written (nothing is trained or translated "
            "twice)."
            for name, directions in self._without.items()
        ]
        changed = []
        if self._changed:
            more = f" (and {len(self._changed) - 1} more)" if len(self._changed) > 1 else ""
            changed.append(
                f"{self.metric}: {self._changed[0]}{more}: one of them was changed after scoring. Differences are "
                "those of the translations."
            )
        return [*without, *changed, *dict.fromkeys(self.problems)]

    def _results(self, side: Side, place: Place, segments: Segments) -> dict[str, MetricResult]:
        key = (side.folder.results.folder, side.method, place)
        if key not in self._known:
            made = self._from_text if self._scorers else self._from_segments
            self._known[key] = made(side, place, segments)
        return self._known[key]

    def _from_text(self, side: Side, place: Place, segments: Segments) -> dict[str, MetricResult]:
        direction, signature = Direction.parse(place[0]), self.signatures[place]
        fitting = [scorer for scorer in self._scorers if _made(scorer.signature(direction)) == _made(signature)]
        if not fitting:
            raise MetricError(f"no metric of this version has the signature {signature}.")
        found = {}
        for path, seed in _translations(side, place):
            lines = path.text().split("\n")[:-1]
            if len(lines) != len(segments.references):
                raise StoreError(
                    f"{path} has {len(lines)} lines, the test set in segments/ has {len(segments.references)}."
                )
            found[seed] = fitting[0].score(direction, segments.sources, lines, segments.references)
            if found[seed].signature != signature:
                self.problems.append(f"{self.metric} is tested on scores made again here: {found[seed].signature}.")
            elif abs(found[seed].score - _recorded(side, self.metric, place, seed)) > _ROUNDING:
                self._changed.append(
                    f"{path} scores {found[seed].score:.2f}, {side.folder.name}/scores.csv says "
                    f"{_recorded(side, self.metric, place, seed):.2f}"
                )
        return found

    def _from_segments(self, side: Side, place: Place, segments: Segments) -> dict[str, MetricResult]:
        seeds = segments.scores.get(self.metric, {}).get(side.method, {})
        return {
            seed: MetricResult(self.metric, statistics.fmean(xs), self.signatures[place], len(xs), list(xs))
            for seed, xs in seeds.items()
        }


def _recorded(side: Side, metric: str, place: Place, seed: str) -> float:
    for s in side.folder.results.scores:
        here = (s.method, s.metric, s.seed, s.direction, s.testset) == (side.method, metric, seed, *place)
        if here and s.trained_on in TABLE:
            return s.score
    return float("nan")  # translated and not scored: nothing to disagree with


def _made(signature: str) -> str:
    """A signature without the version of sacrebleu."""
    return signature.partition("|version:")[0]


def _translations(side: Side, place: Place) -> list[tuple[Entry, str]]:
    """The files of a row's translations of one direction, with their seeds."""
    by_seed = translated(side.folder.results.files, side.method, *place)
    of_table = {seed: [of[on] for on in sorted(TABLE) if on in of] for seed, of in sorted(by_seed.items())}
    return [(paths[0], seed) for seed, paths in of_table.items() if paths]
