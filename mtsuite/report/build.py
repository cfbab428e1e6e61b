"""From a results folder to its report: tables, matrices, figures and report.html.

Everything is made in memory and then written; files of an earlier build that this one has no
successor for are removed, those of the user stay.  Equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mtsuite.names import Names
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.charts import chart_csv
from mtsuite.report.figures.drawings import Drawing, drawings, of_chart
from mtsuite.report.figures.heatmap import heat_map
from mtsuite.report.page.report_page import Chart, Parts, report_page, table_page
from mtsuite.report.render.csv_table import render_csv
from mtsuite.report.render.latex import render_latex
from mtsuite.report.render.markdown import render_markdown
from mtsuite.report.render.table import Table
from mtsuite.report.render.terminal import render_terminal
from mtsuite.report.render.text import slug
from mtsuite.report.tables import failures, forgetting, interference
from mtsuite.report.tables.costs import costs_table
from mtsuite.report.tables.matrix import Matrix
from mtsuite.report.tables.matrix_files import matrix_csv, matrix_markdown
from mtsuite.report.tables.matrix_view import View
from mtsuite.report.tables.query import panels
from mtsuite.report.tables.scores import score_table
from mtsuite.report.tables.significance import significance_tables
from mtsuite.report.tables.topic import Topic
from mtsuite.report.tables.transfer import transfer
from mtsuite.results.files import ARCHIVE
from mtsuite.results.folder import Results, read_results
from mtsuite.results.pack import archive, packed_tables
from mtsuite.results.writing import is_report, write_files

if TYPE_CHECKING:
    from rich.console import Console

PAGE = "report.html"
Named = TypeVar("Named", Table, View, Drawing)
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
        return self.folder / PAGE

    def print(self, console: Console, everything: bool = False) -> None:
        """The headline tables and the headline metric's transfer summary; with ``everything``, all tables."""
        beside = _beside(self.headline)
        shown = [*self.headline, *(table for table in self.transfer if table.name in beside)]
        if everything:
            of_topics = [table for topic in self.topics for table in topic.tables]
            shown = [*self.tables, *self.transfer, *of_topics, *self.significance, self.costs]
        for table in shown:
            console.print(render_terminal(table, console.width))
            console.print()


def build_report(results: Path, *, page: bool = True) -> Report:
    """Read ``results/<recipe>/`` and write tables/, matrices/, figures/ and report.html into it.

    Without ``page`` nothing is drawn: no report.html and no pictures, but the numbers in them.

    Raises StoreError when the folder is not a results folder of this version, or cannot be written.
    """
    data = read_results(results)
    of_tables, of_matrices, of_figures = Names(), Names(), Names()
    scores = [
        _named([score_table(data, metric, panel) for panel in panels(data, metric)], of_tables)
        for metric in data.metrics
    ]
    flat = [table for tables in scores for table in tables]
    (costs,) = _named([costs_table(data)], of_tables)
    found = transfer(data)
    transferred = replace(
        found, views=tuple(_named(found.views, of_matrices)), tables=tuple(_by_metric(found.tables, of_tables))
    )
    significance = _by_metric(significance_tables(data), of_tables)
    topics = [
        replace(topic, tables=tuple(_named(topic.tables, of_tables)))
        for make in TOPICS
        if (topic := make(data)) is not None
    ]

    files: dict[str, bytes] = {}
    of_topics = [table for topic in topics for table in topic.tables]
    for table in [*flat, costs, *(t for _, t in transferred.tables), *(t for _, t in significance), *of_topics]:
        files |= _table_files(table)
    for view in transferred.views:
        files |= {f"matrices/{view.name}.csv": matrix_csv(view).encode()}
        files |= {f"matrices/{view.name}.md": matrix_markdown(view).encode()}
    own = _named(drawings(data), of_figures)
    by_topic = [
        (topic, _named([of_chart(chart, chart.name, chart.title) for chart in topic.charts], of_figures))
        for topic in topics
    ]
    for drawing in [*own, *(drawing for _, several in by_topic for drawing in several)]:
        if drawing.data is not None:
            files[f"figures/{drawing.name}.csv"] = chart_csv(drawing.data)
    if page:
        with figures.style():
            for view in transferred.views:
                images = figures.rendered(heat_map(view))
                files |= {f"matrices/{view.name}.{ending}": image for ending, image in images.items()}
            charts = [_image(drawing, files) for drawing in own]
            drawn = [(topic, [_image(drawing, files) for drawing in several]) for topic, several in by_topic]
        parts = Parts(scores, costs, transferred.tables, transferred.views, significance, charts, drawn)
        files[PAGE] = report_page(data, parts).encode()
    write_files(results, files, is_report)
    return Report(
        folder=results,
        headline=tuple(scores[0]),
        tables=tuple(flat),
        costs=costs,
        transfer=tuple(table for _, table in transferred.tables),
        significance=tuple(table for _, table in significance),
        matrices=transferred.matrices,
        topics=tuple(topics),
        files=tuple(results / name for name in files),
    )


def pack_report(results: Path) -> Report:
    """Rebuild the tables and bring the folder into its packed form: records and Markdown tables, one archive.

    What is left out, ``build_report`` makes again from the archive.  Raises StoreError as ``build_report`` does.
    """
    report = build_report(results, page=False)
    content, archived = archive(results)
    made = {path.relative_to(results).as_posix() for path in report.files}
    loose = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    others = len({*loose - made - set(archived), ARCHIVE})
    metrics = [slug(metric) for metric in read_results(results).metrics]
    gone = {*archived, *(made - packed_tables(made, metrics, others))}
    write_files(results, {ARCHIVE: content}, lambda name: name in gone)
    return report


def print_report(results: Path, console: Console) -> None:
    """Print the headline tables of a results folder that is already built; nothing is written."""
    data = read_results(results)
    shown = [score_table(data, data.metrics[0], panel) for panel in panels(data, data.metrics[0])]
    beside = _beside(shown)
    shown += [table for _, table in transfer(data, data.metrics[:1]).tables if table.name in beside]
    for table in shown:
        console.print(render_terminal(table, console.width))
        console.print()


def _beside(headline: Sequence[Table]) -> set[str]:
    """Names of the transfer summaries that belong to these tables: against the methods' starts, against the base."""
    return {f"{kind}-{table.name}" for table in headline for kind in ("transfer", "transfer-from-base")}


def _named(items: Sequence[Named], names: Names) -> list[Named]:
    """The same under names that none of their folder's files have yet."""
    return [replace(item, name=names.free(item.name)) for item in items]


def _by_metric(tables: Sequence[tuple[str, Table]], names: Names) -> list[tuple[str, Table]]:
    return list(zip([metric for metric, _ in tables], _named([table for _, table in tables], names), strict=True))


def _table_files(table: Table) -> dict[str, bytes]:
    texts = {
        "md": render_markdown(table),
        "tex": render_latex(table),
        "csv": render_csv(table),
        "html": table_page(table),
    }
    return {f"tables/{table.name}.{ending}": text.encode() for ending, text in texts.items()}


def _image(drawing: Drawing, files: dict[str, bytes]) -> Chart:
    """Draw a figure; it goes into ``files`` as PNG and SVG."""
    figure = drawing.draw()
    images = figures.rendered(figure)
    files |= {f"figures/{drawing.name}.{ending}": content for ending, content in images.items()}
    wide = figure.get_figwidth() > 1.5 * figures.WIDTH
    return Chart(drawing.name, drawing.alt, images["svg"], drawing.caption, drawing.method, wide)
