"""Where a model folder came from: a small JSON file beside the weights, and the name that tables show.

``model import`` starts the file and ``model trim`` appends to it.  A folder without one is a model as it was published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import ModelError

CARD = "mtsuite-model.json"
SCHEMA = 1


def read_card(folder: Path) -> dict[str, Any] | None:
    """The provenance of a model folder, or None where there is no file.  Raises ModelError when it cannot be read."""
    path = Path(folder) / CARD
    if not path.is_file():
        return None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        good = card["schema"] == SCHEMA and isinstance(card["name"], str) and isinstance(card["steps"], list)
        good = good and all(isinstance(step, dict) and isinstance(step.get("mark", ""), str) for step in card["steps"])
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise ModelError(
            f"{path}: expected a model's provenance (schema {SCHEMA}, with a name and a list of steps); found "
            "something else. Delete the file if the model is as its publisher made it, or import the model again."
        )
    return dict(card)


def write_card(folder: Path, name: str, steps: list[Mapping[str, Any]]) -> None:
    """Write the provenance; each step has ``step`` (what was done) and may have ``mark`` (what tables say of it)."""
    text = json.dumps({"schema": SCHEMA, "name": name, "steps": steps}, indent=2, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def model_label(name_or_path: str | Path) -> str:
    """The model's name as tables show it: ``Gemma-3-270m (4-bit origin, trimmed)``, or the last part of a path."""
    path = Path(name_or_path)
    card = read_card(path) if path.is_dir() else None
    if card is None:
        return path.name
    marks = [step["mark"] for step in card["steps"] if step.get("mark")]
    return f"{card['name']} ({', '.join(marks)})" if marks else str(card["name"])
