"""A recipe as YAML with everything resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mtsuite.recipe.load import Resolver
from mtsuite.recipe.paths import make_relative
from mtsuite.recipe.schema import Recipe
from mtsuite.recipe.tree import Place, from_plain, plain


class _Dumper(yaml.SafeDumper):
    """Quotes whatever YAML 1.1 or our own reader would take for something else than text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [
            *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
            *Resolver.yaml_implicit_resolvers.get(first, []),
        ]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *Resolver.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _list(dumper: _Dumper, items: list[Any]) -> yaml.Node:
    short = not any(isinstance(item, (list, dict)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=short)


_Dumper.add_representer(list, _list)


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    # PyYAML writes these line breaks plain and reads them back as blanks.
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def resolved_yaml(recipe: Recipe, folder: Path | None = None) -> str:
    """Every key of the recipe with its value, in the order of the schema; reads back to an equal recipe.

    ``folder`` is where the text is going to be stored: absolute paths are written relative to it, so that the file
    neither shows nor depends on the layout of this machine as long as its neighbours move along.
    """
    values = recipe.model_dump(mode="python")
    if folder is not None:
        tree = from_plain(values, Place("recipe"))
        make_relative(tree, folder.absolute())
        values = plain(tree)
    return yaml_text(values)


def yaml_text(values: Any) -> str:
    """A resolved recipe's keys and values as YAML."""
    head = "# Everything resolved: what was not set is here with its default.\n"
    return head + yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
