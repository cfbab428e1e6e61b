"""What a finished folder holds, file by file, so that a change of it is seen before anything is read from it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Not results: the status holds the list itself and has a seal of its own, and a log may be read and cut by anyone.
LEFT_OUT = frozenset({"status.json", "log.txt"})
FILES, SEAL = "files", "seal"  # names in status.json


class Digests:
    """SHA-256 of files; each file is read once, as long as its size, time of change and inode stay the same."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()

    def of(self, path: str) -> tuple[int, str]:
        """Size in bytes and digest of a file.  Raises OSError when it cannot be read."""
        found = os.stat(path)
        stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return found.st_size, known[1]
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._lock:
            self._known[path] = stamp, digest
        return found.st_size, digest


def contents(folder: Path, digests: Digests) -> dict[str, list[Any]]:
    """Size in bytes and SHA-256 of each file in a folder, by its path inside of it."""
    return {name: list(digests.of(os.path.join(folder, name))) for name in _files(folder)}


def damage(folder: Path, status: Mapping[str, Any], digests: Digests) -> str | None:
    """In words, how a finished folder differs from what its status says; ``None`` when it is whole.

    A folder of an older version has no list of files and is taken as it is.
    """
    if FILES not in status:
        return None
    if status.get(SEAL) != seal(status):
        return "its status.json was changed"
    listed: Mapping[str, list[Any]] = status[FILES]
    found = set(_files(folder))
    for name, (size, digest) in listed.items():
        if name not in found:
            return f"{name} is missing"
        path = os.path.join(folder, name)
        try:
            real = os.stat(path).st_size
            if real != size:
                return f"{name} has {real:,} bytes, it was written with {size:,}"
            if digests.of(path)[1] != digest:
                return f"{name} was changed after it was written"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    extra = sorted(name for name in found - set(listed) if not os.path.basename(name).startswith("."))
    return f"{extra[0]} was added" if extra else None


def seal(status: Mapping[str, Any]) -> str:
    """SHA-256 of all that a status says except of the seal itself; ``status`` as JSON holds it."""
    rest = {name: value for name, value in status.items() if name != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _files(folder: Path) -> list[str]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        inside = os.path.relpath(place, folder)
        for name in sorted(names):
            path = name if inside == "." else f"{Path(inside).as_posix()}/{name}"
            if path not in LEFT_OUT:
                found.append(path)
    return found
