"""Reading a results folder, whether its files lie loose or in its archive.

A packed folder (``mtsuite report RESULTS --pack``) keeps its small files loose and the others in ``details.tar.xz``.
A loose file comes before one of the same name in the archive.
"""

from __future__ import annotations

import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mtsuite.errors import StoreError

ARCHIVE = "details.tar.xz"


@dataclass(frozen=True)
class Files:
    """The files of a results folder by their names in it, such as ``translations/lora/1/all/en-de.txt``."""

    folder: Path

    def entry(self, name: str) -> Entry:
        return Entry(self, name)

    def names(self, start: str = "", ending: str = "") -> list[str]:
        """The names of all files below the folder ``start`` that end so, sorted."""
        place = self.folder / start
        loose = {path.relative_to(self.folder).as_posix() for path in place.rglob("*") if path.is_file()}
        below = f"{start}/" if start else ""
        archived = {name for name in self._archived() if name.startswith(below)}
        return sorted(name for name in loose | archived if name.endswith(ending))

    def _archived(self) -> Mapping[str, bytes]:
        path = self.folder / ARCHIVE
        try:
            found = path.stat()
        except OSError:
            return {}
        return read_archive(path, found.st_mtime_ns, found.st_size)


@dataclass(frozen=True)
class Entry:
    """A file of a results folder that may be there or not; as text it is where it lies, for messages."""

    files: Files
    name: str

    def __str__(self) -> str:
        loose = self.files.folder / self.name
        archived = not loose.is_file() and self.name in self.files._archived()
        return str(self.files.folder / ARCHIVE / self.name if archived else loose)

    def exists(self) -> bool:
        return (self.files.folder / self.name).is_file() or self.name in self.files._archived()

    def read(self) -> bytes:
        """The whole file.  Raises OSError where it is missing or cannot be read."""
        loose = self.files.folder / self.name
        if not loose.is_file() and (archived := self.files._archived().get(self.name)) is not None:
            return archived
        return loose.read_bytes()

    def text(self) -> str:
        """The file as UTF-8 with its line ends as they are.  Raises OSError and UnicodeDecodeError."""
        return self.read().decode("utf-8")


@lru_cache(maxsize=4)
def read_archive(path: Path, _changed: int, _size: int) -> Mapping[str, bytes]:
    """Name to content of every file in an archive; nothing is written to the disk.

    The last two arguments tell versions of the file apart.  Raises StoreError when it is damaged.
    """
    try:
        with tarfile.open(path, "r:xz") as archive:
            members = [member for member in archive if member.isfile()]
            return {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        raise StoreError(
            f"{path}: expected the archive of a results folder, found a damaged file ({error}). Take it from version "
            "control or a copy again, or run the recipe again."
        ) from None
