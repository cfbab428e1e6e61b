"""The reference of all recipe keys, made from the schema.

``python -m mtsuite.recipe.reference`` prints ``docs/recipe.md``, ``--write PATH`` writes it, and ``--json-schema``
prints a JSON schema that editors complete and check YAML with.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mtsuite.recipe.reference_intro import INTRO
from mtsuite.recipe.schema import Recipe
from mtsuite.recipe.shape import is_section, members, tags

_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


def markdown() -> str:
    """The text of ``docs/recipe.md``."""
    return "\n".join([INTRO, *_section(Recipe, "", "All keys", 2)]).rstrip() + "\n"


def json_schema() -> dict[str, Any]:
    """A JSON schema of recipe files, ``extends:`` included."""
    schema = Recipe.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    paths = {"type": "array", "items": {"type": "string"}}
    description = "Recipe files, relative to this one, that this file is laid over."
    schema["properties"] = {
        "extends": {"anyOf": [{"type": "string"}, paths], "description": description},
        **schema["properties"],
    }
    rows = schema["properties"]["methods"]
    rows["additionalProperties"] = {"anyOf": [rows["additionalProperties"], {"type": "null"}]}
    schema.pop("required", None)  # what is required may come from the recipe that is extended
    return schema


def _section(model: type[BaseModel], prefix: str, heading: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {heading}"
    yield ""
    if model.__doc__ and prefix:
        yield f"{model.__doc__.strip().splitlines()[0]}"
        yield ""
    leaves = {name: field for name, field in model.model_fields.items() if not _sections(field.annotation)}
    if leaves:
        yield "| key | type | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for name, field in leaves.items():
            cells = (f"`{prefix}{name}`", type_text(field), _default(field), field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""
    for name, field in model.model_fields.items():
        sections = _sections(field.annotation)
        key = f"{prefix}{name}"
        if _is_table(field.annotation):
            key += ".NAME"
        if len(sections) == 1:
            empty = "" if field.default is not None else " (left out by default)"
            yield from _section(sections[0], f"{key}.", f"`{key}`{empty}", min(level + 1, 6))
        elif sections:
            yield from _union(sections, field, key, min(level + 1, 6))


def _union(sections: list[type[BaseModel]], field: FieldInfo, key: str, level: int) -> Iterator[str]:
    tag = str(field.discriminator)
    default = getattr(field.default, tag, None)
    yield f"{'#' * level} `{key}`"
    yield ""
    yield f"{field.description} `{key}.{tag}` says which of the following blocks it is; default `{default}`."
    yield ""
    for section in sections:
        (name,) = tags(section)
        yield from _section(section, f"{key}.", f"`{key}` with `{tag}: {name}`", min(level + 1, 6))


def _sections(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field holds, also as the values of a mapping."""
    found: list[type[BaseModel]] = []
    for member in members(annotation):
        if is_section(member):
            found.append(member)
        elif get_origin(member) is dict:
            found += _sections(get_args(member)[1])
    return found


def _is_table(annotation: Any) -> bool:
    return any(get_origin(member) is dict for member in members(annotation))


def type_text(field: FieldInfo) -> str:
    """What a field takes, in words and with its bounds: ``whole number ≥ 1``."""
    kinds = [part for part in members(field.annotation) if part is not type(None)]
    text = " or ".join(map(_type_name, kinds))
    rules = [(sign, getattr(rule, key)) for rule in field.metadata for key, sign in _BOUNDS if hasattr(rule, key)]
    text += ", ".join(f" {sign} {bound:g}" for sign, bound in rules)
    return f"{text}, or empty" if type(None) in get_args(field.annotation) else text


def _type_name(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is list:
        return f"list of {_plural(inner[0])}"
    if origin is dict:
        return "mapping" if inner[1] is Any else f"mapping of names to {_plural(inner[1])}"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(annotation, str(annotation))


def _plural(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return _plural(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"lists of {_plural(get_args(annotation)[0])}"
    return {str: "text", int: "whole numbers", float: "numbers"}.get(annotation) or _type_name(annotation)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None or field.default == "":
        return "empty"
    return f"`{json.dumps(field.default, ensure_ascii=False)}`".replace('`"', "`").replace('"`', "`")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mtsuite.recipe.reference", description=__doc__)
    parser.add_argument("--write", metavar="PATH", type=Path, help="write the text there instead of printing it")
    parser.add_argument("--json-schema", action="store_true", help="the JSON schema instead of Markdown")
    options = parser.parse_args()
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n" if options.json_schema else markdown()
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
