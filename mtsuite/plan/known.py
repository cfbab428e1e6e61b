"""What a recipe says about its model before the model is opened: number of layers, longest sequence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
