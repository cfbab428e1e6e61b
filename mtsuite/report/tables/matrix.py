"""Cross-lingual transfer: train on one direction, test on every direction (LANDeRMT, Figure 3).

``scores[i][j]`` is the score on test direction j after training on direction i alone;
``changes[i][j]`` is that minus the score on j of the method's own start, its model before the first training step: what
training did.  Beside it stands the change against the base, what the user gets; both agree where surgery leaves the
base as it is.  The diagonal is what training was for; off the diagonal a negative change is interference or forgetting,
a positive one transfer.

The difference of two methods is a matrix too: what is subtracted is then the other method's score in the same cell.
That is the difference of their changes against the base as well.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from mtsuite.errors import StoreError
from mtsuite.report.render.text import slug
from mtsuite.report.tables.notes import signature_notes
from mtsuite.report.tables.query import Panel, panels
from mtsuite.report.tables.relations import RELATIONS, Relation, ordered, pivot_of, related, relation
from mtsuite.results.folder import TABLE, Results
from mtsuite.results.trained_on import START

OWN_START = "its own start"  # the method's model before its first training step
Grid = tuple[tuple[float | None, ...], ...]
Line = tuple[float | None, ...]


@dataclass(frozen=True)
class Matrix:
    """Rows: trained on; columns: tested on; ``base[j]`` is the base's score; None where a number is missing.

    ``start[j]`` is the score of the method's own start; it is empty where changes are against the base.  ``against`` is
    what is subtracted cell by cell, if it is neither.  ``by_seed`` holds the same matrix of each seed, where all seeds
    have all its cells.
    """

    method: str
    label: str
    metric: str
    base_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Grid
    base: Line
    seeds: int = 1
    lower_is_better: bool = False
    suffix: str = ""  # of the test set, when the metric has several tables
    start: Line = ()
    against: Grid = ()
    by_seed: tuple[Matrix, ...] = ()
    signatures: tuple[str, ...] = ()  # sentences on how its scores were made

    def __post_init__(self) -> None:
        wide = {len(line) for line in [*self.scores, *self.against]} | {len(self.base), len(self.start or self.base)}
        high = {len(self.scores), len(self.against or self.scores)}
        if high != {len(self.rows)} or wide - {len(self.columns)}:
            raise ValueError(f"matrix of {self.method}: scores do not have the shape of rows × columns")

    @cached_property
    def changes(self) -> Grid:
        """Score minus what it is compared with; None where either is missing."""
        subtracted = self.subtracted
        return tuple(
            tuple(None if s is None or b is None else s - b for s, b in zip(line, others, strict=True))
            for line, others in zip(self.scores, subtracted, strict=True)
        )

    @property
    def subtracted(self) -> Grid:
        """What scores are compared with, cell by cell."""
        return self.against or (self.start or self.base,) * len(self.rows)

    @property
    def reference(self) -> str:
        """What that is called."""
        return OWN_START if self.start else self.base_label

    @property
    def starts_as_base(self) -> bool:
        """Whether the method's start was measured and scores as the base in every direction."""
        return bool(self.start) and self.start == self.base and None not in self.start

    def against_base(self) -> Matrix:
        """The same scores, with changes against the base."""
        return replace(self, start=(), by_seed=tuple(one.against_base() for one in self.by_seed))

    @property
    def surgery(self) -> float | None:
        """Mean over the tested directions of the start's score less the base's; None where one is missing."""
        pairs = [
            (s, b) for s, b in zip(self.start, self.base, strict=bool(self.start)) if s is not None and b is not None
        ]
        return _mean([s - b for s, b in pairs]) if len(pairs) == len(self.columns) else None

    @property
    def name(self) -> str:
        """What its files are called, less ``-scores`` or ``-change``."""
        return f"{slug(self.method)}-{slug(self.metric)}" + (f"-{self.suffix}" if self.suffix else "")

    @property
    def unit(self) -> str:
        return f"{self.metric} points"

    @cached_property
    def pivot(self) -> str:
        """The language of (nearly) all directions, which says nothing about how they are related."""
        return pivot_of([*self.rows, *self.columns])

    def cells(self) -> Iterator[tuple[str, str, float]]:
        """(trained on, tested on, change) of every cell that is there."""
        for trained, line in zip(self.rows, self.changes, strict=True):
            for tested, change in zip(self.columns, line, strict=True):
                if change is not None:
                    yield trained, tested, change

    def is_worse(self, change: float) -> bool:
        return change > 0 if self.lower_is_better else change < 0

    def summary(self) -> Summary:
        """The numbers of the matrix, from the cells that are there."""
        by_relation: dict[Relation, list[float]] = {kind: [] for kind in RELATIONS}
        within: list[float] = []
        across: list[float] = []
        for trained, tested, change in self.cells():
            kind = relation(trained, tested)
            by_relation[kind].append(change)
            if kind not in ("own", "reversed"):
                (within if related(trained, tested, self.pivot) else across).append(change)
        off = [change for kind, found in by_relation.items() if kind != "own" for change in found]
        worse = [change for change in off if self.is_worse(change)]
        return Summary(
            diagonal=_mean(by_relation["own"]),
            off_diagonal=_mean(off),
            share_worse=len(worse) / len(off) if off else None,
            within_family=_mean(within),
            across_families=_mean(across),
            cells=len(off),
            by_relation={kind: _mean(found) for kind, found in by_relation.items()},
            counts={kind: len(found) for kind, found in by_relation.items()}
            | {"others": len(off), "within_family": len(within), "across_families": len(across)},
        )

    def summaries(self) -> list[Summary]:
        """One summary a seed where all seeds are complete, else one of the means over seeds."""
        return [one.summary() for one in self.by_seed or (self,)]

    def mean_over_seeds(self, number: str) -> float | None:
        """The mean of a number of the summaries, ``share_worse`` for one; None where one of them lacks it."""
        found = [getattr(summary, number) for summary in self.summaries()]
        return None if None in found else statistics.fmean(found)


@dataclass(frozen=True)
class Summary:
    """Means of changes in the metric's points; None when no cell is of that kind.

    ``share_worse`` is between 0 and 1: the off-diagonal cells whose score got worse, of all ``cells`` of them.
    ``within_family`` and ``across_families`` are of the off-diagonal cells without the reversed directions, whose
    languages are the same two: between languages of one family, and of different ones (``relations.related``).
    """

    diagonal: float | None
    off_diagonal: float | None
    share_worse: float | None
    within_family: float | None
    across_families: float | None
    cells: int
    by_relation: Mapping[Relation, float | None] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


# -- from scores.csv ------------------------------------------------------------------------------


def transfer_matrices(results: Results) -> list[Matrix]:
    """A matrix for each metric and transfer method, in the report's order; none when nothing was transferred.

    Rows and columns are ordered by script, family and language, so that relatives are neighbours.
    """
    transfer: dict[str, Any] = results.info.get("transfer") or {}
    rows = [str(d) for d in transfer.get("directions") or results.directions]
    return [
        _matrix(results, str(method), metric, panel, str(transfer.get("base", "zero-shot")), rows)
        for metric in (results.metrics if transfer else [])
        for panel in panels(results, metric)
        for method in transfer.get("methods") or []
    ]


def _matrix(results: Results, method: str, metric: str, panel: Panel, base: str, rows: list[str]) -> Matrix:
    scores: dict[tuple[str, str, str, str], dict[str, float]] = {}
    for s in results.scores:
        if s.metric == metric and s.method in (method, base) and (s.direction, s.testset) in panel.columns:
            scores.setdefault((s.method, s.trained_on, s.direction, s.testset), {})[s.seed] = s.score
    testset = dict(panel.columns)
    pivot = pivot_of([*rows, *testset])
    columns = ordered(list(testset), pivot)
    rows = ordered(rows, pivot)

    def cell(trained: str, tested: str) -> dict[str, float]:
        return scores.get((method, trained, tested, testset[tested]), {})

    def untrained(tested: str) -> dict[str, float]:
        found = [scores.get((base, on, tested, testset[tested]), {}) for on in sorted(TABLE)]
        return next((one for one in found if one), {})

    def start(tested: str) -> dict[str, float]:
        return cell(START, tested)

    def mean(found: Mapping[str, float]) -> float | None:
        return _mean(list(found.values()))

    seeds = sorted({seed for r in rows for c in columns for seed in cell(r, c)})
    matrix = Matrix(
        method=method,
        label=results.label(method),
        metric=metric,
        base_label=results.label(base),
        rows=tuple(rows),
        columns=tuple(columns),
        scores=tuple(tuple(mean(cell(r, c)) for c in columns) for r in rows),
        base=tuple(mean(untrained(c)) for c in columns),
        start=tuple(mean(start(c)) for c in columns) if results.has_starts else (),
        seeds=max(1, len(seeds)),
        lower_is_better=results.lower_is_better(metric),
        suffix=panel.suffix,
        signatures=tuple(signature_notes(results, metric, panel)),
    )
    if len(seeds) < 2 or any(len(cell(r, c)) not in (0, len(seeds)) for r in rows for c in columns):
        return matrix
    of_seeds = tuple(
        replace(
            matrix,
            seeds=1,
            scores=tuple(tuple(cell(r, c).get(seed) for c in columns) for r in rows),
            # A base that was run with one seed only (it trains nothing) serves all.
            base=tuple(untrained(c).get(seed, mean(untrained(c))) for c in columns),
            start=tuple(start(c).get(seed) for c in columns) if results.has_starts else (),
        )
        for seed in seeds
    )
    return replace(matrix, by_seed=of_seeds)


# -- the difference of two methods ------------------------------------------------------------------


def difference(one: Matrix, other: Matrix) -> Matrix:
    """``one`` minus ``other`` in every cell; seed by seed where both have the same number of seeds.

    Raises StoreError when they are not matrices of the same directions and metric.
    """
    if (one.rows, one.columns, one.metric, one.suffix) != (other.rows, other.columns, other.metric, other.suffix):
        raise StoreError(
            f"The transfer matrices of {one.label} ({one.metric}) and {other.label} ({other.metric}) do not have the "
            "same directions: expected two methods of one recipe."
        )
    paired = len(one.by_seed) == len(other.by_seed)
    return replace(
        one,
        method=f"{one.method}-minus-{other.method}",
        label=f"{one.label} − {other.label}",
        base_label=other.label,
        start=(),
        against=other.scores,
        seeds=min(one.seeds, other.seeds),
        by_seed=tuple(difference(a, b) for a, b in zip(one.by_seed, other.by_seed, strict=True)) if paired else (),
    )


def reference_of(results: Results, methods: Sequence[str]) -> str:
    """The transfer method that the others' matrices are compared with: the report's baseline, else the first."""
    baseline = str(results.info.get("baseline") or "")
    return baseline if baseline in methods else methods[0]


def differences(results: Results, matrices: Sequence[Matrix]) -> list[Matrix]:
    """The matrices of one metric and panel, each minus the reference's, which itself is left out."""
    reference = reference_of(results, [m.method for m in matrices])
    other = next(m for m in matrices if m.method == reference)
    return [difference(m, other) for m in matrices if m is not other]
