"""Which training text also occurs in a test or validation set.

Two segments are the same when they are equal in what is left of them:

- compatibility forms count as what they stand for (Unicode NFKC): full-width and circled letters and digits,
  ligatures, Arabic presentation forms, decomposed accents in any order; digits of every script are the same digits;
- case does not count, nor does the dot that case folding leaves on a Turkish i;
- punctuation, symbols, quotation marks, apostrophes and all blanks are taken out, wherever they stand;
- so is what cannot be seen: zero-width characters, byte-order marks, soft hyphens, direction marks, control
  characters, variation selectors, Arabic tatweel.

Marks stay, since in Indic scripts and vocalised Arabic they are part of the word.  Only exact matches count;
near-duplicates are a question for those who make the splits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Letters by category that write an apostrophe or stretch a word, and marks and letters that are never seen.
_UNSEEN = frozenset(
    [0x0640, 0x07FA, 0x02C8, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x20E3, 0x3164, 0xFFA0,
     *range(0x02B9, 0x02C0), *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
)  # fmt: skip
_SIGNS = "\u2120\u2122"  # service mark, trade mark: symbols, though they are compatible with letters
_DOTTED = "i\u0307"


class _Bare(dict[int, str | None]):
    """A table for str.translate, filled as characters turn up: what is left of a character, folded."""

    def __missing__(self, code: int) -> str | None:
        self[code] = _left_of(chr(code)) or None
        return self[code]


def _left_of(character: str) -> str:
    if character in _SIGNS:
        return ""
    plain = unicodedata.normalize("NFKC", character)
    if plain.startswith(" "):  # a blank, or an accent that stands alone
        return ""
    return "".join(map(_folded, unicodedata.normalize("NFKC", plain.casefold())))


def _folded(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "PSZ" or category in ("Cc", "Cf", "Cs") or ord(character) in _UNSEEN:
        return ""
    return str(unicodedata.decimal(character)) if category == "Nd" else character


_BARE = _Bare()
_ASCII = bytes(range(256)).lower()
_ASCII_OUT = bytes(code for code in range(128) if not chr(code).isalnum())


def normalised(text: str) -> str:
    """What is left of a text for comparing; empty when there are neither letters nor digits in it."""
    if text.isascii():
        return text.encode("ascii").translate(_ASCII, _ASCII_OUT).decode("ascii")
    left = unicodedata.normalize("NFC", text.translate(_BARE))
    return left.replace(_DOTTED, "i") if _DOTTED in left else left


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
