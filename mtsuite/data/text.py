"""Lines of text on disk: UTF-8, LF, one segment a line, and errors that name file and line.

A segment is one line.  Whatever would break a line (CR, LF, vertical tab, form feed, U+0085, U+2028,
U+2029, the separators U+001C to U+001E) is replaced by a blank when a segment comes in, so that line N
of one side of a pair always faces line N of the other.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from mtsuite.errors import DataError

_BREAKS = re.compile("[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_BOM = b"\xef\xbb\xbf"


def one_line(text: str) -> str:
    """The segment without line breaks (each run becomes one blank) and without blanks around it."""
    if not text.isprintable():
        text = _BREAKS.sub(" ", text)
    return text.strip()


def open_binary(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked when its name ends in ``.gz``."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def read_lines(path: Path) -> Iterator[str]:
    """The segments of a UTF-8 text file (``.gz`` too), one a line, each cleaned by `one_line`.

    Raises DataError as `read_raw_lines` does.
    """
    return map(one_line, read_raw_lines(path))


def read_raw_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 text file (``.gz`` too) without their line ends; a byte-order mark is skipped.

    Raises DataError for a missing file, for bytes that are not UTF-8 (line and byte offset) and for a
    damaged archive.
    """
    if not path.is_file():
        raise missing_file(path)
    offset = 0
    number = 0
    try:
        with open_binary(path) as stream:
            for number, raw in enumerate(stream, start=1):
                start = len(_BOM) if number == 1 and raw.startswith(_BOM) else 0
                try:
                    yield raw[start:].decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}, line {number}: not UTF-8 at byte offset {offset + start + error.start} "
                        f"(0x{raw[start + error.start]:02x}). Convert the file, for instance with "
                        f"`iconv -f latin1 -t utf-8`."
                    ) from None
                offset += len(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file (after line {number}): {error}.") from None


def count_lines(path: Path) -> int:
    """Number of lines, an unfinished last one included.  Raises DataError for a missing or damaged file."""
    if not path.is_file():
        raise missing_file(path)
    count, last = 0, b"\n"
    try:
        with open_binary(path) as stream:
            while block := stream.read(1 << 20):
                count += block.count(b"\n")
                last = block[-1:]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file: {error}.") from None
    return count + (last != b"\n")


def write_lines(path: Path, lines: Iterable[str]) -> dict[str, int | str]:
    """Write lines as UTF-8 with LF; returns ``{"lines", "bytes", "sha256"}`` of what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, count, size = hashlib.sha256(), 0, 0
    with path.open("wb") as out:
        for line in lines:
            raw = one_line(line).encode("utf-8") + b"\n"
            digest.update(raw)
            out.write(raw)
            count += 1
            size += len(raw)
    return {"lines": count, "bytes": size, "sha256": digest.hexdigest()}


def missing_file(path: Path, why: str = "") -> DataError:
    """An error that names the missing file and what lies nearby instead."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    wanted = path.relative_to(folder).parts[0] if folder in path.parents else path.name
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir()) if folder.is_dir() else []
    near = difflib.get_close_matches(wanted, names, n=4, cutoff=0.5) or names[:8]
    what = f"{folder} holds {', '.join(near)}" if near else f"{folder} is empty"
    if len(names) > len(near):
        what += f" and {len(names) - len(near)} more"
    return DataError(f"{why + ': ' if why else ''}no such file: {path}. {what}.")
