"""sacrebleu's test sets as benchmarks: all references, and a copy of sacrebleu's folder as a place of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.benchmarks.base import Benchmark, Found
from mtsuite.data.benchmarks.codes import resolve
from mtsuite.data.benchmarks.places import Place
from mtsuite.data.direction import Direction
from mtsuite.data.sources import sacrebleu_sets
from mtsuite.errors import DataError


class SacrebleuPlace(Place):
    """sacrebleu's cache, ``$SACREBLEU`` or ``~/.sacrebleu``."""

    def __init__(self, key: str, offline: bool) -> None:
        super().__init__(key)
        self.offline = offline

    def names(self) -> list[str] | None:
        return None

    def open(self, name: str) -> Path:
        return Path(name)

    def ready(self, name: str) -> None:
        """sacrebleu says itself what is lacking when the set is read."""

    def told(self) -> str:
        return "sacrebleu"


class Sacrebleu(Benchmark):
    """A set that sacrebleu knows, such as ``wmt22``.  ``split`` is not used."""

    def offered(self) -> list[str]:
        return sorted(sacrebleu_sets.directions(self.name))

    def codes(self, direction: Direction) -> tuple[str, str] | None:
        for text in self.offered():
            try:
                own = Direction.parse(text)
            except DataError:
                continue
            if own == direction:
                return own.source, own.target
        pairs = [text.split("-") for text in self.offered() if text.count("-") == 1]
        source = resolve(direction.source, {a for a, _ in pairs})
        target = resolve(direction.target, {b for a, b in pairs if a == source})
        return (source, target) if source and target else None

    def files(self, direction: Direction) -> list[str]:
        return []

    def fingerprint(self, directions: Sequence[Direction]) -> dict[str, Any]:
        return {"sacrebleu": sacrebleu_sets.checksums(self.name)}

    def ready(self, direction: Direction) -> None:
        place = self.place
        assert isinstance(place, SacrebleuPlace)
        if place.offline or os.environ.get("HF_HUB_OFFLINE") == "1":
            self._read(direction)

    def _read(self, direction: Direction) -> Found:
        codes = self.codes(direction)
        assert codes is not None
        place = self.place
        assert isinstance(place, SacrebleuPlace)
        rows = sacrebleu_sets.read_all(self.name, Direction(*codes), place.offline)
        checksums = {f"md5 {number}": value for number, value in enumerate(sacrebleu_sets.checksums(self.name), 1)}
        dropped: dict[str, int] = {}
        return Found(rows, codes, dropped, 0, checksums)

    def read(self, direction: Direction) -> Found:
        return self._read(direction)
