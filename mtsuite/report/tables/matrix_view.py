"""What a transfer matrix shows in one picture: scores, changes against start or base, or the difference of two methods.

Files (CSV, Markdown, HTML) and heat map are made from a view alone, so that they all say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mtsuite.data.languages import language
from mtsuite.report.render.text import HOLE, fixed
from mtsuite.report.tables.matrix import Grid, Line, Matrix
from mtsuite.report.tables.query import DECIMALS, change_text
from mtsuite.report.tables.relations import Band, bands


@dataclass(frozen=True)
class View:
    """A grid of numbers with its headings.  ``name`` is its files' name without their ending.

    ``signed`` numbers are differences: they carry a sign and are coloured on both sides of 0; others are scores.
    ``above`` are lines over the grid (the scores of the base and of the method's start), with key and label.  ``tips``
    say all of a cell in words; ``reading`` are the sentences under it.  ``folded`` views are of secondary interest on
    the page.
    """

    name: str
    metric: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Grid
    unit: str
    pivot: str
    signed: bool
    lower_is_better: bool
    reading: tuple[str, ...]
    tips: tuple[tuple[str, ...], ...]
    above: tuple[tuple[str, str, Line], ...] = ()
    folded: bool = False

    def text(self, value: float | None, decimals: int = DECIMALS) -> str:
        """A number as every format shows it."""
        return HOLE if value is None else fixed(value, decimals, signed=self.signed)

    def is_good(self, value: float) -> bool:
        """For signed numbers: whether this one is an improvement."""
        return value != 0 and (value < 0) == self.lower_is_better

    @cached_property
    def span(self) -> tuple[float, float]:
        """The ends of the colour scale.

        Differences: the largest off the diagonal and at least 1 point, on both sides of 0.  The diagonal, what training
        was for, is many times larger; scaled to it, interference would be invisible.  Scores: lowest and highest.
        """
        if self.signed:
            top = max([1.0, *(abs(v) for r, c, v in self._cells() if r != c)])
            return -top, top
        found = [v for _, _, v in self._cells()] + [v for _, _, line in self.above for v in line if v is not None]
        low, high = min(found, default=0.0), max(found, default=1.0)
        return (low, high) if high > low else (low, low + 1)

    @property
    def row_bands(self) -> list[Band]:
        return bands(self.rows, self.pivot)

    @property
    def column_bands(self) -> list[Band]:
        return bands(self.columns, self.pivot)

    def _cells(self) -> list[tuple[str, str, float]]:
        pairs = zip(self.rows, self.values, strict=True)
        return [(r, c, v) for r, line in pairs for c, v in zip(self.columns, line, strict=True) if v is not None]


def change_view(matrix: Matrix) -> View:
    """Scores minus those of the method's own start; minus the base's where starts were not scored."""
    lines = [f"{matrix.unit} above (+) or below (-) {matrix.reference}.", *_means(matrix)]
    if matrix.start:
        lines.insert(
            1, "Its own start: the method's model before its first training step. So this is what training did."
        )
    if matrix.starts_as_base:
        lines.insert(2, f"The start scores as {matrix.base_label}, so this is the change against that as well.")
    title = f"{matrix.label}, trained on one direction: {matrix.metric}, change against {matrix.reference}"
    return _view(matrix, "change", title, matrix.changes, True, lines)


def base_change_view(matrix: Matrix) -> View:
    """Scores minus the base's, beside the change against the start."""
    against = matrix.against_base()
    lines = [
        f"{matrix.unit} above (+) or below (-) {matrix.base_label}: what the user gets, surgery and training together.",
        *_means(against),
    ]
    title = f"{matrix.label}, trained on one direction: {matrix.metric}, change against {matrix.base_label}"
    return _view(against, "change-from-base", title, against.changes, True, lines)


def score_view(matrix: Matrix) -> View:
    """The scores themselves, under those of the base and of the method's start."""
    above = [("base", matrix.base_label, matrix.base)]
    above += [("start", "own start", matrix.start)] if matrix.start else []
    lines = [f"First row: {matrix.base_label}."]
    if matrix.start:
        lines.append("Second row: the method's own start, its model before the first training step.")
    title = f"{matrix.label}, trained on one direction: {matrix.metric}, scores"
    return _view(matrix, "scores", title, matrix.scores, False, lines, above=tuple(above), folded=True)


def difference_view(matrix: Matrix) -> View:
    """One method minus another; ``matrix`` is their difference."""
    other = matrix.base_label
    lines = [f"{matrix.unit} above (+) or below (-) {other} trained and tested on the same.", *_means(matrix)]
    title = f"{matrix.label}, both trained on one direction: {matrix.metric}, difference"
    return _view(matrix, "difference", title, matrix.changes, True, lines)


def _view(
    matrix: Matrix,
    what: str,
    title: str,
    values: Grid,
    signed: bool,
    lines: Sequence[str],
    above: tuple[tuple[str, str, Line], ...] = (),
    folded: bool = False,
) -> View:
    reading = ["Rows: trained on; columns: tested on; bold: the model's own direction.", *lines]
    if len(bands(matrix.columns, matrix.pivot)) > 1:
        reading.append(
            f"Directions of one family and script are together (by the language beside {language(matrix.pivot).name})."
        )
    if matrix.seeds > 1:
        reading.append(f"Means over {matrix.seeds} seeds.")
    if any(v is None for line in values for v in line):
        reading.append(f"{HOLE}: no score was recorded.")
    reading += matrix.signatures
    return View(
        name=f"{matrix.name}-{what}",
        metric=matrix.metric,
        title=title,
        rows=matrix.rows,
        columns=matrix.columns,
        values=values,
        unit=matrix.unit if signed else matrix.metric,
        pivot=matrix.pivot,
        signed=signed,
        lower_is_better=matrix.lower_is_better,
        reading=tuple(reading),
        tips=_tips(matrix),
        above=above,
        folded=folded,
    )


def _means(matrix: Matrix) -> list[str]:
    """The summary in a sentence; nothing when there is no cell."""
    parts = []
    for name, before in (
        ("diagonal", "own direction"),
        ("off_diagonal", "others"),
        ("share_worse", ""),
        ("within_family", "within family"),
        ("across_families", "across families"),
    ):
        value = matrix.mean_over_seeds(name)
        if value is not None:
            text = f"{100 * value:.1f} % of them worse" if name == "share_worse" else f"{before} {change_text(value)}"
            parts.append(text)
    return [f"Mean: {'; '.join(parts)}."] if parts else []


def _tips(matrix: Matrix) -> tuple[tuple[str, ...], ...]:
    others = matrix.subtracted
    # Of a difference the label names both methods; its scores are the first one's.
    name = matrix.label.removesuffix(f" − {matrix.base_label}")
    return tuple(
        tuple(
            f"trained on {trained}, tested on {tested}: {name} {_score(score)}; {matrix.reference} {_score(other)}"
            for tested, score, other in zip(matrix.columns, scores, line, strict=True)
        )
        for trained, scores, line in zip(matrix.rows, matrix.scores, others, strict=True)
    )


def _score(value: float | None) -> str:
    return HOLE if value is None else fixed(value, DECIMALS)
