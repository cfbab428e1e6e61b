"""Drawing the charts that methods hand over as data, and the chart of a sweep.

Lines, points and bars are told apart by colour and by dash, mark or hatch, so that they survive a grey printer.
"""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mtsuite.chart import Chart, Series
from mtsuite.report.csv_table import number
from mtsuite.report.figures import COLOURS, DASHES, INK, MUTED, new_figure
from mtsuite.report.text import typographic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "///", "...", "\\\\\\", "xxx", "+++")
_GREYS = ("#f7f7f5", "#b9d3e6", "#5d9cc6", "#14598f")  # pale to dark: in grey the depth shows the size
_MANY_CELLS = 240  # of a grid; with more the numbers would not be legible


def draw(chart: Chart, title: str) -> Figure:
    """The chart as a figure under ``title``.  Call inside ``figures.style()``."""
    if chart.kind == "grid":
        return _grid(chart, title)
    figure, axes = new_figure(6.4, 4.0)
    {"lines": _lines, "bars": _bars, "points": _points}[chart.kind](axes, chart)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.set_title(title)
    if len(chart.series) > 1:
        figure.legend(loc="outside right upper", fontsize=8.5, handlelength=2.6)
    return figure


def chart_csv(chart: Chart) -> bytes:
    """The numbers behind a chart, one row a value: series, x, y."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["series", "x", "y"])
    for series in chart.series:
        for x, y in zip(series.x, series.y, strict=True):
            writer.writerow([series.name, x if isinstance(x, str) else number(x), number(y)])
    return buffer.getvalue().encode()


def _look(index: int) -> tuple[str, str]:
    return COLOURS[index % len(COLOURS)], DASHES[(index // len(COLOURS) + index) % len(DASHES)]


def _lines(axes: Axes, chart: Chart) -> None:
    words = _words(chart.series)
    average = [series for series in chart.series if series.name == "average"]
    for series in average:
        x = [words.index(v) if words else v for v in series.x]
        axes.plot(x, series.y, color=INK, linewidth=2.6, marker="o", markersize=5, label=series.name, zorder=3)
    for index, series in enumerate(s for s in chart.series if s not in average):
        colour, dash = _look(index)
        x = [words.index(v) if words else v for v in series.x]
        mark = MARKS[index % len(MARKS)] if len(x) <= 40 else ""
        axes.plot(
            x, series.y, color=colour, linestyle=dash, linewidth=1.4, marker=mark, markersize=4, label=series.name
        )
    _ticks(axes, chart, words)
    axes.grid(axis="y")


def _points(axes: Axes, chart: Chart) -> None:
    for index, series in enumerate(chart.series):
        axes.scatter(
            series.x,
            series.y,
            s=14,
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
    axes.set_xticks(range(len(words)), words, rotation=45 if len(words) > 10 else 0)
    axes.grid(axis="y")


def _grid(chart: Chart, title: str) -> Figure:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    from mtsuite.report.heatmap import luminance

    columns, rows = [str(x) for x in chart.series[0].x], chart.series
    figure, axes = new_figure(max(6.0, 2.2 + 0.55 * len(columns)), max(2.6, 1.7 + 0.4 * len(rows)))
    values = [y for series in rows for y in series.y]
    low, high = min(values), max(values)
    scale = Normalize(low, high if high > low else low + 1)
    colours = LinearSegmentedColormap.from_list("pale-dark", _GREYS)
    axes.imshow([series.y for series in rows], cmap=colours, norm=scale, aspect="auto", interpolation="nearest")
    if len(values) <= _MANY_CELLS:
        for y, series in enumerate(rows):
            for x, value in enumerate(series.y):
                ink = "white" if luminance(colours(scale(value))) < 0.21 else INK
                axes.text(x, y, typographic(f"{value:.3g}"), ha="center", va="center", fontsize=7.8, color=ink)
    # Labels of two words stand on two lines: side by side they would run into one another.
    wrapped = [textwrap.fill(column, 10, break_long_words=False, break_on_hyphens=False) for column in columns]
    axes.set_xticks(range(len(columns)), wrapped, rotation=45 if len(columns) > 14 else 0)
    axes.set_yticks(range(len(rows)), [series.name for series in rows])
    axes.tick_params(length=0, labelsize=8.5)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(chart.x_label)
    axes.set_title(title)
    bar = figure.colorbar(ScalarMappable(norm=scale, cmap=colours), ax=axes, fraction=0.045, pad=0.02, aspect=18)
    bar.set_label(chart.y_label, color=MUTED)
    bar.outline.set_visible(False)
    return figure


def _words(series: Sequence[Series]) -> list[float | str]:
    """The places on the x axis when some of them are words, in order of first appearance; else nothing."""
    places = list(dict.fromkeys(x for s in series for x in s.x))
    return places if any(isinstance(x, str) for x in places) else []


def _ticks(axes: Axes, chart: Chart, words: list[float | str]) -> None:
    if words:
        axes.set_xticks(range(len(words)), [str(w) for w in words], rotation=45 if len(words) > 10 else 0)
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
