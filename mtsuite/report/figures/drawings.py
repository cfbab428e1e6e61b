"""Which figures a report has, and what each is drawn from; nothing is drawn before it is asked for."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mtsuite.chart import Chart, Series
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.against_cost import COST_AXES, quality_against_cost
from mtsuite.report.figures.charts import draw
from mtsuite.report.figures.direction_bars import direction_chart, draw_directions
from mtsuite.report.render.text import slug
from mtsuite.report.tables.intervals import average_intervals
from mtsuite.report.tables.query import average_by_seed, mean_costs
from mtsuite.results.folder import FLOOR_ROWS, TABLE, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure: its file's name, what it says to someone who cannot see it, and how it is drawn.

    ``method`` is the label of the row that it is of, ``data`` what it is drawn from where that is a chart.
    """

    name: str
    alt: str
    draw: Callable[[], Figure]
    caption: str = ""
    method: str = ""
    data: Chart | None = None


def of_chart(chart: Chart, name: str, title: str, method: str = "") -> Drawing:
    """A chart as a figure."""
    return Drawing(name, title, partial(draw, chart, title), chart.about, method, chart)


def points(results: Results, metric: str) -> list[figures.Point]:
    """A point for each method whose row is complete; the floor row is left out."""
    trained = set(results.info.get("trained_methods") or results.methods)
    intervals = average_intervals(results, metric)
    found = []
    for method in results.methods:
        averages = average_by_seed(results, metric, method)
        if averages and method not in FLOOR_ROWS:
            spread = len(averages) > 1 and (method in trained or len(set(averages)) > 1)
            sd = statistics.stdev(averages) if spread else None
            costs = mean_costs(results, method) if method in trained else {}
            between = (intervals[method].low, intervals[method].high) if method in intervals else None
            mean = statistics.fmean(averages)
            params = costs.get("trainable_params")
            found.append(
                figures.Point(method, results.label(method), mean, sd, params, method in trained, between, costs)
            )
    return found


def drawings(results: Results) -> list[Drawing]:
    """The figures of the headline metric, of sweeps, and what the methods themselves wanted drawn."""
    metric = results.metrics[0]
    found = points(results, metric)
    made = []
    if found:
        said = "; ".join(f"{p.label} {p.score:.2f}" for p in found)
        bars = partial(figures.average_bars, found, metric, said=_error_bars(results, metric, found))
        made.append(Drawing(f"average-{slug(metric)}", f"Average {metric}: {said}", bars))
    directions = direction_chart(results, metric)
    if directions is not None:
        bars = partial(draw_directions, results, metric, directions)
        made.append(Drawing(directions.name, directions.title, bars, directions.about, data=directions))
    for cost in COST_AXES:
        if any(p.costs.get(cost.key) for p in found):
            said = f"Average {metric} of each method over its {cost.label.lower()}"
            over = partial(quality_against_cost, found, metric, cost)
            made.append(Drawing(f"{cost.name}-{slug(metric)}", said, over))
    curves = results.info.get("learning_curves") or {}
    lines = {results.label(m): [(float(x), float(y)) for x, y in curves[m]] for m in curves if curves[m]}
    if lines:
        held_out = results.info.get("validation_curves") or {}
        measured = {results.label(m): [(float(x), float(y)) for x, y in held_out[m]["points"]] for m in held_out}
        length = _epochs(results)
        said = "Training loss over steps, a line per method"
        said += "; open circles: loss on validation text, the mean of directions" if measured else ""
        said += f"; {length}" if length else ""
        made.append(Drawing("learning-curves", said, partial(figures.learning_curves, lines, measured, length)))
    made += [of_chart(sweep, sweep.name, sweep.title) for sweep in sweeps(results)]
    for method, chart in results.charts:
        label = results.label(method)
        made.append(of_chart(chart, f"{slug(method)}-{chart.name}", f"{label}: {chart.title}", label))
    return made


def _epochs(results: Results) -> str:
    """How many passes over the training pairs the steps are, where it is the same for all rows."""
    found = {(one["steps"], one["epochs"]) for one in (results.info.get("epochs") or {}).values()}
    if len(found) != 1:
        return ""
    steps, epochs = found.pop()
    return f"{steps:,} steps are {epochs:.2g} epochs"


def _error_bars(results: Results, metric: str, found: list[figures.Point]) -> str:
    """What the error bars of these points are; nothing when there are none."""
    kinds = {p.interval is not None for p in found if p.reach is not None}
    sd = "± sd over seeds"
    if True not in kinds:
        return sd if kinds else ""
    level = next(iter(average_intervals(results, metric).values())).level
    interval = f"{100 * level:g} % interval over segments"
    return f"{interval}, or {sd}" if False in kinds else interval


def sweeps(results: Results) -> list[Chart]:
    """For every sweep the headline metric over its values: the average, and each direction."""
    metric = results.metrics[0]
    found = []
    for sweep in results.info.get("sweeps") or []:
        points = [(value, row) for value, row in sweep["points"] if average_by_seed(results, metric, row)]
        if not points:
            continue
        by_direction = {d: {row: v for row in results.methods for v in [_direction(results, metric, row, d)]} for d in
                        results.directions}  # fmt: skip
        values = tuple(value for value, _ in points)
        lines = [
            Series("average", values, tuple(statistics.fmean(average_by_seed(results, metric, r)) for _, r in points))
        ]
        for direction, scores in by_direction.items():
            row_scores = [scores[row] for _, row in points]
            if all(v is not None for v in row_scores):
                lines.append(Series(direction, values, tuple(v for v in row_scores if v is not None)))
        key = str(sweep["key"]).rpartition(".")[2]
        found.append(
            Chart(
                f"sweep-{slug(str(sweep['row']))}-{slug(key)}",
                f"{sweep['label']}: {metric} over {key}",
                "lines",
                key,
                metric,
                tuple(lines),
                "Mean over seeds; one line a direction and their average.",
            )
        )
    return found


def _direction(results: Results, metric: str, method: str, direction: str) -> float | None:
    scores = [
        s.score
        for s in results.scores
        if (s.metric, s.method, s.direction) == (metric, method, direction) and s.trained_on in TABLE
    ]
    return statistics.fmean(scores) if scores else None
