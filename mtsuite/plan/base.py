"""The base model's job of a plan: pretrained by the suite, or opened from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS, checkpoint_identity
from mtsuite.recipe.schema import Recipe


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
            "directions": model.pretrain.directions or recipe.directions,
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
