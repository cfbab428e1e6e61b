"""Files of segments that anybody made: one segment a line, and what can be wrong with them.

A line ends at a line feed and nowhere else, as for the ``sacrebleu`` command: U+2028, form feeds and the like stay
inside their segment, or two files would drift apart line by line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtsuite.data.text import missing_file, open_binary
from mtsuite.errors import DataError, MetricError

_UTF8_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class SegmentFile:
    """A file's lines without their ends and trailing blanks, and what a reader should be told of it."""

    path: Path
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> list[int]:
        """Numbers of the lines that hold nothing, from 1."""
        return [number for number, line in enumerate(self.lines, start=1) if not line]


def read_segment_file(path: Path) -> SegmentFile:
    """Read UTF-8 text (``.gz`` too).

    A byte-order mark is skipped with a warning, CR before the line feed is dropped.  Raises MetricError for a missing
    or damaged file, for one without lines or whose lines end in CR alone, and, with the line's number, for bytes that
    are not UTF-8 text.
    """
    data = _bytes(path)
    if not data:
        raise MetricError(f"{path}: the file is empty; expected one segment a line.")
    warnings = []
    for mark, encoding in _WIDE_MARKS.items():
        if data.startswith(mark):
            raise MetricError(_convert(path, 1, f"starts with the byte-order mark of {encoding.upper()}", encoding))
    if data.startswith(_UTF8_MARK):
        data = data[len(_UTF8_MARK) :]
        warnings.append(f"{path}: a byte-order mark at the start was skipped.")
    raw = data.split(b"\n")
    if raw[-1] == b"":
        raw.pop()
    lines = []
    for number, line in enumerate(raw, start=1):
        if b"\0" in line:
            raise MetricError(_convert(path, number, "holds zero bytes, as UTF-16 text does", "utf-16"))
        try:
            lines.append(line.decode("utf-8").rstrip())
        except UnicodeDecodeError as error:
            what = f"byte {error.start + 1} of the line (0x{line[error.start]:02x}) is not UTF-8"
            raise MetricError(_convert(path, number, what, "latin1")) from None
    returns, feeds = sum(line.rstrip(b"\r").count(b"\r") for line in raw), data.count(b"\n")
    if returns > feeds:
        raise MetricError(
            f"{path}: lines must end with a line feed; found {returns} carriage returns without one and {feeds} line "
            f"feeds. Convert the line ends: `tr '\\r' '\\n' < {path.name} > {path.stem}.lf{path.suffix}`."
        )
    if returns:
        first = next(number for number, line in enumerate(raw, start=1) if b"\r" in line.rstrip(b"\r"))
        warnings.append(f"{path}, line {first}: a carriage return inside a line does not end it; only line feeds do.")
    return SegmentFile(path, tuple(lines), tuple(warnings))


def check_parallel(files: Sequence[tuple[str, SegmentFile]]) -> None:
    """Raise MetricError unless all files (each with what it is) have as many lines as the first."""
    (first_role, first), *others = files
    for role, file in others:
        if len(file.lines) != len(first.lines):
            short, long = sorted((first, file), key=lambda one: len(one.lines))
            raise MetricError(
                f"{role} and {first_role} must correspond line by line, but {file.path} has {len(file.lines)} lines, "
                f"{first.path} has {len(first.lines)}: {short.path} ends before line {len(short.lines) + 1} of "
                f"{long.path}."
            )


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise MetricError(f"{path} is a folder; expected a file with one segment a line.")
    if not path.is_file():
        raise MetricError(_missing(missing_file(path)))
    try:
        with open_binary(path) as stream:
            return stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise MetricError(f"{path}: not a complete gzip file: {error}.") from None
    except OSError as error:
        raise MetricError(f"{path}: cannot be read: {error.strerror}.") from None


def _missing(error: DataError) -> str:
    text = str(error)
    return text[0].upper() + text[1:]


def _convert(path: Path, line: int, what: str, encoding: str) -> str:
    return (
        f"{path}, line {line}: {what}; expected UTF-8. Convert the file first, for instance with "
        f"`iconv -f {encoding} -t utf-8 {path.name} > {path.stem}.utf8{path.suffix}`."
    )
