"""What the schema declares at a place: used for nearest names and for the reference."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel


def members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without None and without ``Annotated``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [m for part in get_args(annotation) for m in members(part)]
    return [] if annotation is type(None) else [annotation]


def is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def tags(model: type[BaseModel]) -> set[str]:
    """The values of a section's ``Literal`` fields with one value: what a union is told apart by."""
    fields = (f.annotation for f in model.model_fields.values())
    return {get_args(a)[0] for a in fields if get_origin(a) is Literal and len(get_args(a)) == 1}


def section_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The section that pydantic's location ``loc`` leads to; tags of a union may be part of ``loc``."""
    found = _at(model, list(loc))
    return found if found is not None and is_section(found) else None


def _at(annotation: Any, loc: list[str | int]) -> Any:
    choices = members(annotation)
    if not loc:
        return choices[0] if len(choices) == 1 else None
    head, rest = loc[0], loc[1:]
    sections = [c for c in choices if is_section(c)]
    if len(sections) > 1:
        tagged = [c for c in sections if head in tags(c)]
        return _at(tagged[0], rest) if tagged else None
    for choice in choices:
        if is_section(choice):
            if isinstance(head, str) and head in choice.model_fields:
                return _at(choice.model_fields[head].annotation, rest)
        elif get_origin(choice) is dict and isinstance(head, str):
            return _at(get_args(choice)[1], rest)
        elif get_origin(choice) is list and isinstance(head, int):
            return _at(get_args(choice)[0], rest)
    return None
