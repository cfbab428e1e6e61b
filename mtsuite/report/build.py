"""From a results folder to its report: tables, matrices, figures and report.html.

Everything is made in memory and then written; files of an earlier build that this one has no
successor for are removed.  Equal input gives equal bytes.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtsuite.chart import Chart as ChartData
from mtsuite.chart import Series
from mtsuite.errors import StoreError
from mtsuite.report import failures, figures, forgetting, interference
from mtsuite.report.chart_figures import chart_csv, draw
from mtsuite.report.costs_table import costs_table
from mtsuite.report.csv_table import render_csv
from mtsuite.report.direction_bars import direction_chart, draw_directions
from mtsuite.report.heatmap import heat_map
from mtsuite.report.html import Chart, Parts, report_page, table_page
from mtsuite.report.intervals import average_intervals
from mtsuite.report.latex import render_latex
from mtsuite.report.main_table import average_by_seed, mean_costs, panels, score_table
from mtsuite.report.markdown import render_markdown
from mtsuite.report.matrix import Matrix
from mtsuite.report.matrix_files import matrix_csv, matrix_markdown
from mtsuite.report.matrix_view import View
from mtsuite.report.results import FLOOR_ROWS, TABLE, Results, read_results
from mtsuite.report.significance_table import significance_tables
from mtsuite.report.table import Table
from mtsuite.report.terminal import render_terminal
from mtsuite.report.text import slug
from mtsuite.report.topic import Topic
from mtsuite.report.transfer import transfer

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

FOLDERS = ("tables", "matrices", "figures")
_ENDINGS = frozenset({".md", ".tex", ".csv", ".html", ".png", ".svg"})
TOPICS: tuple[Callable[[Results], Topic | None], ...] = (interference.topic, failures.topic, forgetting.topic)


@dataclass(frozen=True)
class Report:
    """What was built.  ``tables`` are the score tables in the report's order, ``headline`` the first metric's."""

    folder: Path
    headline: tuple[Table, ...]
    tables: tuple[Table, ...]
    costs: Table
    transfer: tuple[Table, ...]
    significance: tuple[Table, ...]
    matrices: tuple[Matrix, ...]
    topics: tuple[Topic, ...]
    files: tuple[Path, ...]

    @property
    def page(self) -> Path:
        return self.folder / "report.html"

    def print(self, console: Console, everything: bool = False) -> None:
        """The headline tables and the headline metric's transfer summary; with ``everything``, all tables."""
        beside = {f"transfer-{table.name}" for table in self.headline}
        shown = [*self.headline, *(table for table in self.transfer if table.name in beside)]
        if everything:
            of_topics = [table for topic in self.topics for table in topic.tables]
            shown = [*self.tables, *self.transfer, *of_topics, *self.significance, self.costs]
        for table in shown:
            console.print(render_terminal(table, console.width))
            console.print()


def build_report(results: Path) -> Report:
    """Read ``results/<recipe>/`` and write tables/, matrices/, figures/ and report.html into it.

    Raises StoreError when the folder is not a results folder of this version, or cannot be written.
    """
    data = read_results(results)
    scores = [[score_table(data, metric, panel) for panel in panels(data, metric)] for metric in data.metrics]
    transferred = transfer(data)
    significance = significance_tables(data)
    costs = costs_table(data)
    flat = [table for tables in scores for table in tables]
    topics = [topic for make in TOPICS if (topic := make(data)) is not None]

    files: dict[str, bytes] = {}
    of_topics = [table for topic in topics for table in topic.tables]
    for table in [*flat, costs, *(t for _, t in transferred.tables), *(t for _, t in significance), *of_topics]:
        files |= _table_files(table)
    with figures.style():
        for view in transferred.views:
            files |= _matrix_files(view)
        charts = _charts(data, files)
        drawn = [(topic, [_drawn(c, c.name, c.title, files) for c in topic.charts]) for topic in topics]
    parts = Parts(scores, costs, transferred.tables, transferred.views, significance, charts, drawn)
    files["report.html"] = report_page(data, parts).encode()
    return Report(
        folder=results,
        headline=tuple(scores[0]),
        tables=tuple(flat),
        costs=costs,
        transfer=tuple(table for _, table in transferred.tables),
        significance=tuple(table for _, table in significance),
        matrices=transferred.matrices,
        topics=tuple(topics),
        files=_write(results, files),
    )


def print_report(results: Path, console: Console) -> None:
    """Print the headline tables of a results folder that is already built; nothing is written."""
    data = read_results(results)
    shown = [score_table(data, data.metrics[0], panel) for panel in panels(data, data.metrics[0])]
    beside = {f"transfer-{table.name}" for table in shown}
    shown += [table for _, table in transfer(data, data.metrics[:1]).tables if table.name in beside]
    for table in shown:
        console.print(render_terminal(table, console.width))
        console.print()


def _table_files(table: Table) -> dict[str, bytes]:
    texts = {
        "md": render_markdown(table),
        "tex": render_latex(table),
        "csv": render_csv(table),
        "html": table_page(table),
    }
    return {f"tables/{table.name}.{ending}": text.encode() for ending, text in texts.items()}


def _matrix_files(view: View) -> dict[str, bytes]:
    path = f"matrices/{view.name}"
    files = {f"{path}.csv": matrix_csv(view).encode(), f"{path}.md": matrix_markdown(view).encode()}
    return files | {f"{path}.{ending}": content for ending, content in figures.rendered(heat_map(view)).items()}


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


def _charts(results: Results, files: dict[str, bytes]) -> list[Chart]:
    """The figures of the headline metric; each goes into ``files`` as PNG and SVG."""
    metric = results.metrics[0]
    found = points(results, metric)
    charts = []
    if found:
        said = "; ".join(f"{p.label} {p.score:.2f}" for p in found)
        bars = figures.average_bars(found, metric, said=_error_bars(results, metric, found))
        charts.append((f"average-{slug(metric)}", f"Average {metric}: {said}", bars, ""))
    directions = direction_chart(results, metric)
    if directions is not None:
        files[f"figures/{directions.name}.csv"] = chart_csv(directions)
        drawn = draw_directions(results, metric, directions)
        charts.append((directions.name, directions.title, drawn, directions.about))
    for cost in figures.COST_AXES:
        if any(p.costs.get(cost.key) for p in found):
            said = f"Average {metric} of each method over its {cost.label.lower()}"
            charts.append((f"{cost.name}-{slug(metric)}", said, figures.quality_against_cost(found, metric, cost), ""))
    curves = results.info.get("learning_curves") or {}
    lines = {results.label(m): [(float(x), float(y)) for x, y in curves[m]] for m in curves if curves[m]}
    if lines:
        said = "Training loss over updates, a line a method"
        charts.append(("learning-curves", said, figures.learning_curves(lines), ""))
    made = [_chart(name, alt, figure, files, caption) for name, alt, figure, caption in charts]
    for sweep in sweeps(results):
        made.append(_drawn(sweep, sweep.name, sweep.title, files))
    for method, chart in results.charts:
        label = results.label(method)
        shown = _drawn(chart, f"{slug(method)}-{chart.name}", f"{label}: {chart.title}", files)
        made.append(replace(shown, method=label))
    return made


def _error_bars(results: Results, metric: str, found: list[figures.Point]) -> str:
    """What the error bars of these points are; nothing when there are none."""
    kinds = {p.interval is not None for p in found if p.reach is not None}
    sd = "± sd over seeds"
    if True not in kinds:
        return sd if kinds else ""
    level = next(iter(average_intervals(results, metric).values())).level
    interval = f"{100 * level:g} % interval over segments"
    return f"{interval}, or {sd}" if False in kinds else interval


def _chart(name: str, alt: str, figure: Figure, files: dict[str, bytes], caption: str = "") -> Chart:
    images = figures.rendered(figure)
    files |= {f"figures/{name}.{ending}": content for ending, content in images.items()}
    return Chart(name, alt, images["svg"], caption, wide=figure.get_figwidth() > 1.5 * figures.WIDTH)


def _drawn(chart: ChartData, name: str, title: str, files: dict[str, bytes]) -> Chart:
    files[f"figures/{name}.csv"] = chart_csv(chart)
    return _chart(name, title, draw(chart, title), files, chart.about)


def sweeps(results: Results) -> list[ChartData]:
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
            ChartData(
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


def _write(folder: Path, files: dict[str, bytes]) -> tuple[Path, ...]:
    """Write all files, each whole or not at all, and remove what an earlier build left in the three folders."""
    try:
        for name in FOLDERS:
            for old in (folder / name).glob("*"):
                if old.is_file() and old.suffix in _ENDINGS and f"{name}/{old.name}" not in files:
                    old.unlink()
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            draft.write_bytes(content)
            os.replace(draft, path)
    except OSError as error:
        raise StoreError(f"The report cannot be written into {folder}: {error}") from None
    return tuple(folder / name for name in files)
