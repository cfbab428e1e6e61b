"""Which rows of a recipe show interference: the same method with one model for all directions, and one for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtsuite.method import Method
from mtsuite.recipe.schema import Recipe


def interference_pairs(recipe: Recipe, methods: Mapping[str, Method]) -> list[dict[str, Any]]:
    """For every row with a model a direction: ``{"joint": row, "alone": row, "same_training": bool}``.

    Its joint row has the same method and configuration; among several, one with the same training settings is taken,
    else the first, and ``same_training`` is False.  Rows without such a partner are left out.
    """
    found = []
    for name, method in methods.items():
        if not recipe.methods[name].one_model_per_direction:
            continue
        partners = [
            other
            for other, candidate in methods.items()
            if not recipe.methods[other].one_model_per_direction
            and type(candidate) is type(method)
            and candidate.config == method.config
        ]
        alike = [other for other in partners if recipe.methods[other].train == recipe.methods[name].train]
        for joint in [*alike, *partners][:1]:
            found.append({"joint": joint, "alone": name, "same_training": bool(alike)})
    return found
