"""Recipes: what can be run, read from YAML with errors that point at the line."""

from mtsuite.recipe.find import builtin_recipes
from mtsuite.recipe.read import LocatedRecipe, read_recipe
from mtsuite.recipe.schema import ReadRecipe, Recipe
from mtsuite.recipe.subset import select
from mtsuite.recipe.write import resolved_yaml

__all__ = ["LocatedRecipe", "ReadRecipe", "Recipe", "builtin_recipes", "read_recipe", "resolved_yaml", "select"]
