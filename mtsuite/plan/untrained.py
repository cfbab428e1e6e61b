"""Directions that are tested and not trained on (`forgetting.zero_shot_directions`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mtsuite.method import Method
from mtsuite.recipe.schema import Recipe
from mtsuite.results.trained_on import ALL


def plan_untrained(
    recipe: Recipe,
    methods: Mapping[str, Method],
    models: Mapping[tuple[str, int], Mapping[str, str]],
    line: Callable[[str, Method | None, int, str, str, Mapping[str, str]], None],
) -> None:
    """A ``line`` for every row that can translate them; ``models`` are the phases by row and seed."""
    for seed in recipe.seeds:
        for name, method in methods.items():
            if not left_out(recipe, name, method):
                for direction in recipe.forgetting.zero_shot_directions:
                    line(name, method, seed, ALL, direction, models[name, seed])


def left_out(recipe: Recipe, name: str, method: Method) -> str:
    """Why a row cannot translate a direction that is not trained on; empty when it can."""
    if recipe.methods[name].one_model_per_direction:
        return "it has a model for each direction that is trained on, and none for others"
    if method.shots:
        return "its prompts show training pairs of the direction, of which there are none"
    return ""
