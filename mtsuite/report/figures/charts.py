"""Drawing the charts that methods hand over as data, and the chart of a sweep.

Lines, points and bars are told apart by colour and by dash, mark or hatch, so that they survive a grey printer.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mtsuite.chart import Chart, Series
from mtsuite.report.figures.base import (
    COLOURS,
    INK,
    MARKS,
    MUTED,
    WIDTH,
    draw_key,
    key_height,
    look,
    new_figure,
    wrapped,
)
from mtsuite.report.figures.colours import PALE_TO_DARK, is_dark
from mtsuite.report.render.csv_table import number
from mtsuite.report.render.spreadsheet import safe_row
from mtsuite.report.render.text import typographic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HATCHES = ("", "///", "...", "\\\\\\", "xxx", "+++")
_MANY_CELLS = 240  # of a grid; with more the numbers would not be legible


def draw(chart: Chart, title: str) -> Figure:
    """The chart as a figure under ``title``.  Call inside ``figures.style()``."""
    if chart.kind == "grid":
        return _grid(chart, title)
    names = [series.name for series in chart.series] if len(chart.series) > 1 else []
    width = min(2 * WIDTH, max(WIDTH, _room(chart)))
    figure, axes = new_figure(width, 2.4 + key_height(names, width))
    {"lines": _lines, "bars": _bars, "points": _points}[chart.kind](axes, chart)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(wrapped(chart.y_label, 28))  # as high as the axes are
    _title(axes, title, width)
    if names:
        draw_key(figure, axes.get_legend_handles_labels()[0], marks=1.7 if chart.kind == "points" else 1.0)
    return figure


def _title(axes: Axes, title: str, width: float) -> None:
    """The title, on two lines if need be."""
    axes.set_title(wrapped(title, int((width - 0.65) / 0.077)))


def _room(chart: Chart) -> float:
    """Inches that a chart wants for its bars, or for words on its x axis."""
    words = list(dict.fromkeys(str(x) for series in chart.series for x in series.x if isinstance(x, str)))
    if chart.kind == "bars":
        return 0.8 + len(words) * max(0.22, 0.085 * len(chart.series))
    return 0.8 + 0.22 * len(words)


def chart_csv(chart: Chart) -> bytes:
    """The numbers behind a chart, one row a value: series, x, y."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["series", "x", "y"])
    for series in chart.series:
        for x, y in zip(series.x, series.y, strict=True):
            writer.writerow(safe_row([series.name, x if isinstance(x, str) else number(x), number(y)]))
    return buffer.getvalue().encode()


def _lines(axes: Axes, chart: Chart) -> None:
    words = _words(chart.series)
    average = [series for series in chart.series if series.name == "average"]
    for series in average:
        x = [words.index(v) if words else v for v in series.x]
        axes.plot(x, series.y, color=INK, linewidth=2.2, marker="o", markersize=4, label=series.name, zorder=3)
    for index, series in enumerate(s for s in chart.series if s not in average):
        x = [words.index(v) if words else v for v in series.x]
        every = max(1, len(x) // 10)
        axes.plot(
            x,
            series.y,
            linewidth=1.1,
            markersize=3.4,
            markevery=(index % every, every),
            label=series.name,
            **look(index),
        )
    _ticks(axes, chart, words)
    axes.grid(axis="y")


def _points(axes: Axes, chart: Chart) -> None:
    for index, series in enumerate(chart.series):
        axes.scatter(
            series.x,
            series.y,
            s=11,
            alpha=0.75,
            linewidths=0,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKS[index % len(MARKS)],
            label=series.name,
        )
    axes.grid()


def _bars(axes: Axes, chart: Chart) -> None:
    words = list(dict.fromkeys(str(x) for series in chart.series for x in series.x))
    width = 0.8 / len(chart.series)
    for index, series in enumerate(chart.series):
        places = [words.index(str(x)) + (index - (len(chart.series) - 1) / 2) * width for x in series.x]
        axes.bar(
            places,
            series.y,
            width * 0.94,
            color=COLOURS[index % len(COLOURS)],
            hatch=HATCHES[index % len(HATCHES)],
            edgecolor="white",
            linewidth=0,
            label=series.name,
        )
    _word_ticks(axes, words)
    axes.grid(axis="y")
    if any(y < 0 for series in chart.series for y in series.y):
        axes.axhline(0, color=INK, linewidth=0.8)


def _word_ticks(axes: Axes, words: Sequence[str]) -> None:
    """Words under the x axis; slanted where they would run into one another."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    letters = sum(len(word) + 2 for word in words)
    slanted = 0.062 * letters > figure.get_figwidth() - 0.7
    axes.set_xticks(range(len(words)), words, rotation=45 if slanted else 0, ha="right" if slanted else "center",
                    rotation_mode="anchor" if slanted else "default")  # fmt: skip


def _grid(chart: Chart, title: str) -> Figure:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    columns, rows = [wrapped(str(x), 10) for x in chart.series[0].x], chart.series
    digits = max(len(_cell(y)) for series in rows for y in series.y)
    head = max((len(line) for column in columns for line in column.split("\n")), default=1)
    cell = max(0.34, 0.068 * digits, 0.068 * min(head, 8))
    names = [wrapped(series.name, 19) for series in rows]
    longest = max(len(line) for name in names for line in name.split("\n"))
    width = max(WIDTH, 0.95 + 0.062 * longest + cell * len(columns))
    figure, axes = new_figure(width, max(1.8, 0.95 + 0.24 * len(rows)))
    values = [y for series in rows for y in series.y]
    low, high = min(values), max(values)
    scale = Normalize(low, high if high > low else low + 1)
    colours = LinearSegmentedColormap.from_list("pale-dark", PALE_TO_DARK)
    axes.imshow([series.y for series in rows], cmap=colours, norm=scale, aspect="auto", interpolation="nearest")
    if len(values) <= _MANY_CELLS:
        for y, series in enumerate(rows):
            for x, value in enumerate(series.y):
                ink = "white" if is_dark(colours(scale(value))) else INK
                axes.text(x, y, _cell(value), ha="center", va="center", fontsize=7, color=ink)
    slanted = 0.068 * (head + 1) > cell
    axes.set_xticks(range(len(columns)), columns, rotation=45 if slanted else 0, ha="right" if slanted else "center",
                    rotation_mode="anchor" if slanted else "default")  # fmt: skip
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(chart.x_label)
    _title(axes, title, width)
    bar = figure.colorbar(ScalarMappable(norm=scale, cmap=colours), ax=axes, fraction=0.045, pad=0.02, aspect=18)
    bar.set_label(chart.y_label, color=MUTED)
    bar.outline.set_visible(False)
    return figure


def _cell(value: float) -> str:
    return typographic(f"{value:.3g}")


def _words(series: Sequence[Series]) -> list[float | str]:
    """The places on the x axis when some of them are words, in order of first appearance; else nothing."""
    places = list(dict.fromkeys(x for s in series for x in s.x))
    return places if any(isinstance(x, str) for x in places) else []


def _ticks(axes: Axes, chart: Chart, words: list[float | str]) -> None:
    if words:
        _word_ticks(axes, [str(word) for word in words])
        return
    places = sorted({float(x) for series in chart.series for x in series.x})
    if _geometric(places):
        axes.set_xscale("log")
        axes.minorticks_off()
    if len(places) <= 12:
        axes.set_xticks(places, [f"{x:g}" for x in places])


def _geometric(places: Sequence[float]) -> bool:
    """Whether the places grow by factors (1e-3, 3e-3, 1e-2), which a log axis shows evenly."""
    factors = [b / a for a, b in pairwise(places)] if places and places[0] > 0 else []
    return len(factors) >= 2 and min(factors) >= 1.9
