"""A table as CSV for pandas: unrounded numbers, one column each for the number, its sd and its mark.

``en-de`` holds the number, ``en-de_sd`` the standard deviation over seeds, ``en-de_mark`` what the
other formats show by type: ``best`` (bold), ``second`` (underlined) and † or ‡, separated by a blank.
The sd and mark columns are there only where some row has one.  Holes are empty.  Scores carry their signature in the
last column; where directions have different ones, each signature stands behind the columns that it is of.
"""

from __future__ import annotations

import csv
import io

from mtsuite.report.render.spreadsheet import safe_row
from mtsuite.report.render.table import Table


def render_csv(table: Table) -> str:
    """The table as CSV with a header line; lines end in a line feed."""
    with_sd = [any(row.cells[i].sd is not None for row in table.rows) for i in range(len(table.columns))]
    with_mark = [
        any(marks[i] or row.cells[i].symbol for row, marks in zip(table.rows, table.marks, strict=True))
        for i in range(len(table.columns))
    ]
    head = [table.key_heading, "label"]
    for column, sd, mark in zip(table.columns, with_sd, with_mark, strict=True):
        head += [column.key] + [f"{column.key}_sd"] * sd + [f"{column.key}_mark"] * mark
    signature = _signature(table)
    head += ["signature"] * bool(signature)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(safe_row(head))
    for row, marks in zip(table.rows, table.marks, strict=True):
        line = [row.key, row.label]
        for i, cell in enumerate(row.cells):
            if cell.value is not None:
                line.append(number(cell.value))
            else:
                line.append("" if cell.is_hole else cell.text)
            if with_sd[i]:
                line.append("" if cell.sd is None else number(cell.sd))
            if with_mark[i]:
                line.append(" ".join(part for part in (marks[i], cell.symbol) if part))
        writer.writerow(safe_row([*line, *[signature] * bool(signature)]))
    return buffer.getvalue()


def _signature(table: Table) -> str:
    signed: dict[str, list[str]] = {}
    for column in table.columns:
        if column.signature:
            signed.setdefault(column.signature, []).append(column.key)
    if len(signed) < 2:
        return "".join(signed)
    return "; ".join(f"{' '.join(keys)}: {signature}" for signature, keys in signed.items())


def number(value: float) -> str:
    """The shortest text that reads back as the same number; whole numbers without ``.0``."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
