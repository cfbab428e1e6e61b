"""Rows of a test set's file, whatever its form: Parquet, JSONL, TSV with a header, or one segment a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.text import checked, one_line, read_lines, read_raw_lines
from mtsuite.errors import DataError, did_you_mean


def records(path: Path, columns: Sequence[str], form: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """``(row or line, values)`` of a table with at least these columns.

    ``form`` is the name's ending where the file in the cache has none.  Raises DataError naming file, line and column.
    """
    reader = {".jsonl": _jsonl, ".tsv": _tsv, ".parquet": _parquet}[form or path.suffix]
    for number, row in reader(path, columns):
        for column in columns:
            if column not in row:
                raise _no_column(path, number, column, list(row))
        yield number, row


def plain(path: Path) -> list[str]:
    """The segments of a text file, one a line."""
    return list(read_lines(path))


def text_of(path: Path, number: int, column: str, value: Any) -> tuple[str, bool]:
    """A cell as one line, and whether it had line breaks.  Raises DataError for what is no text."""
    where = f"{path}, row {number}, {column!r}"
    if not isinstance(value, str):
        raise DataError(f"{where}: expected a text; found {repr(value)[:60]}.")
    kept = checked(value, where)
    return kept, "\n" in value.strip() or "\r" in value.strip()


def _no_column(path: Path, number: int, column: str, found: list[str]) -> DataError:
    return DataError(
        f"{path}, row {number}: no column {column!r}; found {', '.join(map(repr, found)) or 'none'}. "
        f"{did_you_mean(column, found)} Is this the set's own layout?"
    )


def _jsonl(path: Path, _columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_raw_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: not JSON: {error}.") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: expected an object; found {line[:60]!r}.")
        yield number, row


def _tsv(path: Path, _columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    header: list[str] = []
    for number, line in enumerate(read_raw_lines(path), start=1):
        cells = line.split("\t")
        if not header:
            header = [one_line(cell) for cell in cells]
            continue
        if line and len(cells) != len(header):
            raise DataError(f"{path}, line {number}: {len(cells)} cells, and the header has {len(header)}.")
        if line:
            yield number, dict(zip(header, cells, strict=True))


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(path).names
        for column in columns:
            if column not in names:
                raise _no_column(path, 1, column, names)
        table = pyarrow.parquet.read_table(path, columns=list(columns))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).strip().splitlines()[0]}.") from None
    yield from enumerate(table.to_pylist(), start=1)
