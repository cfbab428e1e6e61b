"""A translation direction such as en-de: source language, target language."""

from __future__ import annotations

import re
from typing import NamedTuple

from mtsuite.errors import DataError

_CODE = r"[a-z]{2,3}(?:_[A-Za-z]{2,4})?"
_DIRECTION = re.compile(rf"^({_CODE})-({_CODE})$")


def is_language_code(text: str) -> bool:
    """Whether a text is a language code in form (``fr``, ``zh_Hant``), whether or not the suite knows the language."""
    return re.fullmatch(_CODE, text) is not None


class Direction(NamedTuple):
    """An ordered pair of language codes; ``str()`` gives ``en-de``."""

    source: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Direction:
        """Read ``en-de``.  Raises DataError when the text is not two different language codes."""
        match = _DIRECTION.match(text)
        if match is None or match.group(1) == match.group(2):
            raise DataError(
                f"A direction is two different language codes joined by a hyphen, such as en-de; found {text!r}."
            )
        return cls(match.group(1), match.group(2))

    @property
    def pair(self) -> tuple[str, str]:
        """The two languages in alphabetical order: en-de and de-en share the pair (de, en)."""
        first, second = sorted((self.source, self.target))
        return first, second

    @property
    def reversed(self) -> Direction:
        return Direction(self.target, self.source)

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"
