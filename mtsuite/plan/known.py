"""What a recipe says about its model before the model is opened: number of layers, longest sequence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import ModelError
from mtsuite.model.load import is_path
from mtsuite.model.weights import check_folder
from mtsuite.recipe.schema import Recipe

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WINDOW = ("max_position_embeddings", "n_positions", "model_max_length", "seq_length")


def known_configuration(recipe: Recipe, folder: Path) -> Mapping[str, Any]:
    """The model's configuration as far as a local ``config.json`` or the recipe tells it; empty when neither does.

    A folder speaks for itself, also where the recipe has the configuration of the hub's model that it stands for.
    """
    model = recipe.model
    if model.name_or_path == "pretrain":
        return {"model_type": model.pretrain.family, "n_layer": model.pretrain.layers}
    path = folder / model.name_or_path / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # a hub name, or a folder that opening the model will complain about
        return model.architecture
    return found if isinstance(found, dict) else model.architecture


def checkpoint_problem(recipe: Recipe, folder: Path) -> str | None:
    """Why a model folder cannot be opened as it lies there, as far as names and sizes of its files tell; else None."""
    name = recipe.model.name_or_path
    path = folder / name
    if name == "pretrain" or not (path.is_dir() or is_path(name)):
        return None
    if not path.is_dir():
        return f"there is no folder {name!r}: expected a folder with config.json, or a model's name on the hub."
    config = path / "config.json"
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{path} has no config.json: expected a model as `save_pretrained` writes it."
    except (OSError, ValueError, RecursionError) as error:
        return f"{config} cannot be read: {error}"
    if not isinstance(found, dict):
        return f"{config}: expected an object, found {type(found).__name__}."
    try:
        check_folder(path, found)
    except ModelError as error:
        return str(error).removeprefix("model.name_or_path: ")
    return None


def layer_count(configuration: Mapping[str, Any]) -> int | None:
    """Number of transformer blocks, or None when the configuration does not say."""
    return _first(configuration, LAYERS)


def window(configuration: Mapping[str, Any]) -> int | None:
    """Longest sequence in tokens; None when there is no limit (BLOOM's ALiBi) or it is not known."""
    return None if configuration.get("model_type") == "bloom" else _first(configuration, _WINDOW)


def _first(configuration: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = configuration.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
