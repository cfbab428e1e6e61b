"""From significance.csv to a table a metric: difference from the baseline and its corrected p-value."""

from __future__ import annotations

from collections.abc import Sequence

from mtsuite.report.render.table import Cell, Column, Row, Table, note
from mtsuite.report.render.text import listed, slug
from mtsuite.report.tables.notes import signature_notes
from mtsuite.report.tables.pairs import pairs_table
from mtsuite.report.tables.query import Panel, change_text, panel_tests, panels
from mtsuite.report.tables.verdict import how_tested, p_text, symbol_of, symbols_mean
from mtsuite.results.folder import AVERAGE, Comparison, Results


def significance_tables(results: Results) -> list[tuple[str, Table]]:
    """(metric, table) for each metric that was tested, in the report's order: against the baseline, then all pairs."""
    found = []
    for metric in results.metrics:
        for panel in panels(results, metric):
            tests = panel_tests(results.against_baseline, metric, panel)
            if tests:
                found.append((metric, _table(results, metric, panel, tests)))
            pairs = pairs_table(results, metric, panel)
            if pairs is not None:
                found.append((metric, pairs))
    return found


def _table(results: Results, metric: str, panel: Panel, tests: Sequence[Comparison]) -> Table:
    cells = {(c.method, c.direction): _cell(results, c) for c in tests}
    tested = {c.direction for c in tests}
    directions = [d for d in results.directions if d in tested]
    columns = [Column(d, d) for d in directions] + [Column(AVERAGE, "Avg.")] * (AVERAGE in tested)
    rows = [
        Row(method, results.label(method), tuple(cells.get((method, c.key), Cell.empty()) for c in columns))
        for method in results.methods
        if any(c.method == method for c in tests)
    ]
    baselines = listed([results.label(b) for b in dict.fromkeys(c.baseline for c in tests)])
    notes = (
        note(f"Difference from {baselines} in {metric} points, with its p-value ({how_tested(results, tests)})."),
        note(f"{symbols_mean('better', 'worse')} with p < {results.alpha:g}."),
        *map(note, signature_notes(results, metric, panel)),
    )
    title = f"{results.title}: {metric}, difference from {baselines}" + (f" ({panel.suffix})" if panel.suffix else "")
    name = f"significance-{slug(metric)}" + (f"-{panel.suffix}" if panel.suffix else "")
    return Table(name, title, tuple(columns), tuple(rows), notes)


def _cell(results: Results, c: Comparison) -> Cell:
    return Cell(f"{change_text(c.delta)} ({p_text(c.p_value)})", c.delta, symbol=symbol_of(results, c))
