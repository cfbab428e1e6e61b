"""Whether text is the microworld's, by its words: a few hundred per language, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from mtsuite.data.microworld import LANGUAGES_IN_WORLD, generate

_SENTENCES = 2000  # of which the words are taken
_LEAST = 0.85  # of words; measured: 0.94 of the world's own (ar) and more, 0.73 of other text (zh, characters) and less


def is_of_microworld(code: str, lines: Iterable[str]) -> bool:
    """Whether nearly all words of the lines, in the language ``code``, are words of the microworld."""
    if code not in LANGUAGES_IN_WORLD:
        return False
    words = [word for line in lines for word in _words(code, line)]
    known = _vocabulary(code)
    return sum(word in known for word in words) >= _LEAST * len(words)


@cache
def _vocabulary(code: str) -> frozenset[str]:
    return frozenset(word for row in _rows() for word in _words(code, row[code]))


@cache
def _rows() -> list[dict[str, str]]:
    return generate("train", _SENTENCES)


def _words(code: str, line: str) -> list[str]:
    return re.findall(r"\w" if code == "zh" else r"\w+", line.lower())
