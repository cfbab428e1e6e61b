"""From a results folder to its report: tables, matrices, figures and report.html.

Everything is made in memory and then written; files of an earlier build that this one has no
successor for are removed, those of the user stay.  Equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtsuite.report import failures, figures, forgetting, interference
from mtsuite.report.chart_figures import chart_csv
from mtsuite.report.costs_table import costs_table
from mtsuite.report.csv_table import render_csv
from mtsuite.report.drawings import Drawing, drawings, of_chart
from mtsuite.report.heatmap import heat_map
from mtsuite.report.html import Chart, Parts, report_page, table_page
from mtsuite.report.latex import render_latex
from mtsuite.report.main_table import panels, score_table
from mtsuite.report.markdown import render_markdown
from mtsuite.report.matrix import Matrix
from mtsuite.report.matrix_files import matrix_csv, matrix_markdown
from mtsuite.report.results import Results, read_results
from mtsuite.report.significance_table import significance_tables
from mtsuite.report.table import Table
from mtsuite.report.terminal import render_terminal
from mtsuite.report.text import slug
from mtsuite.report.topic import Topic
from mtsuite.report.transfer import transfer
from mtsuite.results.files import ARCHIVE
from mtsuite.results.pack import archive, packed_tables
from mtsuite.results.writing import is_report, write_files

if TYPE_CHECKING:
    from rich.console import Console

PAGE = "report.html"
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
    for view in transferred.views:
        files |= {f"matrices/{view.name}.csv": matrix_csv(view).encode()}
        files |= {f"matrices/{view.name}.md": matrix_markdown(view).encode()}
    own = drawings(data)
    by_topic = [(topic, [of_chart(chart, chart.name, chart.title) for chart in topic.charts]) for topic in topics]
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
