"""Some rows of a recipe: ``--only``, ``--exclude``, ``--seeds``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from mtsuite.errors import RecipeError, did_you_mean
from mtsuite.recipe.schema import Recipe


def select(
    recipe: Recipe, only: Sequence[str] = (), exclude: Sequence[str] = (), seeds: Sequence[int] | None = None
) -> Recipe:
    """The recipe with the rows that match ``only`` (all when empty) and do not match ``exclude``.

    Patterns are shell patterns over row names, of methods and external rows; several may stand in one text, separated
    by commas.  What refers to a row that went away follows:

    - ``report.baseline`` is emptied, so there is no test against it;
    - ``significance.pairs`` keeps the pairs of rows that are left;
    - ``transfer.methods`` keeps the rows that are left, and ``transfer`` goes when none is;
    - ``transfer.base`` stays a row when ``only`` leaves it out but asks for a matrix, since the matrix is a
      difference to it; when ``exclude`` names it, ``transfer`` goes;
    - ``sequence`` follows in the same way, and ``forgetting.zero_shot_directions`` are emptied when their base is
      excluded.

    Raises RecipeError for a pattern that matches nothing, when no row of methods is left, and for seeds that are named
    twice.
    """
    names = [*recipe.methods, *recipe.external]
    wanted, unwanted = _matches("--only", only, names), _matches("--exclude", exclude, names)
    kept = {name for name in names if (not list(only) or name in wanted) and name not in unwanted}
    if not kept & set(recipe.methods):
        beside = " beside the external ones" if kept else ""
        raise RecipeError(f"--only and --exclude leave no row{beside}. Rows: {', '.join(recipe.methods)}.")
    changes: dict[str, Any] = {}
    transfer = recipe.transfer
    if transfer is not None:
        matrices = [name for name in transfer.methods if name in kept]
        if matrices and transfer.base not in unwanted:
            kept.add(transfer.base)
            changes["transfer"] = transfer.model_copy(update={"methods": matrices})
        elif transfer.methods or transfer.base not in kept:
            changes["transfer"] = None
    sequence = recipe.sequence
    if sequence is not None:
        trained = [name for name in sequence.methods if name in kept]
        if trained and sequence.base not in unwanted:
            kept.add(sequence.base)
            changes["sequence"] = sequence.model_copy(update={"methods": trained})
        else:
            changes["sequence"] = None
    if recipe.forgetting.zero_shot_directions:
        if recipe.forgetting.base in unwanted:
            changes["forgetting"] = recipe.forgetting.model_copy(update={"zero_shot_directions": []})
        else:
            kept.add(recipe.forgetting.base)
    changes["methods"] = {name: row for name, row in recipe.methods.items() if name in kept}
    changes["external"] = {name: row for name, row in recipe.external.items() if name in kept}
    if recipe.report.baseline not in kept:
        changes["report"] = recipe.report.model_copy(update={"baseline": None})
    pairs = recipe.significance.pairs
    if isinstance(pairs, list):
        left = [pair for pair in pairs if kept.issuperset(pair)]
        changes["significance"] = recipe.significance.model_copy(update={"pairs": left})
    if seeds is not None:
        changes["seeds"] = _seeds(seeds)
    return recipe.model_copy(update=changes)


def _matches(option: str, patterns: Iterable[str], names: list[str]) -> set[str]:
    found: set[str] = set()
    for pattern in (part.strip() for text in patterns for part in text.split(",")):
        matching = {name for name in names if fnmatchcase(name, pattern)}
        if not matching:
            raise RecipeError(f"{option} {pattern}: no row matches. {did_you_mean(pattern, names)}")
        found |= matching
    return found


def _seeds(seeds: Sequence[int]) -> list[int]:
    if not seeds:
        raise RecipeError("--seeds: at least one seed is needed.")
    if len(set(seeds)) != len(seeds):
        raise RecipeError(f"--seeds: a seed is named twice: {', '.join(map(str, seeds))}.")
    return list(seeds)
