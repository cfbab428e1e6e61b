"""Figures as data: what a method wants to show, before anything is drawn.

A method makes charts from tensors (``Method.charts``); the report draws each as PNG and SVG and writes its
numbers as CSV.  Nothing here knows of a plotting library, so a report can be rebuilt without the method.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Kind = Literal["lines", "bars", "points", "grid"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Series:
    """One line, group of bars, cloud of points, or row of a grid: its name, and y over x."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Chart:
    """A figure.  ``name`` goes into file names; ``about`` says what is shown, measured how, after which figure.

    lines, points: x are numbers (for lines words as well).  bars: x are words.  grid: a heat map with one
    series a row; its columns are the x of the first series, ``y_label`` says what the numbers are.
    """

    name: str
    title: str
    kind: Kind
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    about: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Chart:
        """The chart that ``to_dict`` gave.  Raises ValueError when it is none."""
        try:
            series = tuple(Series(str(s["name"]), tuple(s["x"]), tuple(map(float, s["y"]))) for s in value["series"])
            words = {key: str(value[key]) for key in ("name", "title", "x_label", "y_label")}
            chart = cls(kind=value["kind"], series=series, about=str(value.get("about", "")), **words)
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a chart, found {error!r} wrong in it") from None
        check(chart)
        return chart


def check(chart: Chart) -> None:
    """Raise ValueError when a chart cannot be drawn."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", chart.name):
        raise ValueError(f"chart {chart.name!r}: a name is small letters, digits, '-' and '.'")
    if chart.kind not in KINDS:
        raise ValueError(f"chart {chart.name}: kind is one of {', '.join(KINDS)}; found {chart.kind!r}")
    if not chart.series:
        raise ValueError(f"chart {chart.name}: there is no series in it")
    for series in chart.series:
        if not all(isinstance(x, str) or (isinstance(x, int | float) and math.isfinite(x)) for x in series.x):
            raise ValueError(f"chart {chart.name}: {series.name!r} has an x that is neither a word nor a finite number")
        if any(map(math.isinf, series.y)):  # NaN is a hole
            raise ValueError(f"chart {chart.name}: {series.name!r} has a y that is infinite")
        if len(series.x) != len(series.y):
            raise ValueError(f"chart {chart.name}: {series.name!r} has {len(series.x)} x and {len(series.y)} y")
    if chart.kind == "grid" and len({series.x for series in chart.series}) > 1:
        raise ValueError(f"chart {chart.name}: the rows of a grid have different columns")
