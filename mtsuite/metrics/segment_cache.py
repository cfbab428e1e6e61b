"""Scores of single segments on disk, so that a segment is scored once for all tables.

A folder holds the scores of one checkpoint, run in one way.  Every writer has a file of its own and only ever appends
whole chunks to it, so several runs share the folder without locks, and a kill costs at most the chunk in the making.
A line is ``<32 hexadecimal digits> <score>``; what is not such a line, an unfinished last one say, is passed over.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

_DIGITS = 32


def segment_key(*parts: str) -> str:
    """A hash of a segment as it is scored: source, hypothesis and, where the checkpoint reads it, reference."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()[:_DIGITS]


class SegmentCache:
    """Known scores by ``segment_key``; a context manager that closes its file.

    ``about`` says whose scores they are.  It is part of the folder's name and is written there, for whoever looks.
    Opening reads all files once; what other runs add meanwhile is not seen.
    """

    def __init__(self, root: Path, name: str, about: Mapping[str, str]) -> None:
        text = json.dumps(dict(about), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        readable = "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:60]
        self.folder = root / f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "about.json").is_file():
            write_whole(self.folder / "about.json", text)
        self._known: dict[str, float] = {}
        for path in sorted(self.folder.glob("*.txt")):
            self._known |= _read(path)
        self._file: IO[bytes] | None = None

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> float:
        return self._known[key]

    def add(self, scores: Mapping[str, float]) -> None:
        """Keep a chunk of scores; it is on the disk when this returns.  Raises OSError when it cannot be."""
        lines = "".join(f"{key} {score!r}\n" for key, score in scores.items())
        if self._file is None:  # a name that no other writer has
            self._file = (self.folder / f"{uuid.uuid4().hex}.txt").open("xb")
        self._file.write(lines.encode("ascii"))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._known |= scores

    def __enter__(self) -> SegmentCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _read(path: Path) -> dict[str, float]:
    found = {}
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last line end was cut off by a kill
        key, _, number = line.partition(b" ")
        try:
            score = float(number)
            text = key.decode("ascii")
            int(text, 16)
        except (ValueError, UnicodeDecodeError):
            continue
        if len(text) == _DIGITS and math.isfinite(score):
            found[text] = score
    return found
