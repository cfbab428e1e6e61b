"""From scores.csv to the table of a metric: methods down, directions across, their average last."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence

from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import HOLE, count, listed, slug
from mtsuite.report.tables.failures import average_column
from mtsuite.report.tables.notes import common_notes, signature_notes
from mtsuite.report.tables.query import (
    DECIMALS,
    Panel,
    by_cell,
    depends_on_seed,
    panel_scores,
    panel_tests,
    panels,
    trained_params,
)
from mtsuite.report.tables.verdict import significance_notes, symbol_of
from mtsuite.results.folder import AVERAGE, FLOOR_ROWS, Comparison, Results


def score_tables(results: Results) -> list[Table]:
    """Every metric's tables, in the report's order of metrics."""
    return [score_table(results, metric, panel) for metric in results.metrics for panel in panels(results, metric)]


def score_table(results: Results, metric: str, panel: Panel) -> Table:
    """One table: trained parameters, a column a direction under its test set's name, average.

    A cell is the mean over seeds, with the sample standard deviation when there are several.  The
    average is over directions, and only of complete rows: a row with a hole has a hole there too.
    Its standard deviation is that of the seeds' averages.
    """
    cells = by_cell(results.scores, metric)
    tests = panel_tests(results.against_baseline, metric, panel)
    symbols = {(c.method, c.direction): symbol_of(results, c) for c in tests}
    better: Better = "lower" if results.lower_is_better(metric) else "higher"
    testsets = panel.testsets
    columns = [Column("params", "Params")]
    signed = {(s.direction, s.testset): s.signature for s in panel_scores(results, metric, panel)}
    columns += [Column(d, d, testset, better, signature=signed.get((d, testset), "")) for d, testset in panel.columns]
    columns.append(Column(AVERAGE, "Avg.", "", better))
    beside = [average_column(results, name, panel.columns) for name in results.info.get("columns") or []]
    columns += [column for column, _, _ in beside]
    rows: list[Row] = []
    for method in results.methods:
        per_direction = [cells[method, d, testset] for d, testset in panel.columns]
        if not depends_on_seed(results, method, per_direction):
            per_direction = [dict(list(seeds.items())[:1]) for seeds in per_direction]
        found = [Cell.of(list(seeds.values()), DECIMALS, symbols.get((method, d), "")) if seeds else Cell.hole()
                 for seeds, (d, _) in zip(per_direction, panel.columns, strict=True)]  # fmt: skip
        average = _average(per_direction, symbols.get((method, AVERAGE), ""))
        unranked = method in FLOOR_ROWS or method in results.external
        rule = method in FLOOR_ROWS or (method in results.external and not any(r.key in results.external for r in rows))
        row = (_params(results, method), *found, average, *(cell(method) for _, cell, _ in beside))
        rows.append(Row(method, results.label(method), row, ranked=not unranked, rule_above=rule))
    title = f"{results.title}: {metric}" + (f" ({listed(testsets)})" if any(testsets) else "")
    name = slug(metric) + (f"-{panel.suffix}" if panel.suffix else "")
    table = Table(name, title, tuple(columns), tuple(rows))
    of_columns = [text for _, _, notes in beside for text in notes]
    told = _notes(results, metric, panel, table, tests, of_columns)
    return Table(name, title, table.columns, table.rows, tuple(told))


def _average(per_direction: Sequence[dict[str, float]], symbol: str) -> Cell:
    if not per_direction or not all(per_direction):
        return Cell.hole()
    common = [seed for seed in per_direction[0] if all(seed in seeds for seeds in per_direction)]
    if all(len(seeds) == len(common) for seeds in per_direction):
        averages = [statistics.fmean(seeds[seed] for seeds in per_direction) for seed in common]
        return Cell.of(averages, DECIMALS, symbol)
    # Seeds are missing here and there: the mean of what the row shows, without a spread that would not belong to it.
    return Cell.of([statistics.fmean(statistics.fmean(seeds.values()) for seeds in per_direction)], DECIMALS, symbol)


def _params(results: Results, method: str) -> Cell:
    value = trained_params(results, method)
    return Cell.empty() if value is None else Cell(count(value), value)


def _notes(
    results: Results,
    metric: str,
    panel: Panel,
    table: Table,
    tests: Sequence[Comparison] = (),
    of_columns: Sequence[Note] = (),
) -> list[Note]:
    found = [note(_reading(results, metric, table))]
    found += [note(text) for text in signature_notes(results, metric, panel)]
    found += of_columns
    text = str(results.info.get("metric_notes", {}).get(metric) or "")
    if text:
        found.append(note(text))
    found += [note(text) for text in significance_notes(results, tests, table)]
    found += [note(text) for text in _hole_notes(results, table)]
    found += [note(text) for text in _seed_notes(results, metric, panel)]
    return found + common_notes(results)


def _reading(results: Results, metric: str, table: Table) -> str:
    sense = "lower is better" if results.lower_is_better(metric) else "higher is better"
    text = f"{metric}, {sense}; best in bold, second best underlined (by the numbers as displayed)."
    if any(cell.sd_text for row in table.rows for cell in row.cells):
        text += " Mean over seeds ± sample standard deviation."
    floors = [row.label for row in table.rows if row.key in FLOOR_ROWS]
    if floors:
        text += f" {listed(floors)}: a floor, not a method; never marked."
    outside = [row.label for row in table.rows if row.key in results.external]
    if outside:
        text += f" {listed(outside)}: made elsewhere, outside of the comparison's budget; tested as the others are, "
        text += "never bold or underlined."
    return text


def _hole_notes(results: Results, table: Table) -> list[str]:
    """Why each — is there: the failed jobs that it hangs on, or that there is no score."""
    reasons: dict[str, list[str]] = defaultdict(list)
    averages = []
    directions = {column.key for column in table.columns} & set(results.directions)
    for row in table.rows:
        pairs = zip(table.columns, row.cells, strict=True)
        holes = [column.label for column, cell in pairs if cell.is_hole and column.key in directions]
        if holes:
            averages.append(row.label)
        everywhere = len(holes) == len(directions)
        for direction in holes:
            where = row.label if everywhere else f"{row.label} {direction}"
            reasons[_reason(results, row.key, direction)].append(where)
    notes = [f"{HOLE} {listed(list(dict.fromkeys(cells)), 12)}: {reason}" for reason, cells in reasons.items()]
    if averages:
        notes.append(f"{HOLE} Avg. of {listed(averages)}: averages are given for complete rows only.")
    return notes


def _reason(results: Results, method: str, direction: str) -> str:
    """The failed job whose label names this method (as a word) and this direction or none."""
    for failure in results.info.get("failed") or []:
        words = re.split(r"[^A-Za-z0-9_.-]+", str(failure.get("job", "")))
        others = [d for d in results.directions if d in words]
        if method in words and (direction in others or not others):
            return f"the job {failure.get('job')!r} failed."
    if method in results.external:
        return "there is no file of its translations."
    return "no score was recorded (not run, left out, or an earlier job failed)."


def _seed_notes(results: Results, metric: str, panel: Panel) -> list[str]:
    """Cells that stand on fewer seeds than the most that their row has."""
    cells = by_cell(results.scores, metric)
    trained = [m for m in results.info.get("trained_methods") or [] if m in results.methods]
    wanted = max((len(cells[m, d, t]) for m in trained for d, t in panel.columns), default=0)
    short = [
        f"{results.label(m)} {d} ({len(cells[m, d, t])})"
        for m in trained
        for d, t in panel.columns
        if 0 < len(cells[m, d, t]) < wanted
    ]
    return [f"Fewer than {wanted} seeds: {listed(short, 12)}."] if short else []
