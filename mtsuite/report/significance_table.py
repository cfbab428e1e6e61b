"""From significance.csv to a table a metric: difference from the baseline and its corrected p-value."""

from __future__ import annotations

from mtsuite.report.main_table import BETTER_SYMBOL, WORSE_SYMBOL, change_text
from mtsuite.report.results import Comparison, Results
from mtsuite.report.table import Cell, Column, Row, Table, note
from mtsuite.report.text import listed, slug


def significance_tables(results: Results) -> list[tuple[str, Table]]:
    """(metric, table) for each metric that was tested, in the report's order."""
    found = {metric: [c for c in results.comparisons if c.metric == metric] for metric in results.metrics}
    return [(metric, _table(results, metric, tests)) for metric, tests in found.items() if tests]


def _table(results: Results, metric: str, tests: list[Comparison]) -> Table:
    cells = {(c.method, c.direction): _cell(results, c) for c in tests}
    tested = {c.direction for c in tests}
    directions = [d for d in results.directions if d in tested]
    directions += [d for d in dict.fromkeys(c.direction for c in tests) if d not in directions]
    rows = [
        Row(method, results.label(method), tuple(cells.get((method, d), Cell.empty()) for d in directions))
        for method in results.methods
        if any(c.method == method for c in tests)
    ]
    baselines = [results.label(b) for b in dict.fromkeys(c.baseline for c in tests)]
    kinds = listed(list(dict.fromkeys(c.test for c in tests)))
    notes = (
        note(f"Difference from {listed(baselines)} in {metric} points, with its p-value after correction ({kinds})."),
        note(f"{BETTER_SYMBOL} better, {WORSE_SYMBOL} worse with p < {results.alpha:g}."),
    )
    title = f"{results.title}: {metric}, difference from {listed(baselines)}"
    return Table(f"significance-{slug(metric)}", title, tuple(Column(d, d) for d in directions), tuple(rows), notes)


def _cell(results: Results, c: Comparison) -> Cell:
    symbol = ""
    if c.p_value < results.alpha and c.delta != 0:
        symbol = BETTER_SYMBOL if (c.delta < 0) == results.lower_is_better(c.metric) else WORSE_SYMBOL
    return Cell(f"{change_text(c.delta)} ({p_text(c.p_value)})", c.delta, symbol=symbol)


def p_text(p: float) -> str:
    """``p 0.012``; below a thousandth ``p <0.001``."""
    return "p <0.001" if p < 0.001 else f"p {p:.3f}"
