"""Errors of a recipe at the place of a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mtsuite.errors import RecipeError
from mtsuite.recipe.read import LocatedRecipe
from mtsuite.recipe.schema import ReadRecipe
from mtsuite.recipe.tree import dotted

ErrorAt = Callable[[Sequence[str | int], str], RecipeError]  # of keys and a message


def errors_of(read: ReadRecipe) -> ErrorAt:
    """What makes a RecipeError at the line of keys, where the recipe was read from a file."""
    return partial(_error, read)


def _error(read: ReadRecipe, keys: Sequence[str | int], message: str) -> RecipeError:
    if isinstance(read, LocatedRecipe):
        return read.error(keys, message)
    return RecipeError(f"{dotted(keys)}: {message}")
