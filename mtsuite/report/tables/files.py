"""What ``mtsuite score`` prints: systems down, metrics across, with intervals and differences from the baseline."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from mtsuite.metrics.files import Scored, ScoredFiles
from mtsuite.metrics.significance import Comparison
from mtsuite.report.render.formats import tables_as
from mtsuite.report.render.spreadsheet import safe_fields
from mtsuite.report.render.table import Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import fixed, listed, slug
from mtsuite.report.tables.files_failures import failure_entries, failure_fields, failures_table
from mtsuite.report.tables.query import DECIMALS, change_text
from mtsuite.report.tables.verdict import p_text, symbol, symbols_mean

COLUMNS = ("system", "metric", "score", "low", "high", "level", "delta", "p_value", "baseline", "test", "n",
           "signature")  # fmt: skip


def files_table(found: ScoredFiles) -> Table:
    """A row a system; under each metric its score, the interval, and the difference from the baseline with its p."""
    columns = []
    metrics = [result.metric for result in found.systems[0].results]
    for metric, result in zip(metrics, found.systems[0].results, strict=True):
        better = "lower" if metric in found.lower_is_better else "higher"
        columns.append(Column(metric, "score", metric, better, signature=result.signature))  # type: ignore[arg-type]
        columns.append(Column(f"{metric}_interval", f"{found.level:.0%} interval", metric))
        if found.baseline is not None:
            columns.append(Column(f"{metric}_difference", "difference", metric))
    rows = [Row(system.name, system.name, tuple(_cells(found, system))) for system in found.systems]
    references = listed([file.path.name for file in found.references])
    title = f"{found.direction} against {references}"
    return Table(
        slug(title),
        title,
        tuple(columns),
        tuple(rows),
        tuple(_notes(found)),
        row_heading="System",
        key_heading="system",
    )


def _cells(found: ScoredFiles, system: Scored) -> list[Cell]:
    cells = []
    for result in system.results:
        comparison = system.comparisons.get(result.metric)
        cells.append(
            Cell(fixed(result.score, DECIMALS), result.score, symbol=_symbol(found, result.metric, comparison))
        )
        if result.metric in system.intervals:
            low, high = system.intervals[result.metric]
            cells.append(Cell(f"{fixed(low, DECIMALS)}–{fixed(high, DECIMALS)}"))
        else:
            cells.append(Cell.empty())
        if found.baseline is not None:
            cells.append(
                Cell.empty()
                if comparison is None
                else Cell(f"{change_text(comparison.delta)} ({p_text(comparison.p_value)})", comparison.delta)
            )
    return cells


def _symbol(found: ScoredFiles, metric: str, comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    lower = metric in found.lower_is_better
    return symbol(comparison.delta, comparison.p_value, found.test.alpha, lower_is_better=lower)


def _notes(found: ScoredFiles) -> list[Note]:
    first = found.systems[0]
    senses = [f"{result.metric} {'lower' if result.metric in found.lower_is_better else 'higher'} is better"
              for result in first.results]  # fmt: skip
    notes = [note(f"{'; '.join(senses)}. n = {first.results[0].n} segments.")]
    notes += [note(f"{result.metric} signature: {result.signature}") for result in first.results]
    drawn = f"percentile bootstrap over segments, {found.test.rounds} rounds, seed {found.test.seed}"
    notes.append(note(f"Intervals: {found.level:.0%}, {drawn}."))
    if found.baseline is not None:
        notes.append(
            note(
                f"{symbols_mean('significantly better', f'significantly worse than {found.baseline}')} "
                f"(p < {found.test.alpha:g}; {found.test}; not corrected for the number of systems)."
            )
        )
    return notes + [Note(text, alarm=True) for text in found.warnings]


def files_as(kind: str, found: ScoredFiles) -> str:
    """The scores in one of ``mtsuite.report.render.formats.FORMATS``."""
    makers = {"text": files_text, "csv": files_csv, "json": files_json}
    if kind in makers:
        return makers[kind](found)
    table, failing = files_table(found), failures_table(found)
    return tables_as(kind, table.title, [table] if failing is None else [table, failing])


def files_csv(found: ScoredFiles) -> str:
    """One row a score or failure mode, unrounded; what it does not have (the baseline's difference) is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for system in found.systems:
        writer.writerows(safe_fields(_flat(found, system, result.metric)) for result in system.results)
        for entry in failure_entries(system):
            row = {"system": system.name} | {key: entry[key] for key in COLUMNS if key in entry}
            writer.writerow(safe_fields(row))
    return buffer.getvalue()


def _flat(found: ScoredFiles, system: Scored, metric: str) -> dict[str, Any]:
    entry = _entry(found, system, metric)
    comparison, between = entry.pop("comparison", {}), entry.pop("interval", {})
    return {"system": system.name, **entry, **between, **comparison}


def files_json(found: ScoredFiles) -> str:
    """File as given -> a list of its scores; each with signature, n, interval, and comparison with the baseline.

    Failure modes follow in the same form, with ``count`` and ``segments`` instead of interval and comparison.
    """
    plain = {
        str(system.file.path): [
            *(_entry(found, system, result.metric) for result in system.results),
            *failure_entries(system),
        ]
        for system in found.systems
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _entry(found: ScoredFiles, system: Scored, metric: str) -> dict[str, Any]:
    result = next(result for result in system.results if result.metric == metric)
    entry: dict[str, Any] = {"metric": metric, "score": result.score, "signature": result.signature, "n": result.n}
    if metric in system.intervals:
        low, high = system.intervals[metric]
        entry["interval"] = {"low": low, "high": high, "level": found.level}
    comparison = system.comparisons.get(metric)
    if comparison is not None:
        entry["comparison"] = {"baseline": found.baseline, "delta": comparison.delta, "p_value": comparison.p_value,
                               "test": str(found.test)}  # fmt: skip
    return entry


def files_text(found: ScoredFiles) -> str:
    """A line a file and metric, its fields parted by tabs: file, metric, score, signature, interval, difference, p.

    Failure modes have a line each behind the metrics of their file: file, measure, value, signature, count of n.
    """
    lines = []
    for system in found.systems:
        for result in system.results:
            fields = [str(system.file.path), result.metric, fixed(result.score, DECIMALS), result.signature]
            fields += _more(system.intervals, system.comparisons, result.metric)
            lines.append("\t".join(fields))
        lines += ["\t".join([str(system.file.path), *fields]) for fields in failure_fields(system)]
    return "\n".join(lines) + "\n"


def _more(intervals: Mapping[str, Any], comparisons: Mapping[str, Comparison], metric: str) -> list[str]:
    if metric not in intervals:
        return []
    low, high = intervals[metric]
    fields = [f"[{fixed(low, DECIMALS)}, {fixed(high, DECIMALS)}]"]
    if metric in comparisons:
        fields += [change_text(comparisons[metric].delta), p_text(comparisons[metric].p_value)]
    return fields
