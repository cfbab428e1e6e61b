"""What of the prompts enters the jobs: the templates, and whether they are turns of a chat."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtsuite.data.chat import template_hash
from mtsuite.data.direction import Direction
from mtsuite.data.languages import meanings
from mtsuite.data.prompts import Templates
from mtsuite.recipe.schema import Recipe

ENCODING = 1  # raise it when the ids of a prompt or a target change for an opened checkpoint


@dataclass(frozen=True)
class TemplateSpec:
    """Makes the part of a job's specification that is about prompts."""

    recipe: Recipe
    folder: Path
    templates: Templates

    def spec(self, row: str | None = None) -> dict[str, Any]:
        """The templates, and the names that stand in them for codes which are looked up.

        Of a checkpoint that is opened also how they become ids, and the chat of ``row``.  A base that the suite
        pretrains has no chat template.
        """
        texts: dict[str, Any] = {"texts": list(self.templates.texts)}
        if names := meanings([*self.recipe.languages(), *self._untrained_languages()]):
            texts["languages"] = names
        if self.recipe.model.name_or_path == "pretrain":
            return {**texts, "chat": {"mode": "on"}} if self.mode(row) == "on" else texts
        return {**texts, "encoding": ENCODING, **self._chat(row)}

    def _untrained_languages(self) -> list[str]:
        return [code for text in self.recipe.forgetting.zero_shot_directions for code in Direction.parse(text)]

    def mode(self, row: str | None) -> str:
        """`prompts.chat` as a row has it."""
        own = self.recipe.methods[row].prompts.chat if row in self.recipe.methods else None
        return own or self.recipe.prompts.chat

    def _chat(self, row: str | None) -> dict[str, Any]:
        mode = self.mode(row)
        place = self.folder / self.recipe.model.name_or_path
        template = local_chat_template(place)
        if mode == "off" or (mode == "auto" and template is None and place.is_dir()):
            return {}
        return {"chat": {"mode": mode, "template": None if template is None else template_hash(template)}}


def local_chat_template(folder: Path) -> Any:
    """The chat template in a tokenizer's folder; None where there is none, or no folder."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        pass
    try:
        found = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # opening the model complains about what cannot be read
        return None
    return found.get("chat_template") if isinstance(found, dict) else None
