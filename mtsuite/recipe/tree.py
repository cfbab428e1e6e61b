"""A YAML document as a tree in which every key and value remembers where it was written."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.errors import shortened

Keys = tuple[str | int, ...]
MOST_PROBLEMS = 50  # that one message tells
_WIDEST = 200  # characters of a line that is shown


@dataclass(frozen=True)
class Place:
    """Where something was written: ``source:line:column``, or an override when ``line`` is 0."""

    source: str
    line: int = 0
    column: int = 0
    text: str = ""

    def describe(self, message: str) -> str:
        """The message headed by the place, then the line of the source with a caret below."""
        if not self.line:
            return f"{self.source}: {message}"
        head = f"{self.source}:{self.line}:{self.column}: {message}"
        if not self.text.strip():
            return head
        number = f"{self.line:>5}"
        text, before = self.text, self.text[: self.column - 1]
        if len(text) > _WIDEST:  # a part around the place
            start = max(0, self.column - 1 - _WIDEST // 2)
            text, before = text[start : start + _WIDEST], text[start : self.column - 1]
        lead = re.sub(r"[^\t]", " ", before)
        return f"{head}\n{number} | {text}\n{' ' * len(number)} | {lead}^"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        return self.place.describe(self.message)


def told(problems: Sequence[Problem]) -> str:
    """The problems as one text; of very many the first ones, and how many more there are."""
    more = f"\nand {len(problems) - MOST_PROBLEMS:,} more" if len(problems) > MOST_PROBLEMS else ""
    return "\n".join(map(str, problems[:MOST_PROBLEMS])) + more


@dataclass
class Scalar:
    """A single value; ``raw`` is its spelling in the source."""

    place: Place
    value: str | int | float | bool | None
    raw: str = ""


@dataclass
class Listing:
    """A YAML sequence."""

    place: Place
    items: list[Node] = field(default_factory=list)


@dataclass
class Entry:
    """A value of a mapping, with the place of its key."""

    place: Place
    node: Node


@dataclass
class Mapping:
    """A YAML mapping; ``replace`` is set by the tag ``!replace``."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)
    replace: bool = False

    def get(self, *keys: str) -> Node | None:
        """The node below these keys, or None."""
        node: Node | None = self
        for key in keys:
            entry = node.entries.get(key) if isinstance(node, Mapping) else None
            node = entry.node if entry else None
        return node


@dataclass
class Remove:
    """The tag ``!remove``: the key is to be taken away."""

    place: Place


Node = Scalar | Listing | Mapping | Remove


def scalars(tree: Mapping, *keys: str) -> list[tuple[Keys, Scalar]]:
    """The single values of a list, each with its own keys; nothing when there is no list."""
    node = tree.get(*keys)
    items = node.items if isinstance(node, Listing) else []
    return [((*keys, index), item) for index, item in enumerate(items) if isinstance(item, Scalar)]


def plain(node: Node) -> Any:
    """The tree as ordinary dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Scalar) else None


def from_plain(value: Any, place: Place) -> Node:
    """A tree of ordinary values, all written at one place."""
    if isinstance(value, dict):
        return Mapping(place, {str(k): Entry(place, from_plain(v, place)) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return Listing(place, [from_plain(item, place) for item in value])
    return Scalar(place, value, str(value))


def dotted(keys: Sequence[str | int]) -> str:
    """``methods."a.b".use``, ``directions[0]``: keys as they are written in overrides and messages."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            key = shortened(key)
            word = key if re.fullmatch(r"[^.\"'=\s\[\]]+", key) else '"' + key.replace('"', '\\"') + '"'
            text += f".{word}" if text else word
    return text


def shown(path: Path) -> str:
    """A path as it is printed: relative to the working directory when it lies below it."""
    path = Path(os.path.abspath(path))
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)
