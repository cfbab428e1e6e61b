"""What of a recipe can be known to fail before anything runs, its methods aside.

Every check raises RecipeError; ``error`` makes one at the place of a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import RecipeError, did_you_mean
from mtsuite.method import Method, Train
from mtsuite.plan.known import checkpoint_problem, window
from mtsuite.plan.perplexity import BASE
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Recipe


def check_metrics(recipe: Recipe, error: ErrorAt) -> None:
    """Names of metrics."""
    from mtsuite.metrics.registry import metric_names

    known = [*metric_names(), *recipe.metrics.more_comet]
    for index, name in enumerate(recipe.metrics.names):
        if name not in known:
            raise error(("metrics", "names", index), f"unknown metric {name!r}. {did_you_mean(name, known)}")


def check_tracking(recipe: Recipe, error: ErrorAt) -> None:
    """Trackers whose package is not installed."""
    from mtsuite.train.track import lacking

    for index, name in enumerate(recipe.tracking):
        if problem := lacking(name):
            raise error(("tracking", index), problem)


def check_model(recipe: Recipe, folder: Path, known: Mapping[str, Any], error: ErrorAt) -> None:
    """A model's folder, by its headers; heads of a model that is to be pretrained; ``train.max_length`` against the
    window, where ``known`` has it."""
    problem = checkpoint_problem(recipe, folder)
    if problem is not None:
        raise error(("model", "name_or_path"), problem)
    pretrain = recipe.model.pretrain
    if recipe.model.name_or_path == "pretrain" and pretrain.hidden_size % pretrain.heads:
        message = f"{pretrain.heads} heads do not divide hidden_size, which is {pretrain.hidden_size}"
        raise error(("model", "pretrain", "heads"), message)
    longest = window(known)
    if longest is not None and recipe.train.max_length > longest:
        raise error(
            ("train", "max_length"),
            f"{recipe.train.max_length} tokens, but the model's window is {longest}: set it to {longest} or less.",
        )


def check_trains(name: str, method: Method, key: str) -> None:
    """A row that ``key`` wants to train has something to train."""
    if not any(isinstance(phase, Train) for phase in method.phases()):
        raise RecipeError(f"{key}: {name!r} trains nothing; name rows that are trained.")


def check_base_name(recipe: Recipe, error: ErrorAt) -> None:
    """No row has the name that perplexity.csv keeps for the base model."""
    if recipe.forgetting.perplexity and BASE in recipe.methods:
        raise error(("methods", BASE), f"{BASE!r} is the base model's name in perplexity.csv; choose another.")
