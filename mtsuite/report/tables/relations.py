"""How two directions are related, for reading a transfer matrix: shared ends, families and scripts.

Nearly all tables are English-centric, and then English says nothing: en-de and de-en are both "German".  So a direction
is filed under its *other* side, the language that is not the pivot.  The pivot is the language that every direction
has (English where two qualify); without one it is English for directions that have English, and directions such as
fr-de are filed under both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args

from mtsuite.data.direction import Direction
from mtsuite.data.languages import language

Relation = Literal["own", "reversed", "same_target", "same_source", "neither"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
Trait = Literal["family", "script"]


def relation(trained: str, tested: str) -> Relation:
    """What the tested direction shares with the trained one; every pair of directions is exactly one of these.

    en-de, trained, stands to en-de as own, to de-en as reversed, to fr-de as same target, to en-fr as same source, and
    to fr-en, de-fr and fr-it as neither (a language may be common to both, but it is read in one and written in the
    other).
    """
    one, other = Direction.parse(trained), Direction.parse(tested)
    if one == other:
        return "own"
    if one == other.reversed:
        return "reversed"
    if one.target == other.target:
        return "same_target"
    return "same_source" if one.source == other.source else "neither"


def pivot_of(directions: Sequence[str]) -> str:
    """The language that all directions have; English where two have that, or where there is none."""
    ends = [set(Direction.parse(d)) for d in directions]
    common = set.intersection(*ends) if ends else set()
    return "en" if "en" in common or not common else min(common)


def sides(direction: str, pivot: str) -> tuple[str, ...]:
    """The languages that a direction is filed under: the one that is not the pivot, or both."""
    return tuple(code for code in Direction.parse(direction) if code != pivot)


def group_of(direction: str, pivot: str, trait: Trait) -> str:
    """Family or script of a direction's side: ``Romance``; of both ends where neither is the pivot: ``Romance–Slavic``.

    A language that the suite does not know is a family of its own, under its code.
    """
    return "–".join(getattr(language(code), trait) for code in sides(direction, pivot))


def related(trained: str, tested: str, pivot: str) -> bool:
    """Whether two directions are of one family; a direction and its reverse are not asked (they are one pair).

    Directions with the pivot are when their other sides share a family, whichever way they go: en-fr and it-en.  Others
    are when both ends do in their places: fr-de and it-nl.
    """
    one, other = sides(trained, pivot), sides(tested, pivot)
    families = [tuple(language(code).family for code in codes) for codes in (one, other)]
    return families[0] == families[1]


def ordered(directions: Sequence[str], pivot: str) -> list[str]:
    """Directions with equal scripts together, within them equal families, within them equal languages.

    Groups come in the order in which the directions name them, and directions within a group stay as they were.
    """
    keys: list[Callable[[str], object]] = [
        lambda d: group_of(d, pivot, "script"),
        lambda d: (group_of(d, pivot, "script"), group_of(d, pivot, "family")),
        lambda d: sides(d, pivot),
    ]
    places = [list(dict.fromkeys(key(d) for d in directions)) for key in keys]
    return sorted(directions, key=lambda d: tuple(seen.index(key(d)) for key, seen in zip(keys, places, strict=True)))


@dataclass(frozen=True)
class Band:
    """Neighbouring directions of one family: ``start`` and ``length`` count directions; ``script`` is theirs."""

    family: str
    script: str
    start: int
    length: int

    @property
    def heading(self) -> str:
        """The family, with its script where that is not Latin."""
        return self.family if self.script in {"Latin", "unknown"} else f"{self.family} ({self.script})"


def bands(directions: Sequence[str], pivot: str) -> list[Band]:
    """The runs of directions that share family and script, in order."""
    found, start = [], 0
    for (family, script), run in groupby(
        directions, key=lambda d: (group_of(d, pivot, "family"), group_of(d, pivot, "script"))
    ):
        length = len(list(run))
        found.append(Band(family, script, start, length))
        start += length
    return found
