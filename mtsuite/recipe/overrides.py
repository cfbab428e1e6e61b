"""Overrides from the command line: ``--set train.max_steps=50``.

The left side is a dotted key; a name that holds a dot is quoted (``methods."a.b".use``).  The right side
is YAML when it starts with ``{``, ``[``, a quote or ``!``, and one plain value otherwise, so that ``=``, ``:``
and ``#`` in it need no care.  An override works like one more file laid over the recipe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mtsuite.errors import RecipeError, printable, shortened
from mtsuite.recipe.load import LONGEST, Origin, character_problem, load, resolve_plain
from mtsuite.recipe.merge import merge
from mtsuite.recipe.paths import make_absolute
from mtsuite.recipe.tree import Entry, Keys, Listing, Mapping, Node, Place, Problem, Remove, Scalar, dotted

_DEEPEST = 20
_PART = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<bare>[^.=\s"']+))\s*(?P<end>[.=]|$)"""
)


def parse_override(text: str) -> Mapping:
    """``a.b=value`` as a tree of its own.  Raises RecipeError when it is not of that form."""
    if problem := character_problem(text):
        raise RecipeError(f"--set {printable(shortened(text))}: {problem}")
    if len(text) > LONGEST:
        raise RecipeError(f"--set {shortened(text)}: expected at most {LONGEST:,} characters")
    origin = Origin(f"--set {shortened(text)}")
    keys, rest = _split(text)
    if rest is None:
        example = dotted(keys) if keys else "train.max_steps"
        raise RecipeError(f"--set {shortened(text)}: expected KEY=VALUE, such as --set {example}=50")
    if keys == ["extends"]:
        raise RecipeError(f"--set {text}: 'extends' is allowed in files only; set the keys themselves")
    if len(keys) > _DEEPEST:
        raise RecipeError(f"--set {shortened(text)}: {len(keys):,} keys below one another; no recipe is that deep")
    place = origin.place(0, 0)
    node = _value(rest, origin, place)
    for key in reversed(keys):
        node = Mapping(place, {key: Entry(place, node)})
    assert isinstance(node, Mapping)
    return node


def apply_overrides(tree: Mapping, overrides: Sequence[str], folder: Path, problems: list[Problem]) -> Mapping:
    """The tree with all overrides laid over it in order; later ones win.  Relative paths belong to ``folder``."""
    for text in overrides:
        override = parse_override(text)
        make_absolute(override, folder)
        blocked = _blocked(tree, override, ())
        if blocked is not None:
            problems.append(blocked)
            continue
        merged = merge(tree, override, problems)
        assert isinstance(merged, Mapping)
        tree = merged
    return tree


def _split(text: str) -> tuple[list[str], str | None]:
    """Keys, and what stands behind the first ``=`` outside quotes (None: no ``=``, or no key before it)."""
    keys: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        double, single, bare = match["double"], match["single"], match["bare"]
        keys.append(re.sub(r"\\(.)", r"\1", double) if double is not None else single if single is not None else bare)
        at = match.end()
        if match["end"] == "=":
            return keys, text[at:]
        if not match["end"]:
            return keys, None
    return [], None


def _value(text: str, origin: Origin, place: Place) -> Node:
    stripped = text.strip()
    if not stripped.startswith(("{", "[", '"', "'", "!")):
        return resolve_plain(stripped, place)
    node = load(stripped, origin)
    return Scalar(place, None) if node is None else node


def _blocked(tree: Node, override: Node, keys: Keys) -> Problem | None:
    """A dotted key that leads through a list or a single value."""
    if not isinstance(override, Mapping) or len(override.entries) != 1 or override.replace:
        return None
    if isinstance(tree, Listing):
        name = dotted(keys)
        return Problem(override.place, f"{name} is a list; set it whole, such as --set {name}='[...]'")
    if isinstance(tree, Scalar) and tree.value is not None:
        return Problem(override.place, f"{dotted(keys)} is a single value ({tree.raw}); there is nothing below it")
    (key, entry), *_ = override.entries.items()
    if not isinstance(tree, Mapping) or key not in tree.entries or isinstance(entry.node, Remove):
        return None
    return _blocked(tree.entries[key].node, entry.node, (*keys, key))
