"""How translations in files fail, beside their scores: a table of it, and the numbers for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mtsuite.metrics.failures import INTO, Failures, measure_kind
from mtsuite.metrics.files import Scored, ScoredFiles
from mtsuite.report.render.table import Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import fixed, listed, slug
from mtsuite.report.tables.failures import definition, language_order, measure_column
from mtsuite.report.tables.query import DECIMALS

_READING = "Lower is better where a number is bold; best in bold, second best underlined."


def failures_table(found: ScoredFiles) -> Table | None:
    """Systems down, measures across, then the languages that are written instead; None where nothing was measured."""
    measured = {system.name: system.failures for system in found.systems if system.failures is not None}
    if not measured:
        return None
    first = next(iter(measured.values()))
    shown = [(measure_kind(measure.name), measure.signature) for measure in first.measures]
    codes = language_order(code for failures in measured.values() for code in failures.languages)
    columns = [replace(measure_column(kind), signature=signature) for kind, signature in shown]
    columns += [Column(INTO + code, f"Off-target: {code} %") for code in codes]
    rows = tuple(Row(name, name, tuple(_cells(failures, codes))) for name, failures in measured.items())
    notes = [note(f"% of {first['off-target'].n} segments. {_READING if len(rows) > 1 else ''}")]
    notes += [definition(kind, signature) for kind, signature in shown]
    if codes:
        text = "% of all segments that are off-target and most likely in it"
        notes.append(note(f"With a language: {text}; only the candidates of the signature are told apart."))
    notes += [Note(text) for text in found.notes]
    title = f"Failure modes of {found.direction} against {listed([file.path.name for file in found.references])}"
    return Table(slug(title), title, tuple(columns), rows, tuple(notes), row_heading="System", key_heading="system")


def _cells(failures: Failures, codes: list[str]) -> Iterator[Cell]:
    for measure in failures.measures:
        yield Cell.of([measure.value], DECIMALS)
    for code in codes:
        yield Cell.of([100 * failures.languages.get(code, 0) / failures["off-target"].n], DECIMALS)


def failure_entries(system: Scored) -> list[dict[str, Any]]:
    """The measures in the form of scores, unrounded, with ``count`` and the indices of the segments, from 0."""
    entries = []
    for measure in system.failures.with_languages() if system.failures is not None else ():
        entry = {"metric": measure.name, "score": measure.value, "signature": measure.signature, "n": measure.n,
                 "count": measure.count}  # fmt: skip
        entries.append(entry if measure.segments is None else {**entry, "segments": measure.segments})
    return entries


def failure_fields(system: Scored) -> Iterator[list[str]]:
    """What a line of text says of each measure: name, value, signature, count of n."""
    for measure in system.failures.with_languages() if system.failures is not None else ():
        yield [measure.name, fixed(measure.value, DECIMALS), measure.signature, f"{measure.count}/{measure.n}"]
