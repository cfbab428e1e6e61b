"""Any two methods against each other: method by method, on the average over directions.

Made when ``significance.csv`` holds comparisons of other pairs than with the baseline (``significance.pairs`` in a
recipe).  The family of the correction is the table: Holm's over its pairs.
"""

from __future__ import annotations

from dataclasses import replace

from mtsuite.metrics.significance import holm
from mtsuite.report.render.table import Cell, Column, Row, Table, note
from mtsuite.report.render.text import slug
from mtsuite.report.tables.notes import signature_notes
from mtsuite.report.tables.query import Panel, change_text, panel_tests
from mtsuite.report.tables.verdict import p_text, symbol_of, symbols_mean
from mtsuite.results.folder import AVERAGE, Comparison, Results


def pairs_table(results: Results, metric: str, panel: Panel) -> Table | None:
    """Row less column in points, with p corrected over the table's pairs; None without pairs beside the baseline's.

    With a single direction it is that direction's difference that stands there.
    """
    tests = panel_tests(results.comparisons, metric, panel)
    if all(c in results.against_baseline for c in tests):
        return None
    only = panel.columns[0][0] if len(panel.columns) == 1 else AVERAGE
    pairs = {(c.method, c.baseline): c for c in tests if c.direction == only}
    if not pairs:
        return None
    corrected = holm({pair: c.p_value if c.p_segments is None else c.p_segments for pair, c in pairs.items()})
    cells: dict[tuple[str, str], Cell] = {}
    for (row, column), c in pairs.items():
        final = replace(c, p_value=max(corrected[row, column], c.p_seeds or 0.0))
        cells[row, column] = _cell(results, final)
        cells[column, row] = _cell(results, replace(final, delta=-c.delta))
    named = [method for method in results.methods if any(method in pair for pair in pairs)]
    rows = [
        Row(one, results.label(one), tuple(cells.get((one, other), Cell.empty()) for other in named)) for one in named
    ]
    first = next(iter(pairs.values()))
    over = "over the average" if only == AVERAGE else f"on {only}"
    notes = [
        note(
            f"Row less column in {metric} points, {over}, with its p-value ({first.test.partition(', Holm')[0]}; n = "
            f"{first.n}; Holm over the table's {len(pairs)} pairs)."
        ),
        note(f"{symbols_mean('the row is better', 'worse than the column')} with p < {results.alpha:g}."),
    ]
    if any(c.p_seeds is not None for c in pairs.values()):
        notes.insert(1, note("p is at least that of Welch's t-test over training seeds, where trainings vary."))
    notes += map(note, signature_notes(results, metric, panel))
    title = f"{results.title}: {metric}, any two methods" + (f" ({panel.suffix})" if panel.suffix else "")
    name = f"pairs-{slug(metric)}" + (f"-{panel.suffix}" if panel.suffix else "")
    columns = tuple(Column(method, results.label(method)) for method in named)
    return Table(name, title, columns, tuple(rows), tuple(notes))


def _cell(results: Results, c: Comparison) -> Cell:
    return Cell(f"{change_text(c.delta)} ({p_text(c.p_value)})", c.delta, symbol=symbol_of(results, c))
