"""Scores direction by direction as bars, for few methods: the form of LANDeRMT's Figure 9."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mtsuite.chart import Chart, Series
from mtsuite.report.figures.base import COLOURS, INK, WIDTH, draw_key, key_height, new_figure
from mtsuite.report.figures.charts import HATCHES
from mtsuite.report.render.text import slug
from mtsuite.report.tables.intervals import Interval, intervals
from mtsuite.report.tables.query import by_cell, panels
from mtsuite.results.folder import FLOOR_ROWS, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 6  # rows; more bars a direction are too thin to be told apart


def direction_chart(results: Results, metric: str) -> Chart | None:
    """A group of bars a direction, of the metric's first table; None where there are fewer than 2 rows or too many."""
    panel, rows = panels(results, metric)[0], _rows(results, metric)
    bars = [Series(results.label(method), tuple(scores), tuple(scores.values())) for method, scores in rows.items()]
    if not 2 <= len(bars) <= MANY or len(panel.columns) < 2:
        return None
    name, title = f"directions-{slug(metric)}", f"{metric} by direction"
    about = _about(list(intervals(results, metric, panel).values()))
    return Chart(name, title, "bars", "direction", metric, tuple(bars), about)


def _rows(results: Results, metric: str) -> dict[str, dict[str, float]]:
    """Row to {direction: mean over seeds}, of the metric's first table."""
    cells, rows = by_cell(results.scores, metric), {}
    for method in results.methods:
        columns = panels(results, metric)[0].columns
        scores = {d: statistics.fmean(found.values()) for d, t in columns if (found := cells[method, d, t])}
        if method not in FLOOR_ROWS and scores:
            rows[method] = scores
    return rows


def _about(found: Sequence[Interval]) -> str:
    return "Means over seeds." + (f" Error bars: {100 * found[0].level:g} % intervals over segments." if found else "")


def draw_directions(results: Results, metric: str, chart: Chart) -> Figure:
    """The chart as wide as a page, with the interval of every score where the folder has them."""
    panel = panels(results, metric)[0]
    reach = intervals(results, metric, panel)
    directions = [d for d, _ in panel.columns]
    labels = [series.name for series in chart.series]
    width = 2 * WIDTH
    figure, axes = new_figure(width, 2.3 + key_height(labels, width))
    bar = 0.82 / len(chart.series)
    for index, (method, series) in enumerate(zip(_rows(results, metric), chart.series, strict=True)):
        shift = (index - (len(chart.series) - 1) / 2) * bar
        places = [directions.index(str(x)) + shift for x in series.x]
        colour, hatch = COLOURS[index % len(COLOURS)], HATCHES[index % len(HATCHES)]
        axes.bar(places, series.y, bar * 0.94, color=colour, hatch=hatch, edgecolor="white", linewidth=0,
                 label=series.name)  # fmt: skip
        for place, direction, score in zip(places, series.x, series.y, strict=True):
            interval = reach.get((method, str(direction)))
            if interval is not None:
                ends = [[max(0.0, score - interval.low)], [max(0.0, interval.high - score)]]
                axes.errorbar(place, score, yerr=ends, color=INK, linewidth=0.7, capsize=1.2)
    axes.set_xticks(range(len(directions)), directions)
    axes.set_xlim(-0.6, len(directions) - 0.4)
    axes.grid(axis="y")
    axes.set_ylabel(metric)
    axes.set_title(chart.title)
    draw_key(figure, axes.get_legend_handles_labels()[0])
    return figure
