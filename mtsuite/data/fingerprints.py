"""Content hashes of files, kept in the process by size and time of change."""

from __future__ import annotations

import hashlib
from pathlib import Path

_KNOWN: dict[tuple[str, int, int], str] = {}


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal; the name and place of the file do not enter."""
    state = path.stat()
    known = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if known not in _KNOWN:
        with path.open("rb") as stream:
            _KNOWN[known] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _KNOWN[known]
