"""A table as a researcher reads it, before it takes any format.

The renderers (terminal, Markdown, LaTeX, CSV, HTML) take all they print from here: what a cell
shows, which cell is bold, which is underlined, what stands under the table.  None of them decides
anything of its own, and a property test holds them to it.

Bold and underline
    In a column with ``better`` set, the best number among ranked rows is bold and the second best
    underlined.  Numbers are compared **as displayed**: 23.451 and 23.449 print as 23.45 both and
    tie.  Everything tied for best is bold; what comes next, tied or not, is underlined, so that a
    tie for the first place does not use up the second.  A column whose ranked numbers are all equal, or
    only one, marks nothing: being best of one says nothing.  Rows that are no competitors (``ranked=False``, the
    floor row ``source-copy`` for one) are never marked.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from mtsuite.report.render.text import HOLE, fixed, one_line

Mark = Literal["", "best", "second"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Column:
    """A column: ``key`` is its name in CSV, ``label`` what people see, ``group`` a heading shared with neighbours.

    ``better`` says which numbers win; None (parameters, times) leaves the column without marks.  ``signature`` says how
    its scores were made; people read it in the notes, CSV has it beside the numbers.
    """

    key: str
    label: str
    group: str = ""
    better: Better | None = None
    numeric: bool = True
    signature: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of the table.

    ``text`` is what every renderer shows; ``value`` and ``sd`` are the unrounded numbers for CSV and
    for sorting; ``symbol`` follows the number († ‡).  A cell without text shows nothing (the number
    does not exist, as the training time of an untrained model); a hole shows — (it should exist).
    """

    text: str
    value: float | None = None
    sd: float | None = None
    sd_text: str = ""
    symbol: str = ""

    @classmethod
    def of(cls, values: Sequence[float], decimals: int = 2, symbol: str = "") -> Cell:
        """The mean of one number a seed, with its sample standard deviation when there are two seeds or more.

        One seed has no spread to show, so it gets no ±.  No number, or one that is not finite, is a hole.
        """
        if not values or not all(math.isfinite(v) for v in values):
            return cls.hole()
        mean = statistics.fmean(values)
        sd = statistics.stdev(values) if len(values) > 1 else None
        return cls(fixed(mean, decimals), mean, sd, "" if sd is None else fixed(sd, decimals), symbol)

    def with_text(self, shown: Callable[[float], str]) -> Cell:
        """The same number shown by another function (``1.2 M``), without ±; its sd stays in the CSV."""
        return self if self.value is None else replace(self, text=shown(self.value), sd_text="")

    @classmethod
    def hole(cls) -> Cell:
        return cls(HOLE)

    @classmethod
    def empty(cls) -> Cell:
        return cls("")

    @property
    def is_hole(self) -> bool:
        return self.text == HOLE

    def __str__(self) -> str:
        """All of the cell in one string: ``23.45† ±0.12``."""
        return f"{self.text}{self.symbol}" + (f" ±{self.sd_text}" if self.sd_text else "")


@dataclass(frozen=True)
class Row:
    """A row: ``key`` as in the CSV files, ``label`` for people, then a cell a column."""

    key: str
    label: str
    cells: tuple[Cell, ...]
    ranked: bool = True
    rule_above: bool = False  # a thin line parts it from the rows before


@dataclass(frozen=True)
class Note:
    """A sentence under the table; an ``alarm`` is shown in red where there is colour, and marked where not."""

    text: str
    alarm: bool = False


@dataclass(frozen=True)
class Table:
    """Rows, columns and what stands around them.  ``name`` is the file's name without its ending."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    row_heading: str = "Method"
    key_heading: str = field(default="method")

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"table {self.name!r}: row {row.key!r} has {len(row.cells)} cells for {len(self.columns)} columns"
                )
        keys = [self.key_heading, *(column.key for column in self.columns)]
        if len(set(keys)) != len(keys):
            raise ValueError(f"table {self.name!r}: two columns have the same key: {keys}")

    @cached_property
    def marks(self) -> tuple[tuple[Mark, ...], ...]:
        """``marks[row][column]``: best, second or nothing."""
        by_column = [self._column_marks(index) for index in range(len(self.columns))]
        return tuple(tuple(marks[r] for marks in by_column) for r in range(len(self.rows)))

    def _column_marks(self, index: int) -> list[Mark]:
        better = self.columns[index].better
        marks: list[Mark] = [""] * len(self.rows)
        if better is None:
            return marks
        cells = [(r, row.cells[index]) for r, row in enumerate(self.rows) if row.ranked]
        shown = {r: float(cell.text) for r, cell in cells if cell.value is not None}
        order = sorted(set(shown.values()), reverse=better == "higher")
        if len(order) < 2:
            return marks
        for r, number in shown.items():
            if number == order[0]:
                marks[r] = "best"
            elif number == order[1]:
                marks[r] = "second"
        return marks

    @property
    def groups(self) -> list[tuple[str, int, int]]:
        """Runs of neighbouring columns with one group: (heading, first column, number of columns)."""
        runs: list[tuple[str, int, int]] = []
        for index, column in enumerate(self.columns):
            if runs and runs[-1][0] == column.group:
                runs[-1] = (column.group, runs[-1][1], runs[-1][2] + 1)
            else:
                runs.append((column.group, index, 1))
        return runs

    @property
    def has_groups(self) -> bool:
        return any(column.group for column in self.columns)

    def cell(self, row: str, column: str) -> Cell:
        """The cell of a row's key and a column's key; KeyError when there is none."""
        keys = [c.key for c in self.columns]
        for candidate in self.rows:
            if candidate.key == row and column in keys:
                return candidate.cells[keys.index(column)]
        raise KeyError((row, column))


def note(text: str, alarm: bool = False) -> Note:
    """A note with its white space put in order."""
    return Note(one_line(text), alarm)
