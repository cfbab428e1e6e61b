"""What of a recipe can be known to fail before anything runs, its methods aside.

Every check raises RecipeError; ``error`` makes one at the place of a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.preview import Sizes
from mtsuite.errors import MetricError, RecipeError, did_you_mean, shortened
from mtsuite.method import Method, Train
from mtsuite.plan.known import LAYERS, checkpoint_problem, window
from mtsuite.plan.perplexity import BASE
from mtsuite.plan.place import ErrorAt
from mtsuite.plan.ready import most_texts
from mtsuite.recipe.schema import Recipe

MOST_TEXTS = 20_000
_LARGEST_SIZE = 1_000_000_000  # special tokens, window sizes and vocabularies are far below it


def check_metrics(recipe: Recipe, error: ErrorAt) -> None:
    """Names of metrics, and the tokenizers that BLEU needs."""
    from mtsuite.metrics.own import find_metric, is_own
    from mtsuite.metrics.registry import metric_names
    from mtsuite.metrics.surface import missing_tokenizer

    known = [*metric_names(), *recipe.metrics.more_comet]
    columns: list[str] = []
    for index, name in enumerate(recipe.metrics.names):
        if is_own(name):
            try:
                columns.append(find_metric(name).name)
            except MetricError as found:
                raise error(("metrics", "names", index), str(found)) from found
            if columns[-1] in {*known, *columns[:-1]} - ({name} if name in metric_names() else set()):
                raise error(
                    ("metrics", "names", index), f"there is a metric called {columns[-1]!r} already; rename it."
                )
        elif name not in known:
            raise error(("metrics", "names", index), f"unknown metric {name!r}. {did_you_mean(name, known)}")
    if "BLEU" in recipe.metrics.names and recipe.metrics.profile == "auto":
        every = [*recipe.parsed_directions(), *map(Direction.parse, recipe.forgetting.zero_shot_directions)]
        if problem := missing_tokenizer(dict.fromkeys(direction.target for direction in every)):
            raise error(("metrics", "names", recipe.metrics.names.index("BLEU")), problem)


def check_size(recipe: Recipe, error: ErrorAt) -> None:
    """Not more texts than a plan can hold."""
    texts = most_texts(recipe)
    if texts > MOST_TEXTS:
        raise error(
            ("methods",),
            f"rows, seeds and directions make {texts:,} texts to translate; a recipe has at most {MOST_TEXTS:,}: "
            "split it into several.",
        )


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
    if longest is not None and recipe.translate.max_new_tokens > longest:
        raise error(
            ("translate", "max_new_tokens"),
            f"{recipe.translate.max_new_tokens} tokens, but the model's window is {longest}, prompt included: set it "
            f"below {longest}.",
        )


def check_architecture(recipe: Recipe, error: ErrorAt) -> None:
    """``model.architecture``: a kind of model that transformers knows, and sizes that a model can have."""
    values = recipe.model.architecture
    if not values:
        return
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    keys, kind = ("model", "architecture"), values.get("model_type")
    if kind is None:
        raise error(keys, "model_type is missing; it says what kind of model this is, such as llama")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING_NAMES:
        hint = did_you_mean(kind, CONFIG_MAPPING_NAMES) if isinstance(kind, str) else "Expected text."
        raise error((*keys, "model_type"), f"transformers knows no kind of model {shortened(repr(kind))}. {hint}")
    for path, value in _sizes(values):
        if isinstance(value, int) and abs(value) > _LARGEST_SIZE:
            raise error((*keys, *path), f"no size of a model is above {_LARGEST_SIZE:,}, found {value:,}")
        if path[-1] in LAYERS and (not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 10_000):
            raise error((*keys, *path), f"expected a number of layers from 1 to 10,000, found {shortened(repr(value))}")
        whole = str(path[-1]).endswith(("_size", "_heads")) or str(path[-1]).startswith("n_")
        if whole and value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise error((*keys, *path), f"expected a whole number, found {shortened(repr(value))}")


def _sizes(node: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every single value below, with its keys."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _sizes(value, (*above, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _sizes(value, (*above, index))
    else:
        yield above, node


def check_measured(recipe: Recipe, sizes: Sequence[Sizes], error: ErrorAt) -> None:
    """Validation text where the loss on it is to be measured."""
    lacking = [one.pair for one in sizes if one.valid == 0]
    if recipe.train.evaluate_every is not None and lacking:
        raise error(
            ("train", "evaluate_every"),
            f"there is no validation text of {', '.join(lacking)} to measure the loss on: add some (data.text), or "
            "leave it empty.",
        )


def check_trains(name: str, method: Method, key: str) -> None:
    """A row that ``key`` wants to train has something to train.  Raises RecipeError when it has not."""
    if not any(isinstance(phase, Train) for phase in method.phases()):
        raise RecipeError(f"{key}: {name!r} trains nothing; name rows that are trained.")


def check_base_name(recipe: Recipe, error: ErrorAt) -> None:
    """No row has the name that perplexity.csv keeps for the base model."""
    if recipe.forgetting.perplexity and BASE in recipe.methods:
        raise error(("methods", BASE), f"{BASE!r} is the base model's name in perplexity.csv; choose another.")
