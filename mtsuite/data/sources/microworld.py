"""The embedded six-language world as a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.sources.base import Pair, Source
from mtsuite.errors import DataError, did_you_mean

LANGUAGES = ("ar", "de", "en", "fr", "it", "zh")
Rows = list[dict[str, str]]


class MicroworldSource(Source):
    """Generated multi-parallel text; every pair holds the same meanings in the same order.

    Monolingual text is made of further meanings of the training split, a different one for every line
    of every language: line i of language j realises meaning ``train_sentences + i * languages + j``.
    """

    def __init__(
        self, settings: Mapping[str, Any], directions: Sequence[Direction], folder: Path, offline: bool = False
    ) -> None:
        super().__init__(settings, directions, folder, offline)
        self._cache: dict[str, Rows] = {}

    def _rows(self, split: str) -> Rows:
        if split not in self._cache:
            from mtsuite.data.microworld import generate

            count = int(self.settings[f"{split}_sentences"])
            if split == "train":
                count += int(self.settings.get("mono_sentences", 0)) * len(self.settings["languages"])
            self._cache[split] = generate(split, count, int(self.settings["seed"]))
        return self._cache[split]

    def check(self, tested: Sequence[Direction]) -> None:
        """Raises DataError when a language is not one of the microworld, or not one of the recipe's."""
        chosen = self.settings["languages"]
        for code in chosen:
            if code not in LANGUAGES:
                near = did_you_mean(code, LANGUAGES)
                raise DataError(f"data.text.languages: the microworld does not speak {code!r}. {near}")
        for direction in self.directions:
            for code in direction:
                if code not in chosen:
                    raise DataError(
                        f"Direction {direction}: {code!r} is not among the microworld's languages here "
                        f"(data.text.languages: {', '.join(chosen)})."
                    )

    def fingerprint(self) -> dict[str, Any]:
        from mtsuite.data.microworld import VERSION

        names = ("languages", "train_sentences", "mono_sentences", "valid_sentences", "test_sentences", "seed")
        return {"source": "microworld", "version": VERSION, **{name: self.settings[name] for name in names}}

    def _pairs(self, split: str, pair: Sequence[str]) -> Iterator[tuple[str, str]]:
        for row in self._rows(split)[: int(self.settings[f"{split}_sentences"])]:
            yield row[pair[0]], row[pair[1]]

    def train(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._pairs("train", pair)

    def valid(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._pairs("valid", pair)

    def tests(self, direction: Direction) -> dict[str, list[tuple[str, str]]]:
        return {"microworld": list(self._pairs("test", direction))}

    def test_names(self, direction: Direction) -> list[str]:
        return ["microworld"]

    def mono(self, language: str) -> Iterator[str] | None:
        if not self.settings.get("mono_sentences"):
            return None
        languages = self.settings["languages"]
        first = int(self.settings["train_sentences"]) + languages.index(language)
        return (row[language] for row in self._rows("train")[first :: len(languages)])
