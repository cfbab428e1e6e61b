"""A translation direction such as en-de: source language, target language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mtsuite.data.languages import is_language, is_pinned, language
from mtsuite.errors import DataError

_FORM = "A direction is two different language codes joined by a hyphen, such as en-de"


class Direction(NamedTuple):
    """An ordered pair of language codes as they were written; ``str()`` gives ``en-de``."""

    source: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Direction:
        """Read ``en-de``, ``eng_Latn-zho_Hans`` or ``zh-Hans-en``, which has one reading only.

        Raises DataError when the text is not two different codes of known languages, and when its hyphens can be read
        in several ways.
        """
        pieces = text.split("-")
        if len(pieces) == 2:
            source, target = pieces
            for code in pieces:
                if not is_pinned(code):
                    _known(text, code)
        else:
            source, target = _only_reading(text, pieces)
        if source == target:
            raise DataError(f"{_FORM}; found {text!r}, twice the same.")
        return cls(source, target)

    @property
    def pair(self) -> tuple[str, str]:
        """The two languages in alphabetical order: en-de and de-en share the pair (de, en)."""
        first, second = sorted((self.source, self.target))
        return first, second

    @property
    def reversed(self) -> Direction:
        return Direction(self.target, self.source)

    @property
    def names(self) -> tuple[str, str]:
        """The English names of both languages, as prompts have them."""
        return language(self.source).name, language(self.target).name

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"


def equal_prompts(directions: Iterable[Direction]) -> str | None:
    """What is wrong with directions that a prompt cannot tell apart; None where it can tell all of them apart.

    So are en-zh and en-zho, and a direction whose two sides have one name (nb-nob).  A language has one code: with
    en-zh and zho-en, methods that keep something per language would take it for two.
    """
    seen: dict[tuple[str, str], Direction] = {}
    spelled: dict[str, tuple[str, Direction]] = {}
    for direction in directions:
        source, target = direction.names
        if source == target:
            return f"{direction}: both sides are {source} in a prompt. Use codes of two languages, scripts or regions."
        other = seen.setdefault(direction.names, direction)
        if other != direction:
            return (
                f"{other} and {direction} have the same prompts: both are from {source} to {target}. Keep one of them, "
                f"or add the script or region that sets them apart (zh_Hant, pt_BR)."
            )
        for code, name in zip(direction, direction.names, strict=True):
            first, where = spelled.setdefault(name, (code, direction))
            if first != code:
                return (
                    f"{first} in {where} and {code} in {direction} are one language, {name}: write one code everywhere."
                )
    return None


def _known(text: str, code: str) -> None:
    try:
        language(code)
    except DataError as error:
        raise DataError(f"{_FORM}; found {text!r}: {error}") from None


def _only_reading(text: str, pieces: list[str]) -> tuple[str, str]:
    """The one place at which a text parts into two codes."""
    splits = [("-".join(pieces[:cut]), "-".join(pieces[cut:])) for cut in range(1, len(pieces))]
    found = [split for split in splits if all(map(is_language, split))]
    if len(found) == 1:
        return found[0]
    underscores = [f"{a.replace('-', '_')}-{b.replace('-', '_')}" for a, b in found or splits]
    if found:
        raise DataError(
            f"{text!r} can be read as {' or '.join(underscores)}. Write script and region with underscores, and one "
            f"hyphen between the two languages."
        )
    raise DataError(f"{_FORM}; found {text!r}. Script and region are written with underscores (zh_Hant-en, en-pt_BR).")
