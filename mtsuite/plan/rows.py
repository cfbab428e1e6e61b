"""The methods of a recipe's rows, configured and checked; rows whose method's own code fails are set aside."""

from __future__ import annotations

from pydantic import ValidationError

from mtsuite.errors import MethodError, PluginError
from mtsuite.method import Method
from mtsuite.plan.broken import BrokenRow
from mtsuite.plan.phases import replay_of
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.read import LocatedRecipe
from mtsuite.recipe.schema import ReadRecipe, Recipe
from mtsuite.registry import code_of, configure, examine, find_method


def configure_rows(read: ReadRecipe, error: ErrorAt) -> tuple[dict[str, Method], list[BrokenRow]]:
    """Row -> its method, and the rows whose method's code fails.

    Raises RecipeError, at its place, for a method that is not known or a configuration that is none of its own.
    """
    methods: dict[str, Method] = {}
    broken: list[BrokenRow] = []
    for name, row in read.recipe.methods.items():
        use = row.use or name
        try:
            method = configure(use, row.config)
            examine(method, use)
        except PluginError as failure:
            broken.append(BrokenRow.of(name, use, failure))
        except MethodError as failure:
            cause = failure.__cause__
            if isinstance(cause, ValidationError) and isinstance(read, LocatedRecipe):
                raise read.explain(cause, ("methods", name, "config"), find_method(use).Config) from failure
            keys = ("methods", name, "use") if row.use else ("methods", name)
            raise error(keys, str(failure)) from failure
        else:
            methods[name] = method
    return methods, broken


def check_replay(recipe: Recipe, methods: dict[str, Method], error: ErrorAt) -> None:
    """Options about replayed text (``of_replay`` in their schema) are set only where a row replays some."""
    for name, method in methods.items():
        if replay_of(recipe, recipe.methods[name].train):
            continue
        for key, field in type(method.config).model_fields.items():
            extra = field.json_schema_extra
            if isinstance(extra, dict) and extra.get("of_replay") and getattr(method.config, key) != field.default:
                raise error(
                    ("methods", name, "config", key),
                    "it is about replayed text and this row replays none: set train.monolingual_replay or drop it.",
                )


def check_rows(recipe: Recipe, methods: dict[str, Method], layers: int, error: ErrorAt) -> list[BrokenRow]:
    """Ask every method whether it fits a model of ``layers`` blocks and the directions.

    Rows whose check itself fails are taken out of ``methods`` and returned.  Raises RecipeError for one that does not
    fit.
    """
    broken = []
    for name, method in list(methods.items()):
        use = recipe.methods[name].use or name
        try:
            with code_of(use, "check", f"Method {use!r}: check() failed"):
                method.check(layers, recipe.parsed_directions())
        except PluginError as failure:
            broken.append(BrokenRow.of(name, use, failure))
            del methods[name]
        except MethodError as failure:
            raise error(("methods", name), str(failure)) from failure
    return broken
