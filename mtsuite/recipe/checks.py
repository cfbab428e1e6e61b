"""Keys that must agree with other keys, checked on the tree so that the message stands at the very word.

The schema checks the same when a recipe is made in Python; here the nearest name is added, all
problems are found at once, also beside wrong types elsewhere, and list entries are pointed at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from mtsuite.data.direction import Direction, equal_prompts
from mtsuite.errors import DataError, did_you_mean, shortened
from mtsuite.recipe.checks_forgetting import check_forgetting
from mtsuite.recipe.paths import LONGEST_NAME
from mtsuite.recipe.schema import Transfer
from mtsuite.recipe.tree import Keys, Listing, Mapping, Node, Problem, Scalar, dotted
from mtsuite.recipe.tree import scalars as _items

_NAME = re.compile(r"[^\W_][\w.+-]*")
FOLDER_NAME = f"letters, digits, '.', '_', '+' and '-', a letter or digit first, at most {LONGEST_NAME} bytes"


def is_folder_name(text: str) -> bool:
    """Whether a recipe's name can be that of its results folder."""
    return _NAME.fullmatch(text) is not None and len(text.encode()) <= LONGEST_NAME


def check(tree: Mapping) -> list[tuple[Keys, Problem]]:
    """Problems, each with the keys of the list or value that it is about."""
    return [
        *_directions(tree),
        *_twice(tree, "seeds"),
        *_metrics(tree),
        *_numbers(tree),
        *_rows(tree),
        *_transfer_directions(tree),
        *check_forgetting(tree),
        *_name(tree),
    ]


def _directions(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    told: list[Direction] = []
    for keys, item in [*_items(tree, "directions"), *_items(tree, "forgetting", "zero_shot_directions")]:
        if not isinstance(item.value, str):
            continue
        try:
            direction = Direction.parse(item.value)
        except DataError as error:
            if keys[0] == "directions":  # the others are told with forgetting
                yield keys, Problem(item.place, f"{dotted(keys)}: {error}")
            continue
        if problem := equal_prompts([*told, direction]):
            yield keys, Problem(item.place, f"{dotted(keys)}: {problem}")
        else:
            told.append(direction)
    yield from _twice(tree, "directions")


def _twice(tree: Mapping, key: str) -> Iterator[tuple[Keys, Problem]]:
    seen: set[tuple[type, object]] = set()
    for keys, item in _items(tree, key):
        mark = (type(item.value), item.value)
        if mark in seen:
            yield keys, Problem(item.place, f"{dotted(keys)}: {item.raw!r} is there twice")
        seen.add(mark)


def _metrics(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    """A metric that is named twice, or so that only case tells it from another."""
    seen: dict[str, str] = {}
    for keys, item in _items(tree, "metrics", "names"):
        if isinstance(item.value, str):
            first = seen.setdefault(item.value.casefold(), item.value)
            if first is not item.value:
                how = "is there twice" if first == item.value else f"differs from {first!r} in case alone"
                yield keys, Problem(item.place, f"{dotted(keys)}: {shortened(item.value)!r} {how}")


def _numbers(node: Node, keys: Keys = ()) -> Iterator[tuple[Keys, Problem]]:
    """Numbers that no computer word holds, wherever they stand: a method's configuration has no schema yet."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            yield from _numbers(entry.node, (*keys, key))
    elif isinstance(node, Listing):
        for index, item in enumerate(node.items):
            yield from _numbers(item, (*keys, index))
    elif isinstance(node, Scalar):
        found = shortened(node.raw, 60)
        if isinstance(node.value, int) and abs(node.value) >= 1 << 63:
            yield keys, Problem(node.place, f"{dotted(keys)}: expected a whole number of 64 bits, found {found}")
        elif isinstance(node.value, float) and not math.isfinite(node.value):
            yield keys, Problem(node.place, f"{dotted(keys)}: expected a finite number, found {found}")


def _rows(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    methods = tree.get("methods")
    if not isinstance(methods, Mapping):
        return
    rows = list(methods.entries)
    external = tree.get("external")
    outside = list(external.entries) if isinstance(external, Mapping) else []
    for name in outside:
        if isinstance(external, Mapping) and name in rows:
            message = f"external.{name}: there is a row of methods with that name; choose another"
            yield ("external", name), Problem(external.entries[name].place, message)
    named: list[tuple[Keys, Node | None]] = [(("transfer", "base"), tree.get("transfer", "base"))]
    named += _items(tree, "transfer", "methods")
    pairs = tree.get("significance", "pairs")
    for index, pair in enumerate(pairs.items if isinstance(pairs, Listing) else []):
        rows_of_pair = pair.items if isinstance(pair, Listing) else []
        named += [(("significance", "pairs", index, place), row) for place, row in enumerate(rows_of_pair)]
    for keys, node in named:
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value not in rows:
            message = f"{dotted(keys)}: {node.value!r} is not a row of methods. {did_you_mean(node.value, rows)}"
            yield keys, Problem(node.place, message)
    baseline = tree.get("report", "baseline")
    if isinstance(baseline, Scalar) and isinstance(baseline.value, str) and baseline.value not in [*rows, *outside]:
        hint = did_you_mean(baseline.value, [*rows, *outside])
        of = "methods or external" if outside else "methods"
        problem = Problem(baseline.place, f"report.baseline: {baseline.value!r} is not a row of {of}. {hint}")
        yield ("report", "baseline"), problem
    transfer = tree.get("transfer")
    base = Transfer().base
    if isinstance(transfer, Mapping) and "base" not in transfer.entries and base not in rows:
        place = tree.entries["transfer"].place
        message = f"transfer.base: its default {base!r} is not a row of methods. {did_you_mean(base, rows)}"
        yield ("transfer", "base"), Problem(place, message)


def _transfer_directions(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    known = [str(item.value) for _, item in _items(tree, "directions")]
    for keys, item in _items(tree, "transfer", "directions"):
        if isinstance(item.value, str) and item.value not in known:
            message = f"{dotted(keys)}: {item.value!r} is not among directions. {did_you_mean(item.value, known)}"
            yield keys, Problem(item.place, message)


def _name(tree: Mapping) -> Iterator[tuple[Keys, Problem]]:
    node = tree.get("name")
    # The name becomes a folder below results/.
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value and not is_folder_name(node.value):
        found = repr(shortened(node.value))
        yield ("name",), Problem(node.place, f"name: names a folder, so it is {FOLDER_NAME}; found {found}")
