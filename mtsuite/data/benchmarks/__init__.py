"""Test sets by name: `data.benchmarks` of a recipe, from the hub or from a local copy of the same layout.

A set is independent of where training text comes from.  Its own codes (``deu_Latn``, ``en-de_DE``) are mapped to the
recipe's directions; all of its references are read.  The functions here take the recipe's section as plain values:
a set's name, then its settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.benchmarks.base import Benchmark, Found
from mtsuite.data.benchmarks.known import SETS, Known, known_names, open_set
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError

__all__ = [
    "SETS",
    "Benchmark",
    "Found",
    "Known",
    "check",
    "covered",
    "fingerprint",
    "known_names",
    "names_for",
    "read",
    "without",
]

Settings = Mapping[str, Any]


def check(
    sets: Settings, directions: Sequence[Direction], folder: Path, offline: bool = False, partly: bool = False
) -> None:
    """Cheap test, before anything runs, of what can be known about the sets.

    ``partly``: some of the directions that a set names may be others than these.  Raises DataError for a set that is
    not known, a direction that it lacks, a local copy of another layout, and a set that needs a network or a login
    that are not there.
    """
    for name, settings in sets.items():
        benchmark = open_set(name, settings, folder, offline)
        asked = [Direction.parse(text) for text in settings.get("directions") or []]
        if not partly and (strange := [str(d) for d in asked if d not in directions]):
            raise DataError(
                f"{benchmark.key}.directions names {strange[0]}, which is not among the recipe's directions."
            )
        lacking = [d for d in asked if d in directions and not benchmark.serves(d)]
        served = [d for d in directions if (not asked or d in asked) and benchmark.serves(d)]
        if lacking or (not asked and not served and not partly):
            raise DataError(benchmark.lacks((lacking or list(directions))[0]))
        for direction in served:
            benchmark.ready(direction)


def names_for(sets: Settings, direction: Direction, folder: Path) -> list[str]:
    """The sets that serve a direction, in the order of the recipe."""
    return [
        name
        for name, settings in sets.items()
        if _asked(settings, direction) and _serves(name, settings, direction, folder)
    ]


def covered(sets: Settings, directions: Iterable[Direction], folder: Path) -> set[Direction]:
    """Those of the directions whose test sets come from benchmarks instead of the source."""
    return {direction for direction in directions if names_for(sets, direction, folder)}


def read(sets: Settings, direction: Direction, folder: Path, offline: bool = False) -> dict[str, Found]:
    """The segments of every set that serves a direction.  Raises DataError as `check` does and for damaged files."""
    return {
        name: open_set(name, sets[name], folder, offline).read(direction) for name in names_for(sets, direction, folder)
    }


def fingerprint(sets: Settings, directions: Sequence[Direction], folder: Path) -> dict[str, Any]:
    """By set, what decides its text: contents of local files, else repository and revision."""
    return {
        name: open_set(name, settings, folder).fingerprint(
            [d for d in directions if name in names_for(sets, d, folder)]
        )
        for name, settings in sets.items()
    }


def without(sets: Settings, directions: Iterable[str]) -> dict[str, Any]:
    """The section where the sets do not serve ``directions``; a set that names only those is left out."""
    left: dict[str, Any] = {}
    for name, settings in sets.items():
        asked = settings.get("directions") or []
        kept = [text for text in asked if text not in set(directions)]
        if kept or not asked:
            left[name] = {**settings, "directions": kept}
    return left


def _asked(settings: Settings, direction: Direction) -> bool:
    asked = settings.get("directions") or []
    return not asked or direction in map(Direction.parse, asked)


def _serves(name: str, settings: Settings, direction: Direction, folder: Path) -> bool:
    return open_set(name, settings, folder).serves(direction)
