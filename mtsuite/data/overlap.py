"""Which training text also occurs in a test or validation set.

Two segments are the same when they are equal without case, punctuation and differences in blanks.
Only exact matches count; near-duplicates are a question for those who make the splits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


class _Bare(dict[int, int | None]):
    """A table for str.translate that takes out punctuation and symbols; filled as characters turn up.

    Marks stay, since in Indic and Arabic script they are part of the word.
    """

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.category(chr(code))[0] in "PS" else code
        return self[code]


_BARE = _Bare()


def normalised(text: str) -> str:
    """The text without punctuation and case, blanks collapsed; empty when nothing else is in it."""
    return " ".join(text.translate(_BARE).casefold().split())


class HeldOut:
    """The held-out segments of every language, normalised, and by which kind of set they are held."""

    def __init__(self) -> None:
        self._segments: dict[str, dict[str, set[str]]] = {}

    def add(self, split: str, language: str, segments: Iterable[str]) -> None:
        """Hold segments of ``split`` (``test`` or ``valid``); those without letters or digits are skipped."""
        held = self._segments.setdefault(language, {}).setdefault(split, set())
        held.update(filter(None, map(normalised, segments)))

    def where(self, language: str, segment: str) -> str | None:
        """The split that holds the segment, ``test`` first, or None."""
        splits = self._segments.get(language)
        if not splits:
            return None
        key = normalised(segment)
        for split in ("test", "valid"):
            if key in splits.get(split, ()):
                return split
        return None
