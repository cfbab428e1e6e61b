"""What ``forgetting:`` and ``sequence:`` name must be there: rows, directions and languages, each with its place."""

from __future__ import annotations

from collections.abc import Iterator

from mtsuite.data.direction import Direction
from mtsuite.errors import DataError, did_you_mean
from mtsuite.recipe.schema import Forgetting, Sequence
from mtsuite.recipe.tree import Keys, Listing, Mapping, Problem, Scalar, dotted, scalars

_ZERO_SHOT = ("forgetting", "zero_shot_directions")


def check_forgetting(tree: Mapping) -> list[tuple[Keys, Problem]]:
    """Problems of both blocks, each with the keys of the value that it is about."""
    return [*_rows(tree), *_sequence(tree), *_zero_shot(tree), *_languages(tree)]


def _rows(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    methods = tree.get("methods")
    if not isinstance(methods, Mapping):
        return
    rows = list(methods.entries)
    for keys, item in scalars(tree, "sequence", "methods"):
        yield from _row(keys, item, rows)
    if isinstance(tree.get("sequence"), Mapping):
        yield from _base(tree, "sequence", Sequence.model_fields["base"].default, rows)
    if scalars(tree, *_ZERO_SHOT):
        yield from _base(tree, "forgetting", Forgetting().base, rows)


def _base(tree: Mapping, block: str, default: str, rows: list[str]) -> Iterator[tuple[Keys, Problem]]:
    node = tree.get(block, "base")
    if isinstance(node, Scalar):
        yield from _row((block, "base"), node, rows)
    elif node is None and default not in rows:
        message = f"{block}.base: its default {default!r} is not a row of methods. {did_you_mean(default, rows)}"
        yield (block, "base"), Problem(tree.entries[block].place, message)


def _row(keys: Keys, item: Scalar, rows: list[str]) -> Iterator[tuple[Keys, Problem]]:
    if isinstance(item.value, str) and item.value not in rows:
        message = f"{dotted(keys)}: {item.value!r} is not a row of methods. {did_you_mean(item.value, rows)}"
        yield keys, Problem(item.place, message)


def _sequence(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    keys = ("sequence", "directions")
    known = _trained(tree)
    for where, item in scalars(tree, *keys):
        if isinstance(item.value, str) and item.value not in known:
            message = f"{dotted(where)}: {item.value!r} is not among directions. {did_you_mean(item.value, known)}"
            yield where, Problem(item.place, message)
    yield from _twice(tree, *keys)
    yield from _twice(tree, "sequence", "methods")
    node = tree.get(*keys)
    if isinstance(node, Listing) and len(node.items) < 2:
        found = "one" if node.items else "none"
        message = f"{dotted(keys)}: a sequence has two directions or more, one after another; found {found}"
        yield keys, Problem(node.place, message)


def _zero_shot(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    trained, languages = _trained(tree), _spoken(tree)
    for keys, item in scalars(tree, *_ZERO_SHOT):
        if not isinstance(item.value, str):
            continue
        try:
            direction = Direction.parse(item.value)
        except DataError as error:
            yield keys, Problem(item.place, f"{dotted(keys)}: {error}")
            continue
        if item.value in trained:
            message = f"{dotted(keys)}: {item.value!r} is trained on, as one of directions; take it out of either list"
            yield keys, Problem(item.place, message)
        for code in direction:
            if code not in languages:
                message = f"{dotted(keys)}: no direction that is trained on has the language {code!r} of {item.value}."
                yield keys, Problem(item.place, f"{message} Languages: {', '.join(languages)}.")
                break
    yield from _twice(tree, *_ZERO_SHOT)


def _languages(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    spoken = _spoken(tree)
    for keys, item in scalars(tree, "forgetting", "languages"):
        if isinstance(item.value, str) and item.value not in spoken:
            message = (
                f"{dotted(keys)}: no direction has the language {item.value!r}. {did_you_mean(item.value, spoken)}"
            )
            yield keys, Problem(item.place, message)
    yield from _twice(tree, "forgetting", "languages")


def _trained(tree: Mapping) -> list[str]:
    return [str(item.value) for _, item in scalars(tree, "directions")]


def _spoken(tree: Mapping) -> list[str]:
    found: list[str] = []
    for text in _trained(tree):
        try:
            found += Direction.parse(text)
        except DataError:  # told by the check of directions itself
            continue
    return list(dict.fromkeys(found))


def _twice(tree: Mapping, *keys: str) -> Iterator[tuple[Keys, Problem]]:
    seen: set[str] = set()
    for where, item in scalars(tree, *keys):
        if isinstance(item.value, str) and item.value in seen:
            yield where, Problem(item.place, f"{dotted(where)}: {item.value!r} is there twice")
        seen.add(str(item.value))
