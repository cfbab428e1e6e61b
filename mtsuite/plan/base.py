"""The base model's job of a plan: pretrained by the suite, or opened from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS, checkpoint_identity
from mtsuite.recipe.schema import Recipe

# Directions that the shipped base has read bilingual text of, in its order.
WORLD = tuple(f"{a}-{b}" for other in ("de", "it", "fr", "ar", "zh") for a, b in (("en", other), (other, "en")))


def base_directions(recipe: Recipe) -> list[str]:
    """Directions whose bilingual text the base is pretrained on.

    The recipe's own list, else the ten of the embedded world for any subset of them where the settings are those of
    the shipped base: so it stays the same model whichever directions are asked for.  Elsewhere the recipe's directions.
    """
    pretrain = recipe.model.pretrain
    if pretrain.directions:
        return pretrain.directions
    embedded = recipe.model.name_or_path == "pretrain" and recipe.data.text.source == "microworld"
    if (
        embedded
        and set(recipe.directions) <= set(WORLD)
        and pretrain == type(pretrain)(use_shipped=pretrain.use_shipped)
    ):
        return list(WORLD)
    return list(recipe.directions)


def corpus_directions(recipe: Recipe) -> list[str]:
    """Directions that the corpus has text of: the base's and the recipe's; the base's order where it has them all."""
    base = base_directions(recipe) if recipe.model.name_or_path == "pretrain" else recipe.model.pretrain.directions
    if set(recipe.directions) <= set(base):
        return base
    return list(dict.fromkeys([*recipe.directions, *base]))


def base_job(recipe: Recipe, folder: Path, corpus: str, templates: Mapping[str, Any], opened: Mapping[str, Any]) -> Job:
    """What every row starts from.

    ``corpus`` is the key of the corpus job, ``templates`` the prompts to pretrain on, ``opened`` how a checkpoint is
    opened.
    """
    model = recipe.model
    pretrain = model.pretrain.model_dump(mode="json", exclude={"use_shipped", "directions"})
    if pretrain["family"] == "bloom":
        del pretrain["family"]  # as it was before there was another, so that what was made then still serves
    run = {"_use_shipped": model.pretrain.use_shipped, "_checkpoint_seconds": recipe.train.checkpoint_seconds}
    if model.name_or_path == "pretrain":
        spec: dict[str, Any] = {
            "version": VERSIONS["base"],
            "model": {"name_or_path": "pretrain", "pretrain": pretrain},
            "directions": base_directions(recipe),
            "templates": templates,
            **run,
        }
        tokens = model.pretrain.steps * model.pretrain.rows_per_batch * model.pretrain.row_tokens
        return Job("base", "base model", spec, {"corpus": corpus}, exclusive=True, cost=tokens / 20_000)
    spec = {
        "version": VERSIONS["base"],
        "model": {
            "name_or_path": model.name_or_path,
            "revision": model.revision,
            **opened,
            "identity": checkpoint_identity(model.name_or_path, folder),
        },
        **run,
    }
    return Job("base", "base model", spec, {}, exclusive=True, cost=30.0)
