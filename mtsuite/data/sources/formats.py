"""Readers of parallel text in its usual forms.

All yield ``(line, first, second)``: the line (or Parquet row) number from 1, and the two segments.
All raise DataError with file and line for what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.text import checked, count_lines, missing_file, one_line, read_lines, read_raw_lines
from mtsuite.errors import DataError, did_you_mean

Numbered = Iterator[tuple[int, str, str]]
TABULAR = ("tsv", "jsonl", "parquet")


def form_of(path: str | Path) -> str:
    """``tsv``, ``jsonl`` or ``parquet`` by the name's ending (``.gz`` aside), else ``moses``."""
    suffix = Path(str(path).removesuffix(".gz")).suffix.lower()
    return {".tsv": "tsv", ".jsonl": "jsonl", ".parquet": "parquet"}.get(suffix, "moses")


def aligned_lines(first: Path, second: Path) -> int:
    """The number of lines that two parallel files have.

    Raises DataError when a file is missing or empty or their numbers of lines differ.
    """
    counts = count_lines(first), count_lines(second)
    for path, count in zip((first, second), counts, strict=True):
        if count == 0:
            raise DataError(f"{path} is empty.")
    if counts[0] != counts[1]:
        hint = ""
        for number, (a, b) in enumerate(zip(read_lines(first), read_lines(second), strict=False), start=1):
            if bool(a) != bool(b):
                hint = f" Line {number} is empty in {(second if a else first).name} only; the shift may start there."
                break
        raise DataError(
            f"Not aligned: {first} has {counts[0]} lines and {second} has {counts[1]}. "
            f"Parallel files have the same number of lines.{hint}"
        )
    return counts[0]


def count_rows(path: Path) -> int:
    """Rows of a table, by its lines or what Parquet says; blank lines count."""
    form = form_of(path)
    if form == "parquet":
        return int(_parquet(path).metadata.num_rows)
    return count_lines(path) - (form == "tsv")


def read_moses(first: Path, second: Path) -> Numbered:
    """Two files, line N of the one facing line N of the other.

    Raises DataError as `aligned_lines` does, before the first line.
    """
    aligned_lines(first, second)
    for number, (a, b) in enumerate(zip(read_lines(first), read_lines(second), strict=True), start=1):
        yield number, a, b


def table_columns(path: Path) -> list[str]:
    """Languages (or whatever the columns are) of a table: header, first record, or Parquet schema.

    Raises DataError when the file is missing or a column is there twice.
    """
    if not path.is_file():
        raise missing_file(path)
    names = _column_names(path)
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}, line 1: two columns are named {twice!r} ({', '.join(names)}). Rename or remove one of them."
        )
    return names


def _column_names(path: Path) -> list[str]:
    form = form_of(path)
    if form == "parquet":
        schema = _parquet(path).schema_arrow
        if "translation" in schema.names and hasattr(schema.field("translation").type, "fields"):
            return [field.name for field in schema.field("translation").type.fields]
        return list(schema.names)
    for number, line in enumerate(read_raw_lines(path), start=1):
        if form == "tsv":
            return _header(path, line)
        if line.strip():
            return list(_record(path, number, line))
    raise DataError(f"{path} is empty.")


def _header(path: Path, line: str) -> list[str]:
    names = [name.strip() for name in line.split("\t")]
    if any(len(name) > 1 and name[0] == name[-1] == '"' for name in names):
        raise _quoted(path, 1, line)
    return names


def _quoted(path: Path, line: int, found: str) -> DataError:
    return DataError(
        f"{path}, line {line}: cells in quotation marks, as a spreadsheet writes them ({found[:60]!r}). In a TSV file "
        f"a quotation mark is part of the text: write the file without quoting (csv.QUOTE_NONE), or as .jsonl."
    )


def _looks_quoted(cell: str) -> bool:
    """Whether a cell can only have been written with quoting: marks around it, and every mark inside doubled."""
    inside = cell[1:-1]
    return cell[:1] == cell[-1:] == '"' and '""' in inside and '"' not in inside.replace('""', "")


def read_table(path: Path, first: str, second: str) -> Numbered:
    """Two columns of a TSV (header line), JSONL (flat or under ``translation``) or Parquet file.

    Raises DataError when a column is missing or the table is empty.
    """
    columns = table_columns(path)
    for name in (first, second):
        if name not in columns:
            raise _no_column(path, 1, name, columns)
    reader = {"tsv": _read_tsv, "jsonl": _read_jsonl, "parquet": _read_parquet}[form_of(path)]
    empty = True
    for row in reader(path, first, second):
        empty = False
        yield row
    if empty:
        raise DataError(f"{path} is empty: it has columns ({', '.join(columns)}) and no rows.")


def _no_column(path: Path, line: int, name: str, columns: list[str], unit: str = "line") -> DataError:
    return DataError(
        f"{path}, {unit} {line}: no column {name!r}; found {', '.join(map(repr, columns)) or 'none'}. "
        f"Columns are named by language codes. {did_you_mean(name, columns)}"
    )


def _read_tsv(path: Path, first: str, second: str) -> Numbered:
    # No quoting: a quotation mark in a TSV of sentences is a quotation mark.  Cells that a program quoted are refused.
    lines = _raw_tsv(path)
    columns = _header(path, "\t".join(next(lines)[1]))
    a, b = columns.index(first), columns.index(second)
    for number, cells in lines:
        if len(cells) != len(columns):
            raise DataError(
                f"{path}, line {number}: {len(cells)} cells, and the header has {len(columns)} ({', '.join(columns)}). "
                f"A tab inside a segment must be a blank."
            )
        for cell in (cells[a], cells[b]):
            if _looks_quoted(cell.strip()):
                raise _quoted(path, number, cell)
        yield number, one_line(cells[a]), one_line(cells[b])


def _raw_tsv(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_raw_lines(path), start=1):
        if line or number == 1:
            yield number, line.split("\t")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ; of two equal names JSON readers would keep the last without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r} is there twice in one object")
    return found


def _record(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_once)
    except RecursionError:
        raise DataError(f"{path}, line {number}: brackets inside brackets, too many to be read as JSON.") from None
    except ValueError as error:
        raise DataError(f"{path}, line {number}: not JSON: {error}.") from None
    if isinstance(record, dict) and isinstance(record.get("translation"), dict):
        record = record["translation"]
    if not isinstance(record, dict):
        raise DataError(
            f'{path}, line {number}: expected an object such as {{"en": "…", "de": "…"}}; found {line[:60]!r}.'
        )
    return record


def _cell(path: Path, number: int, name: str, value: Any, unit: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{path}, {unit} {number}: {name!r} is not a text but {repr(value)[:60]}.")
    return checked(value, f"{path}, {unit} {number}, {name!r}")


def _read_jsonl(path: Path, first: str, second: str) -> Numbered:
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        record = _record(path, number, line)
        for name in (first, second):
            if name not in record:
                raise _no_column(path, number, name, list(record))
        a, b = (_cell(path, number, name, record[name], "line") for name in (first, second))
        yield number, a, b


def _parquet(path: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"{path}: Parquet files need the package pyarrow, which cannot be imported: {error}.") from None
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read as Parquet: {said}. Make or download the file again.") from None


def _read_parquet(path: Path, first: str, second: str) -> Numbered:
    file = _parquet(path)
    nested = "translation" in file.schema_arrow.names
    wanted = [f"translation.{first}", f"translation.{second}"] if nested else [first, second]
    number = 0
    batches = file.iter_batches(batch_size=4096, columns=wanted)
    while (rows := _next_rows(path, number, batches, nested)) is not None:
        for row in rows:
            number += 1
            cells = row or {}
            yield (
                number,
                _cell(path, number, first, cells.get(first), "row"),
                _cell(path, number, second, cells.get(second), "row"),
            )


def _next_rows(path: Path, number: int, batches: Iterator[Any], nested: bool) -> list[Any] | None:
    """The rows after row ``number``; None at the end.  Raises DataError where the file is damaged."""
    import pyarrow

    try:
        batch = next(batches, None)
        if batch is None:
            return None
        rows: list[Any] = batch.column("translation").to_pylist() if nested else batch.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"{path} is damaged after row {number}: {said}. Make or download the file again.") from None
    return rows
