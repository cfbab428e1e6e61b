"""Lines of text on disk: UTF-8, LF, one segment a line, and errors that name file and line.

A segment is one line.  Whatever would break a line (CR, LF, vertical tab, form feed, U+0085, U+2028,
U+2029, the separators U+001C to U+001E) is replaced by a blank when a segment comes in, so that line N
of one side of a pair always faces line N of the other.  What no text holds is an error: zero characters, halves of
surrogate pairs, carriage returns as the only line ends, bytes that are not UTF-8.
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
_WIDE = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_NO_TEXT = re.compile("[\0\ud800-\udfff]")

# Characters of the longest segment.  A model attends from every token to every other, so a megabyte in one segment
# would ask for terabytes; text of that length is a file whose line ends were lost.
LONGEST = 20_000


def one_line(text: str) -> str:
    """The segment without line breaks (each run becomes one blank) and without blanks around it."""
    if not text.isprintable():
        text = _BREAKS.sub(" ", text)
    return text.strip()


def checked(text: str, where: str) -> str:
    """`one_line` of text that came out of a table; ``where`` names file and line.

    Raises DataError for a zero character or half of a surrogate pair, which no UTF-8 file can hold.
    """
    if not text.isprintable() and (found := _NO_TEXT.search(text)):
        what = "a zero character" if found.group() == "\0" else f"half of a surrogate pair (U+{ord(found.group()):04X})"
        raise DataError(f"{where}: {what} at character {found.start() + 1}. Take it out, or mend what wrote the file.")
    return one_line(text)


def too_long(text: str) -> str | None:
    """What is wrong with a segment above `LONGEST` characters; None for others."""
    if len(text) <= LONGEST:
        return None
    return (
        f"a segment of {len(text):,} characters; at most {LONGEST:,} are read as one. Check the line ends there, or "
        f"split the text into sentences"
    )


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

    Raises DataError for a missing file, for bytes that are not UTF-8 (line and byte offset), for another encoding, for
    a zero character, for line ends that are carriage returns alone and for a damaged archive.
    """
    if not path.is_file():
        raise missing_file(path)
    offset = number = inner = 0
    try:
        with open_binary(path) as stream:
            for number, raw in enumerate(stream, start=1):
                if number == 1:
                    _check_encoding(path, raw[:4])
                start = len(_BOM) if number == 1 and raw.startswith(_BOM) else 0
                if b"\0" in raw:
                    raise _zero(path, number, raw)
                if b"\r" in raw:
                    inner += raw.rstrip(b"\r\n").count(b"\r")
                    ends = number - (not raw.endswith(b"\n"))
                    if inner > ends and (number == 1 or ends < number):
                        raise _returns(path, inner, ends)
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


def read_stream(stream: IO[bytes], name: str = "standard input") -> Iterator[str]:
    """The segments of text that comes through a pipe, one a line, as `read_lines` gives those of a file.

    Raises DataError, with the line, for bytes that are not UTF-8, another encoding and a zero character.
    """
    for number, raw in enumerate(stream, start=1):
        if number == 1:
            for mark, encoding in _WIDE.items():
                if raw.startswith(mark):
                    raise DataError(
                        f"{name} is {encoding} (it starts with the byte-order mark {mark.hex(' ')}); text is read as "
                        f"UTF-8. Convert it: `iconv -f {encoding.lower()} -t utf-8`."
                    )
            raw = raw.removeprefix(_BOM)
        if b"\0" in raw:
            raise DataError(f"{name}, line {number}: a zero character, which no text has.")
        try:
            yield one_line(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}, line {number}: not UTF-8 at byte {error.start + 1} of the line "
                f"(0x{raw[error.start]:02x}). Convert it, for instance with `iconv -f latin1 -t utf-8`."
            ) from None


_COUNTED: dict[tuple[str, int, int], int] = {}  # by file, size and time of change


def count_lines(path: Path) -> int:
    """Number of lines, an unfinished last one included; the bytes are searched for line feeds and not decoded.

    Raises DataError for a missing or damaged file, another encoding than UTF-8, a zero character, and line ends that
    are carriage returns alone.
    """
    if not path.is_file():
        raise missing_file(path)
    state = path.stat()
    known = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if known not in _COUNTED:
        _COUNTED[known] = _counted(path)
    return _COUNTED[known]


def _counted(path: Path) -> int:
    ends, returns, last, first = 0, 0, b"\n", True
    try:
        with open_binary(path) as stream:
            while block := stream.read(1 << 20):
                if first:
                    _check_encoding(path, block[:4])
                    first = False
                if b"\0" in block:
                    before = block[: block.index(0)]
                    raise _zero(path, ends + before.count(b"\n") + 1, block[:4096])
                ends += block.count(b"\n")
                returns += block.count(b"\r") - block.count(b"\r\n") - (last == b"\r" and block[:1] == b"\n")
                last = block[-1:]
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a complete gzip file: {error}.") from None
    if returns > ends + 1:
        raise _returns(path, returns, ends)
    return ends + (last != b"\n")


def _check_encoding(path: Path, start: bytes) -> None:
    for mark, encoding in _WIDE.items():
        if start.startswith(mark):
            raise _convert(path, f"{path} is {encoding} (it starts with the byte-order mark {mark.hex(' ')})", encoding)


def _convert(path: Path, found: str, encoding: str) -> DataError:
    command = f"iconv -f {encoding.lower()} -t utf-8 {path.name} > {path.stem}.utf8{path.suffix}"
    return DataError(f"{found}; text is read as UTF-8. Convert the file: `{command}`.")


def _zero(path: Path, line: int, sample: bytes) -> DataError:
    """The error for zero bytes: every second byte is one in UTF-16 without a mark, single ones are damage."""
    for start, encoding in ((1, "UTF-16LE"), (0, "UTF-16BE")):
        half = sample[start::2]
        if half.count(0) > max(3, 0.4 * len(half)):
            return _convert(path, f"{path}, line {line}: zero bytes, as in {encoding} text", encoding)
    return DataError(
        f"{path}, line {line}: a zero character, which no text has. Take it out, for instance with `tr -d '\\000'`."
    )


def _returns(path: Path, returns: int, ends: int) -> DataError:
    return DataError(
        f"{path}: lines must end with a line feed; found {returns} carriage returns without one and {ends} line feeds. "
        f"Convert the line ends: `tr '\\r' '\\n' < {path.name} > {path.stem}.lf{path.suffix}`."
    )


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
