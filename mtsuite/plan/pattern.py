"""Paths with placeholders: ``outputs/google.{direction}.txt`` names one file a direction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mtsuite.data.direction import Direction
from mtsuite.errors import did_you_mean

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """The path with its placeholders replaced.  Raises ValueError for one that is not among ``values``."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise ValueError(f"unknown placeholder {{{name}}}. {did_you_mean(name, values)}")
        return values[name].replace("/", "_")  # test sets such as wmt14/full; as files of a results folder are named

    return _PLACEHOLDER.sub(value, pattern)


def told_apart(pattern: str, differing: Sequence[str]) -> str:
    """What to do where a pattern makes one path of texts that differ in these placeholders."""
    lacking = [f"{{{name}}}" for name in differing if f"{{{name}}}" not in pattern]
    if lacking:
        return f"put {' and '.join(lacking)} into the path"
    names = " and ".join(f"{{{name}}}" for name in differing)
    return f"{names} run together in it (and a '/' in a name becomes '_'): part them by a folder, or rename one"


def of_text(direction: str, test_set: str) -> dict[str, str]:
    """The placeholders that say which text a file is of."""
    parsed = Direction.parse(direction)
    return {"direction": direction, "source": parsed.source, "target": parsed.target, "testset": test_set}
