"""YAML text to a tree with places, without the traps of YAML 1.1.

Only ``true`` and ``false`` are truth values (``no`` is Norwegian), ``1e-3`` is a number, there are
no dates, no base-60 numbers and no octal ``010``; a key written twice is an error; keys are text.
What a document can make of itself is bounded: its length, its nodes (those that aliases repeat counted each time)
and how deep they stand.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from mtsuite.errors import RecipeError, shortened, unprintable
from mtsuite.recipe.tree import Entry, Listing, Mapping, Node, Place, Problem, Remove, Scalar, told

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_BOOL = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INT = re.compile(r"^(?:[-+]?[0-9][0-9_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0o_*[0-7][0-7_]*)$")
LONGEST = 1 << 20  # characters of a document
_NODES = 20_000  # hundreds are usual
_DEPTH = 50
_DIGITS = 400  # of a number: more than any float has, and few enough to be converted at once
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


_TOO_MANY = f"more than {_NODES:,} keys and values (those that aliases repeat included); split it into recipes"
_TOO_DEEP = f"nested more than {_DEPTH} deep"


class Resolver(BaseResolver):
    """Which plain scalars are something else than text."""


Resolver.add_implicit_resolver(f"{_TAG}null", _NULL, ["~", "n", "N", ""])
Resolver.add_implicit_resolver(f"{_TAG}bool", _BOOL, list("tTfF"))
Resolver.add_implicit_resolver(f"{_TAG}int", _INT, list("-+0123456789"))
Resolver.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+.0123456789"))
Resolver.add_implicit_resolver(f"{_TAG}merge", re.compile(r"^<<$"), ["<"])


class _Loader(Reader, Scanner, Parser, Composer, Resolver):
    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        Resolver.__init__(self)
        self._composed = self._deep = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As PyYAML's.  Raises MarkedYAMLError as soon as the document is too large."""
        mark = self.peek_event().start_mark
        self._composed += 1
        if self._composed > _NODES:
            raise yaml.MarkedYAMLError(problem=_TOO_MANY, problem_mark=mark)
        self._deep += 1
        if self._deep > _DEPTH:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._deep -= 1


class Origin:
    """Gives the places of a source: a file's text, or an override that is shown whole."""

    def __init__(self, source: str, text: str | None = None) -> None:
        self.source = source
        # YAML's own idea of a line, so that numbers agree with the marks.
        self._lines = None if text is None else re.split("\r\n|[\n\r\x85\u2028\u2029]", text)

    def place(self, line: int, column: int) -> Place:
        """A place from a line and a column that count from 0."""
        if self._lines is None:
            return Place(self.source)
        text = self._lines[line] if line < len(self._lines) else ""
        return Place(self.source, line + 1, column + 1, text)

    def of(self, mark: yaml.Mark | None) -> Place:
        return self.place(mark.line, mark.column) if mark is not None else self.place(0, 0)


def load(text: str, origin: Origin) -> Node | None:
    """Read one YAML document; None when there is nothing in it.

    Raises RecipeError for syntax errors, and for all duplicate keys and unknown tags together.
    """
    if len(text) > LONGEST:
        message = f"expected a recipe of at most {LONGEST:,} characters, found {len(text):,}"
        raise RecipeError(Place(shortened(origin.source)).describe(message))
    root = _compose(text, origin)
    if root is None:
        return None
    builder = _Builder(origin)
    tree = builder.node(root)
    if builder.problems:
        raise RecipeError(told(builder.problems))
    return tree


def resolve_plain(raw: str, place: Place) -> Scalar:
    """A plain scalar: null, truth value, number or text.  Raises RecipeError at a character that no recipe may hold."""
    if problem := character_problem(raw):
        raise RecipeError(place.describe(problem))
    tag = Resolver().resolve(yaml.ScalarNode, raw, (True, False))
    return Scalar(place, _value(tag.removeprefix(_TAG), raw), raw)


def character_problem(text: str) -> str | None:
    """What is wrong with the characters of a key or a value, or None."""
    found = unprintable(text)
    if found is None:
        return None
    what = "half of a surrogate pair" if "\ud800" <= found <= "\udfff" else "a control character"
    return f"U+{ord(found):04X}, {what}, has no place in a recipe; take it out"


def _compose(text: str, origin: Origin) -> yaml.Node | None:
    try:
        return _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        # The problem's mark is where the parser gave up; the context says what it was reading.
        place = origin.of(error.problem_mark or error.context_mark)
        problem = error.problem or error.context or "cannot be read"
        if "'\\t'" in problem:
            problem = "a tab where YAML wants spaces"
        elif error.context and error.problem:
            at = error.context_mark
            since = f" (line {at.line + 1})" if at is not None and place.line not in (0, at.line + 1) else ""
            problem += f", {error.context}{since}"
        raise RecipeError(place.describe(f"not valid YAML: {problem}")) from None
    except ReaderError as error:
        before = text[: error.position]
        line = before.count("\n")
        place = origin.place(line, error.position - (before.rfind("\n") + 1))
        code = error.character if isinstance(error.character, int) else ord(str(error.character))
        raise RecipeError(
            Place(place.source, place.line, place.column).describe(f"a control character, U+{code:04X}")
        ) from None
    except (RecursionError, ValueError, OverflowError):  # of the parser, before a node is made
        raise RecipeError(Place(origin.source).describe(f"not valid YAML, or {_TOO_DEEP}")) from None


class _Builder:
    """PyYAML's nodes to ours, collecting problems."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.problems: list[Problem] = []
        self._open: list[int] = []
        self._made = 0

    def node(self, node: yaml.Node) -> Node:
        """A YAML node as a node with its place.  Raises RecipeError beyond the limits of size and depth."""
        place = self.origin.of(node.start_mark)
        self._made += 1
        if self._made > _NODES or len(self._open) >= _DEPTH:
            raise RecipeError(place.describe(_TOO_MANY if self._made > _NODES else _TOO_DEEP))
        tag = node.tag.removeprefix(_TAG)
        if id(node) in self._open:
            self.problems.append(Problem(place, "an alias inside its own anchor"))
            return Scalar(place, None)
        self._open.append(id(node))
        try:
            if tag == "!remove":
                if getattr(node, "value", None):
                    self.problems.append(Problem(place, "!remove takes no value"))
                return Remove(place)
            if isinstance(node, yaml.MappingNode) and tag in ("map", "!replace"):
                return self._mapping(node, place, replace=tag == "!replace")
            if isinstance(node, yaml.SequenceNode) and tag == "seq":
                return self._listing(node, place)
            if isinstance(node, yaml.ScalarNode):
                return self._scalar(node, place, tag)
            self._unknown_tag(place, node.tag)
            return Scalar(place, None)
        finally:
            self._open.pop()

    def _unknown_tag(self, place: Place, tag: str) -> None:
        tag = tag.replace(_TAG, "!!", 1)
        self.problems.append(Problem(place, f"the tag {tag} has no meaning here; there are !remove and !replace"))

    def _scalar(self, node: yaml.ScalarNode, place: Place, tag: str) -> Scalar:
        if tag == "merge":  # `<<` as a value is just text
            tag = "str"
        if tag not in ("str", "null", "bool", "int", "float"):
            self._unknown_tag(place, node.tag)
            return Scalar(place, None, node.value)
        if problem := character_problem(node.value):
            self.problems.append(Problem(place, problem))
            return Scalar(place, None)
        try:
            return Scalar(place, _value(tag, node.value), node.value)
        except ValueError:
            self.problems.append(Problem(place, f"{shortened(node.value)!r} is not of type !!{tag}"))
            return Scalar(place, None, node.value)

    def _listing(self, node: yaml.SequenceNode, place: Place) -> Listing:
        items = [self.node(item) for item in node.value]
        for item in items:
            if isinstance(item, Remove):
                self.problems.append(Problem(item.place, "!remove follows a key, it cannot be in a list"))
        return Listing(place, items)

    def _mapping(self, node: yaml.MappingNode, place: Place, replace: bool) -> Mapping:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            at = self.origin.of(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(at, "a key is a word, not a list or a mapping"))
                continue
            value = self.node(value_node)
            if key_node.tag == f"{_TAG}merge":
                self._merge_key(value, at, merged)
                continue
            key = str(key_node.value)
            if problem := character_problem(key):
                self.problems.append(Problem(at, problem))
                continue
            if key in own:
                first = own[key].place
                where = f", first in line {first.line}" if first.line else ""
                self.problems.append(Problem(at, f"the key {key!r} is there twice{where}"))
                continue
            own[key] = Entry(at, value)
        return Mapping(place, {**merged, **own}, replace)

    def _merge_key(self, value: Node, at: Place, merged: dict[str, Entry]) -> None:
        for part in value.items if isinstance(value, Listing) else [value]:
            if not isinstance(part, Mapping):
                self.problems.append(Problem(at, "'<<' takes a mapping or a list of mappings"))
                return
            self._made += len(part.entries)
            for key, entry in part.entries.items():
                merged.setdefault(key, entry)


def _value(tag: str, raw: str) -> str | int | float | bool | None:
    if tag == "null":
        return None
    if tag == "bool":
        if not _BOOL.match(raw):
            raise ValueError(raw)
        return raw.lower() == "true"
    if len(raw) > _DIGITS and tag in ("int", "float"):
        return raw  # as text it is told apart from a number, and serves where text is expected
    if tag == "int":
        digits = raw.replace("_", "")
        return int(digits, 0) if digits[:2] in ("0x", "0o") else int(digits)
    if tag == "float":
        number = raw.replace("_", "").lower()
        return float(number.replace(".inf", "inf").replace(".nan", "nan"))
    return raw
