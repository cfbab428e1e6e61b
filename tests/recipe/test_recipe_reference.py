from __future__ import annotations

from pathlib import Path

from mtsuite.recipe import Recipe
from mtsuite.recipe.reference import json_schema, markdown

DOCS = Path(__file__).resolve().parents[2] / "docs" / "recipe.md"


def test_docs_are_up_to_date() -> None:
    hint = "run: python -m mtsuite.recipe.reference --write docs/recipe.md"
    assert DOCS.read_text(encoding="utf-8") == markdown(), hint


def test_every_key_has_a_meaning() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert not [row for row in rows if row.split(" | ")[-1].strip(" |") == ""]


def test_lines_of_each_kind() -> None:
    text = markdown()
    assert "| `train.max_steps` | whole number ≥ 1 | `250` | Training steps on parallel text. |" in text
    assert "| `directions` | list of text | required |" in text
    assert "##### `data.text` with `source: hub`" in text
    assert "| `methods.NAME.train.learning_rate` | number > 0, or empty | empty |" in text
    assert "### `transfer` (left out by default)" in text


def test_json_schema() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == ["extends", *Recipe.model_fields]
    assert schema["additionalProperties"] is False
    assert {"type": "null"} in schema["properties"]["methods"]["additionalProperties"]["anyOf"]
