"""What every test set by name answers: which directions it has, and its segments with all references."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mtsuite.data.benchmarks.places import Hub, Local, Place
from mtsuite.data.direction import Direction
from mtsuite.data.fingerprints import file_hash
from mtsuite.errors import DataError


@dataclass(frozen=True)
class Found:
    """A direction of a set.

    ``rows`` are (source, reference, further references …), equally many in every row.  ``dropped`` counts rows left
    out by reason, ``broken_lines`` segments whose line breaks became blanks.  ``codes`` are the set's own, ``files``
    names with SHA-256.
    """

    rows: list[tuple[str, ...]]
    codes: tuple[str, str]
    dropped: dict[str, int] = field(default_factory=dict)
    broken_lines: int = 0
    files: dict[str, str] = field(default_factory=dict)

    def told(self, name: str, direction: Direction) -> list[str]:
        """Notes for the tables."""
        notes = [f"{count:,} segments dropped: {reason}" for reason, count in self.dropped.items() if count]
        if self.broken_lines:
            notes.append(f"{self.broken_lines:,} segments had line breaks, which became blanks")
        if len(self.rows[0]) > 2:
            notes.append(f"{len(self.rows[0]) - 1} references a segment; metrics that read one read the first")
        return [f"test set {name} {direction}: {note}" for note in notes]

    def record(self) -> dict[str, Any]:
        """Plain values for the corpus description."""
        return {
            "codes": list(self.codes),
            "segments": len(self.rows),
            "references": len(self.rows[0]) - 1,
            "dropped": self.dropped,
            "files": self.files,
        }


class Benchmark(ABC):
    """A named set in one place.  ``key`` is its dotted key in the recipe, ``split`` the part that is read."""

    def __init__(self, name: str, key: str, place: Place, split: str) -> None:
        self.name, self.key, self.place, self.split = name, key, place, split

    @abstractmethod
    def offered(self) -> Sequence[str]:
        """The set's own codes, for messages and matching."""

    @abstractmethod
    def codes(self, direction: Direction) -> tuple[str, str] | None:
        """The set's codes of a direction; None where it has not got it."""

    @abstractmethod
    def files(self, direction: Direction) -> list[str]:
        """Names of the files that hold a direction which it serves."""

    @abstractmethod
    def _read(self, direction: Direction) -> Found:
        """The segments, without `Found.files`."""

    def serves(self, direction: Direction) -> bool:
        return self.codes(direction) is not None

    def ready(self, direction: Direction) -> None:
        """Raises DataError where it can be known that the direction cannot be read."""
        for name in self.files(direction):
            self.place.ready(name)

    def read(self, direction: Direction) -> Found:
        """All segments of a direction.  Raises DataError with file and line for what is wrong."""
        found = self._read(direction)
        if not found.rows:
            raise DataError(f"{self.key}: no segment for {direction} in {self.place.told()}.")
        files = {name: file_hash(self.place.open(name)) for name in self.files(direction)}
        return Found(found.rows, found.codes, found.dropped, found.broken_lines, files)

    def fingerprint(self, directions: Sequence[Direction]) -> dict[str, Any]:
        """What decides the text: contents of local files; of a set on the hub its repository, revision and split."""
        if isinstance(self.place, Local):
            names = dict.fromkeys(name for direction in directions for name in self.files(direction))
            return {"split": self.split, "files": {name: file_hash(self.place.open(name)) for name in names}}
        revision = self.place.revision if isinstance(self.place, Hub) else None
        return {"split": self.split, "from": self.place.told(), "revision": revision}

    def lacks(self, direction: Direction) -> str:
        """What to say of a direction that the set has not got."""
        codes = list(self.offered())
        same = [code for code in codes for side in direction if code[:2] == side[:2]]
        shown = same or codes
        more = f" and {len(shown) - 12} more" if len(shown) > 12 else ""
        kind = "near codes" if same else "it has"
        return (
            f"{self.key}: {self.name} in {self.place.told()} has no {direction}; {kind}: "
            f"{', '.join(shown[:12]) or 'nothing'}{more}. {self.form()}"
        )

    def form(self) -> str:
        """A sentence on what the set has, for messages."""
        return ""
