"""pydantic's errors in the words of a recipe, at the place in the file that they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mtsuite.errors import RecipeError, did_you_mean
from mtsuite.recipe.shape import section_at
from mtsuite.recipe.tree import Keys, Listing, Mapping, Node, Place, Problem, Remove, Scalar, dotted, told

_MOST_ERRORS = 200


def locate(tree: Node, loc: Sequence[str | int]) -> tuple[Keys, Node, Place]:
    """Follow pydantic's location as far as the tree goes: the keys, the node, and the place of the last key.

    Parts that are not there are names of a union's branches; they are left out.
    """
    node, place = tree, tree.place
    keys: list[str | int] = []
    for part in loc:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.entries:
            entry = node.entries[part]
            node, place = entry.node, entry.place
        elif isinstance(node, Listing) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
        else:
            continue
        keys.append(part)
    return tuple(keys), node, place


def pointed(node: Node, key: Place) -> Place:
    """Where a wrong value is shown: at the value, or at its key when nothing stands behind that."""
    return key if isinstance(node, Scalar) and not node.raw else node.place


def problems_of(error: ValidationError, tree: Node, model: type[BaseModel], below: Keys = ()) -> list[Problem]:
    """One problem an error.  ``below`` are the keys of the tree at which ``model`` was validated."""
    return [_problem(dict(details), tree, model, below) for details in told_errors(error)]


def told_errors(error: ValidationError) -> list[dict[str, Any]]:
    """pydantic's errors, of very many the first ones: each is explained at some cost."""
    return [dict(details) for details in error.errors(include_url=False)[:_MOST_ERRORS]]


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise one RecipeError for all problems, file by file in order of lines; nothing when there are none."""
    seen = dict.fromkeys(problems)
    sources = {problem.place.source: None for problem in seen}
    order = {source: number for number, source in enumerate(sources)}
    found = sorted(seen, key=lambda p: (order[p.place.source], p.place.line, p.place.column))
    if found:
        raise RecipeError(told(found))


def found(node: Node) -> str:
    """A value as it is named in a message."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node, Remove) or node.value is None:
        return "nothing"
    text = repr(node.value) if isinstance(node.value, str) else node.raw
    return text if len(text) <= 60 else f"{text[:57]}..."


def _problem(details: dict[str, Any], tree: Node, model: type[BaseModel], below: Keys) -> Problem:
    kind: str = details["type"]
    loc: tuple[str | int, ...] = details["loc"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "missing":
        keys, node, place = locate(tree, (*below, *loc[:-1]))
        meaning = _meaning(model, loc)
        return Problem(place, f"{dotted((*keys, loc[-1]))}: missing.{meaning}")
    keys, node, place = locate(tree, (*below, *loc))
    name = dotted(keys)
    if kind == "extra_forbidden":
        section = section_at(model, loc[:-1])
        known = [*section.model_fields] if section else []
        if not loc[:-1] and not below:
            known.append("extends")
        return Problem(place, f"{name}: unknown key. {did_you_mean(str(loc[-1]), known)}")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _tag_problem(kind, context, keys, node, place)
    if kind == "value_error":
        return _value_problem(str(context.get("error", details["msg"])), keys, node, place, tree, below)
    return Problem(pointed(node, place), f"{name}: {_MESSAGES.get(kind, _fallback)(context, node, details)}")


def _meaning(model: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    section = section_at(model, loc[:-1])
    field = section.model_fields.get(str(loc[-1])) if section else None
    return f" {field.description}" if field is not None and field.description else ""


def _tag_problem(kind: str, context: dict[str, Any], keys: Keys, node: Node, place: Place) -> Problem:
    key = str(context["discriminator"]).strip("'")
    name = dotted((*keys, key))
    value = node.entries.get(key) if isinstance(node, Mapping) else None
    expected = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    if kind == "union_tag_not_found" or value is None:
        return Problem(place, f"{name}: missing; it says which kind of block this is.")
    word = value.node.value if isinstance(value.node, Scalar) else None
    hint = did_you_mean(word, expected) if isinstance(word, str) else did_you_mean("", expected)
    return Problem(value.node.place, f"{name}: there is no {found(value.node)}. {hint}")


def _value_problem(message: str, keys: Keys, node: Node, place: Place, tree: Node, below: Keys) -> Problem:
    """What a validator of ours said; one over a whole section starts with the key that it is about."""
    if isinstance(node, Mapping):
        word = re.match(r"[A-Za-z_][\w.-]*", message)
        inner, inner_node, inner_place = locate(tree, (*keys, *(word[0].split(".") if word else ())))
        if word and len(inner) > len(keys):
            at = inner_node.place if isinstance(inner_node, Scalar) else inner_place
            return Problem(at, message if not keys else f"{dotted(keys)}: {message}")
    return Problem(place, f"{dotted(keys)}: {message}" if keys else message)


_Message = Callable[[dict[str, Any], Node, dict[str, Any]], str]


def _expected(what: str) -> _Message:
    def message(context: dict[str, Any], node: Node, details: dict[str, Any]) -> str:
        value = node.value if isinstance(node, Scalar) else None
        quotes = " (write it with quotes)" if what == "text" and isinstance(value, bool) else ""
        if "number" in what and isinstance(value, str) and re.fullmatch(r"[-+]?\d[\d.]*", value):
            quotes = " (write it without quotes)"
        return f"expected {what}, found {found(node)}{quotes}"

    return message


def _bound(what: str, key: str) -> _Message:
    return lambda context, node, details: f"must be {what} {context[key]:g}, found {found(node)}"


def _literal(context: dict[str, Any], node: Node, details: dict[str, Any]) -> str:
    allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    names = " or ".join(f"'{name}'" for name in allowed)
    value = node.value if isinstance(node, Scalar) else None
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    return f"expected {names}, found {found(node)}" + (f". {hint}" if hint.startswith("Did") else "")


def _too_short(context: dict[str, Any], node: Node, details: dict[str, Any]) -> str:
    least = context.get("min_length", 1)
    return f"needs at least {least} {'entry' if least == 1 else 'entries'}, found {context.get('actual_length', 0)}"


def _fallback(context: dict[str, Any], node: Node, details: dict[str, Any]) -> str:
    return f"{details['msg'][:1].lower()}{details['msg'][1:]}, found {found(node)}"


_WHOLE, _NUMBER, _TEXT, _TRUTH = map(_expected, ("a whole number", "a number", "text", "true or false"))
_BLOCK, _LIST = _expected("a mapping"), _expected("a list")

_MESSAGES: dict[str, _Message] = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _expected("a finite number"),
    "string_type": _TEXT,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": _LIST,
    "dict_type": _BLOCK,
    "model_type": _BLOCK,
    "model_attributes_type": _BLOCK,
    "literal_error": _literal,
    "too_short": _too_short,
    "greater_than_equal": _bound("at least", "ge"),
    "greater_than": _bound("greater than", "gt"),
    "less_than_equal": _bound("at most", "le"),
    "less_than": _bound("less than", "lt"),
}
