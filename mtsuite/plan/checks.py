"""What of a recipe can be known to fail before anything runs, its methods aside.

Every check raises RecipeError; ``error`` makes one at the place of a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.errors import RecipeError, did_you_mean
from mtsuite.method import Method, Train
from mtsuite.plan.known import window
from mtsuite.plan.perplexity import BASE
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Recipe


def check_metrics(recipe: Recipe, error: ErrorAt) -> None:
    """Names of metrics, and the tokenizers that BLEU needs."""
    from mtsuite.metrics.registry import metric_names
    from mtsuite.metrics.surface import missing_tokenizer

    known = [*metric_names(), *recipe.metrics.more_comet]
    for index, name in enumerate(recipe.metrics.names):
        if name not in known:
            raise error(("metrics", "names", index), f"unknown metric {name!r}. {did_you_mean(name, known)}")
    if "BLEU" in recipe.metrics.names and recipe.metrics.profile == "auto":
        every = [*recipe.parsed_directions(), *map(Direction.parse, recipe.forgetting.zero_shot_directions)]
        if problem := missing_tokenizer(dict.fromkeys(direction.target for direction in every)):
            raise error(("metrics", "names", recipe.metrics.names.index("BLEU")), problem)


def check_tracking(recipe: Recipe, error: ErrorAt) -> None:
    """Trackers whose package is not installed."""
    from mtsuite.train.track import lacking

    for index, name in enumerate(recipe.tracking):
        if problem := lacking(name):
            raise error(("tracking", index), problem)


def check_model(recipe: Recipe, known: Mapping[str, Any], error: ErrorAt) -> None:
    """Heads of a model that is to be pretrained; ``train.max_length`` against the window, where ``known`` has it."""
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
