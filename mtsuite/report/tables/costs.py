"""From costs.csv to the table of costs: what each method trains, takes and gives per second."""

from __future__ import annotations

from collections.abc import Callable

from mtsuite.report.render.table import Cell, Column, Row, Table, note
from mtsuite.report.render.text import count, rate
from mtsuite.report.tables.notes import common_notes
from mtsuite.results.folder import FLOOR_ROWS, Results
from mtsuite.units import MEGABYTE, duration, size_text


def _memory(value: float) -> str:
    return size_text(value * MEGABYTE)


_COLUMNS: tuple[tuple[Column, Callable[[float], str]], ...] = (
    (Column("trainable_params", "Trained", "Parameters"), count),
    (Column("trained_percent", "of total", "Parameters"), lambda v: f"{v:.3g} %"),
    (Column("total_params", "Total", "Parameters"), count),
    (Column("active_params_per_token", "Active a token", "Parameters"), count),
    (Column("train_seconds", "Time", "Training"), duration),
    (Column("train_tokens_per_second", "Tokens/s", "Training"), rate),
    (Column("peak_memory_mb", "Peak memory", "Training"), _memory),
    (Column("translate_segments_per_second", "Segments/s", "Translation"), rate),
)


def costs_table(results: Results) -> Table:
    """One row a method, means over seeds; nothing is bold: cheap is not good in itself."""
    rows = []
    for method in results.methods:
        if method in FLOOR_ROWS or method in results.external:
            continue
        found = [dict(c.numbers) for c in results.costs if c.method == method]
        for numbers in found:
            if "trainable_params" in numbers and numbers.get("total_params"):
                numbers["trained_percent"] = 100 * numbers["trainable_params"] / numbers["total_params"]
        cells = []
        for column, shown in _COLUMNS:
            values = [numbers[column.key] for numbers in found if column.key in numbers]
            cells.append(Cell.of(values).with_text(shown) if values else Cell.empty())
        rows.append(Row(method, results.label(method), tuple(cells)))
    notes = [note("Times and rates are of the machine in environment.json and compare only within this table.")]
    if any(cell.sd is not None for row in rows for cell in row.cells):
        notes.append(note("Means over seeds; their standard deviations are in tables/costs.csv."))
    columns = tuple(column for column, _ in _COLUMNS)
    return Table(
        "costs",
        f"{results.title}: Costs in parameters, time and memory",
        columns,
        tuple(rows),
        (*notes, *common_notes(results)),
    )
