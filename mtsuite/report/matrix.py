"""Cross-lingual transfer: train on one direction, test on every direction (LANDeRMT, Figure 3).

``scores[i][j]`` is the score on test direction j after training on direction i alone;
``changes[i][j]`` is that minus the base's (untrained) score on j.  The diagonal is what training
was for; off the diagonal a negative change is interference or forgetting, a positive one transfer.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.report.main_table import Panel, change_text, panels
from mtsuite.report.results import TABLE, Results
from mtsuite.report.table import Better, Cell, Column, Row, Table, note
from mtsuite.report.text import fixed, slug

Grid = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Matrix:
    """Rows: trained on; columns: tested on; ``base[j]`` is the base's score; None where a number is missing."""

    method: str
    label: str
    metric: str
    base_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Grid
    base: tuple[float | None, ...]
    seeds: int = 1
    lower_is_better: bool = False
    suffix: str = ""  # of the test set, when the metric has several tables

    def __post_init__(self) -> None:
        wide = {len(line) for line in self.scores} | {len(self.base)}
        if len(self.scores) != len(self.rows) or wide - {len(self.columns)}:
            raise ValueError(f"matrix of {self.method}: scores do not have the shape of rows × columns")

    @cached_property
    def changes(self) -> Grid:
        """Score minus the base's score in the same column; None where either is missing."""
        return tuple(
            tuple(None if s is None or b is None else s - b for s, b in zip(line, self.base, strict=True))
            for line in self.scores
        )

    @property
    def name(self) -> str:
        """What its files are called, less ``-scores`` or ``-change``."""
        method = re.sub(r"[^A-Za-z0-9._-]+", "-", self.method)
        return f"{method}-{slug(self.metric)}" + (f"-{self.suffix}" if self.suffix else "")

    @property
    def unit(self) -> str:
        return f"{self.metric} points"

    def summary(self) -> Summary:
        """The numbers of the matrix, from the cells that are there."""
        diagonal: list[float] = []
        off: list[float] = []
        within: list[float] = []
        across: list[float] = []
        for trained, line in zip(self.rows, self.changes, strict=True):
            for tested, change in zip(self.columns, line, strict=True):
                if change is None:
                    continue
                if trained == tested:
                    diagonal.append(change)
                    continue
                off.append(change)
                (within if same_families(trained, tested) else across).append(change)
        worse = [c for c in off if (c > 0 if self.lower_is_better else c < 0)]
        return Summary(
            diagonal=_mean(diagonal),
            off_diagonal=_mean(off),
            share_worse=len(worse) / len(off) if off else None,
            within_family=_mean(within),
            across_families=_mean(across),
            cells=len(off),
        )


@dataclass(frozen=True)
class Summary:
    """Means of changes in the metric's points; None when no cell is of that kind.

    ``share_worse`` is between 0 and 1: the off-diagonal cells whose score got worse, of all ``cells`` of them.
    """

    diagonal: float | None
    off_diagonal: float | None
    share_worse: float | None
    within_family: float | None
    across_families: float | None
    cells: int


def same_families(trained: str, tested: str) -> bool:
    """Whether two directions are relatives: their sources share a language family and their targets do too.

    en-de and en-nl are; en-de and en-fr are not (targets), nor are en-fr and fr-en (both ends).
    """
    one, other = Direction.parse(trained), Direction.parse(tested)
    return all(language(a).family == language(b).family for a, b in zip(one, other, strict=True))


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def transfer_matrices(results: Results) -> list[Matrix]:
    """A matrix for each metric and transfer method, in the report's order; none when nothing was transferred."""
    transfer: dict[str, Any] = results.info.get("transfer") or {}
    rows = [str(d) for d in transfer.get("directions") or results.directions]
    return [
        _matrix(results, str(method), metric, panel, str(transfer.get("base", "zero-shot")), rows)
        for metric in (results.metrics if transfer else [])
        for panel in panels(results, metric)
        for method in transfer.get("methods") or []
    ]


def _matrix(results: Results, method: str, metric: str, panel: Panel, base: str, rows: list[str]) -> Matrix:
    scores: dict[tuple[str, str, str, str], list[float]] = {}
    seeds = set()
    for s in results.scores:
        if s.metric == metric and (s.direction, s.testset) in panel.columns:
            scores.setdefault((s.method, s.trained_on, s.direction, s.testset), []).append(s.score)
            if s.method == method and s.trained_on not in TABLE:
                seeds.add(s.seed)
    return Matrix(
        method=method,
        label=results.label(method),
        metric=metric,
        base_label=results.label(base),
        rows=tuple(rows),
        columns=tuple(d for d, _ in panel.columns),
        scores=tuple(tuple(_mean(scores.get((method, r, d, t), [])) for d, t in panel.columns) for r in rows),
        base=tuple(_mean([x for on in TABLE for x in scores.get((base, on, d, t), [])]) for d, t in panel.columns),
        seeds=max(1, len(seeds)),
        lower_is_better=results.lower_is_better(metric),
        suffix=panel.suffix,
    )


def transfer_table(results: Results, matrices: Sequence[Matrix]) -> Table:
    """The summaries of one metric's matrices (one panel), a row a method."""
    first = matrices[0]
    better: Better = "lower" if first.lower_is_better else "higher"
    group = "Mean change"
    columns = (
        Column("diagonal", "own direction", group, better),
        Column("off_diagonal", "others", group, better),
        Column("within_family", "within family", group, better),
        Column("across_families", "across families", group, better),
        Column("percent_worse", "worse, %", "Others", "lower"),
    )
    rows = []
    for matrix in matrices:
        s = matrix.summary()
        changes = (s.diagonal, s.off_diagonal, s.within_family, s.across_families)
        cells = [Cell.hole() if v is None else Cell(change_text(v), v) for v in changes]
        share = None if s.share_worse is None else 100 * s.share_worse
        cells.append(Cell.hole() if share is None else Cell(fixed(share, 1), share))
        rows.append(Row(matrix.method, matrix.label, tuple(cells)))
    notes = [
        note(
            f"Each model is trained on one direction and tested on all: its own and the others. Changes are in "
            f"{first.unit} against {first.base_label}, {better} is better; worse: the share of others that lost."
        ),
        note("Within family: the two sources are of one language family and so are the two targets; — where none are."),
        note(f"Others: {listed_cells(matrices)}."),
    ]
    suffix = f"-{first.suffix}" if first.suffix else ""
    title = f"{results.title}: Cross-lingual transfer, {first.metric}"
    return Table(f"transfer-{slug(first.metric)}{suffix}", title, columns, tuple(rows), tuple(notes))


def listed_cells(matrices: Sequence[Matrix]) -> str:
    """How many off-diagonal cells each summary stands on."""
    sizes = {m.label: m.summary().cells for m in matrices}
    if len(set(sizes.values())) == 1:
        return f"{next(iter(sizes.values()))} off-diagonal cells a method"
    return "; ".join(f"{label} {size} cells" for label, size in sizes.items())
