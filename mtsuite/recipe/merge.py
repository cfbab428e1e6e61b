"""Laying one recipe over another.

Mappings merge, lists and scalars replace.  ``!remove`` takes a key away, ``!replace`` before a
mapping puts it in the place of the inherited one.  A ``data.text`` with another ``source`` replaces
the inherited one too, since its keys have no meaning for the new source.
"""

from __future__ import annotations

from mtsuite.errors import did_you_mean
from mtsuite.recipe.schema import Data
from mtsuite.recipe.tree import Entry, Keys, Mapping, Node, Problem, Remove, Scalar, dotted

_DEFAULT_SOURCE: str = Data().text.source


def merge(base: Node | None, new: Node, problems: list[Problem], keys: Keys = ()) -> Node:
    """``new`` over ``base``; both are left as they are.  A ``!remove`` without a target is a problem."""
    if not isinstance(new, Mapping):
        return new
    over = base if isinstance(base, Mapping) and not new.replace and not _other_source(base, new, keys) else None
    # The place of a merged block is where it was opened first: a missing key belongs there.
    result = Mapping(over.place if over else new.place, dict(over.entries) if over else {})
    for key, entry in new.entries.items():
        below = result.entries.get(key)
        if not isinstance(entry.node, Remove):
            node = merge(below.node if below else None, entry.node, problems, (*keys, key))
            both = below is not None and isinstance(below.node, Mapping) and isinstance(node, Mapping)
            place = below.place if both and below and node.place == below.node.place else entry.place
            result.entries[key] = Entry(place, node)
        elif below is not None:
            del result.entries[key]
        else:
            name = dotted((*keys, key))
            hint = f" {did_you_mean(key, over.entries)}" if over and over.entries else ""
            problems.append(Problem(entry.place, f"{name}: nothing to remove.{hint}"))
    return result


def _other_source(base: Mapping, new: Mapping, keys: Keys) -> bool:
    if keys != ("data", "text"):
        return False
    before, after = base.get("source"), new.get("source")
    old = before.value if isinstance(before, Scalar) else _DEFAULT_SOURCE
    return isinstance(after, Scalar) and after.value != old


def fill_source(tree: Mapping) -> None:
    """Name the default source in a ``data.text`` that sets only keys of the default source."""
    text = tree.get("data", "text")
    if isinstance(text, Mapping) and "source" not in text.entries and text.entries.keys() <= _default_keys():
        text.entries["source"] = Entry(text.place, Scalar(text.place, _DEFAULT_SOURCE, _DEFAULT_SOURCE))


def _default_keys() -> set[str]:
    return set(type(Data().text).model_fields)
