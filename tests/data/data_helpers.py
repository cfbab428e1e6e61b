"""Small corpora on disk for the tests of mtsuite.data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtsuite.recipe.schema import Data


def put(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def moses(folder: Path, name: str, **sides: list[str]) -> None:
    """``moses(f, "train", en=[…], de=[…])`` writes ``f/train.en`` and ``f/train.de``."""
    for code, lines in sides.items():
        put(folder / f"{name}.{code}", *lines)


def data(text: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """The recipe's data section as the plain dictionary that mtsuite.data gets."""
    return Data.model_validate({"text": text, **sections}).model_dump(mode="json")


WORDS = {
    "en": ["the", "cat", "sees", "a", "dog", "near", "old", "houses"],
    "de": ["die", "Katze", "sieht", "einen", "Hund", "bei", "dem", "Haus"],
    "fr": ["le", "chat", "voit", "un", "chien", "dans", "la", "maison"],
    "ar": ["القط", "يرى", "كلبا", "قرب", "البيت", "القديم", "في", "المساء"],
    "zh": list("猫在老房子旁边看见一只狗"),
}


def sentence(code: str, number: int) -> str:
    """A distinct sentence for every number, in the language's script."""
    words = WORDS[code]
    picked = [words[(number // len(words) ** k) % len(words)] for k in range(4)]
    return ("" if code == "zh" else " ").join(picked) + f" {number}"


def sentences(code: str, first: int, count: int) -> list[str]:
    return [sentence(code, n) for n in range(first, first + count)]
