"""Strict validation, with the few spellings forgiven whose meaning the schema leaves no doubt about.

``true`` is no number and ``'10'`` is text, but ``1e4`` serves as a whole number, ``yes/no/on/off`` as truth
values, a bare number as text where text is expected (``revision: 4711``), and a section with nothing behind
its key is that section with all defaults.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mtsuite.recipe.explain import locate
from mtsuite.recipe.tree import Mapping, Node, Scalar, plain

Checked = TypeVar("Checked", bound=BaseModel)
_TRUTH = {"yes": True, "on": True, "no": False, "off": False}


def validate(model: type[Checked], tree: Node) -> Checked:
    """The tree as a ``model``; forgiven scalars are changed in the tree.  Raises pydantic's ValidationError."""
    while True:
        try:
            return model.model_validate(plain(tree), strict=True)
        except ValidationError as error:
            forgiven = [_forgive(details["type"], details["loc"], tree) for details in error.errors()]
            if not any(forgiven):  # each round leaves fewer errors, so this ends
                raise


def _forgive(kind: str, loc: tuple[str | int, ...], tree: Node) -> bool:
    _, node, place = locate(tree, loc)
    if not isinstance(node, Scalar):
        return False
    value = node.value
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        node.value = int(value)
    elif kind == "bool_type" and isinstance(value, str) and value.lower() in _TRUTH:
        node.value = _TRUTH[value.lower()]
    elif kind == "string_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
        node.value = node.raw
    elif kind in ("model_type", "model_attributes_type") and value is None and len(loc) > 0:
        _, parent, _ = locate(tree, loc[:-1])
        if not isinstance(parent, Mapping) or not isinstance(loc[-1], str) or loc[-1] not in parent.entries:
            return False
        parent.entries[loc[-1]].node = Mapping(place)
    else:
        return False
    return True
