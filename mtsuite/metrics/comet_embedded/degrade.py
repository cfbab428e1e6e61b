"""Translations made worse in known ways, each with the severity of what was done to it.

A severity lies between 0 (untouched) and 1 (nothing of the translation is left).  An edit of a
fraction f of the sentence has severity min(1, weight · f); whole-sentence accidents have a fixed
severity; severities of edits to the same sentence combine as 1 − ∏(1 − sᵢ).  The weights are
opinions, written down once in ``WEIGHTS``: a wrong word is worse than a missing one, a wrong ending
is a small fault, a sentence in the wrong language or about something else is worth nothing.

Chinese has no spaces, so there the units are characters, and lexicon words are found in the text.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

Words = Callable[[str, str], Sequence[str]]

# Severity of editing the whole sentence in this way; single edits cost their fraction of it.
WEIGHTS: dict[str, float] = {
    "drop": 1.0,
    "replace": 1.2,
    "inflect": 0.5,
    "swap": 0.6,
    "truncate": 1.0,
    "repeat": 0.6,
    "hallucinate": 1.1,
    "mix": 1.0,
}
# Severity of what befalls a whole sentence.
ACCIDENTS: dict[str, float] = {"wrong_language": 0.95, "copy": 1.0, "unrelated": 1.0, "empty": 1.0}
KINDS = ("perfect", *WEIGHTS, *ACCIDENTS, "several")


class Lexicon(Protocol):
    """The two questions that are asked of the microworld; an unknown word has no answers."""

    def words_of_same_category(self, language: str, word: str) -> Sequence[str]: ...

    def inflections(self, language: str, word: str) -> Sequence[str]: ...


@dataclass(frozen=True)
class Degraded:
    """A worsened translation, what was done to it, and how bad that is."""

    text: str
    kind: str
    severity: float


def split_units(language: str, sentence: str) -> list[str]:
    """Characters for Chinese, words (with their punctuation) for the others."""
    return [char for char in sentence if not char.isspace()] if language == "zh" else sentence.split()


def join_units(language: str, units: Sequence[str]) -> str:
    """The inverse of ``split_units``."""
    return ("" if language == "zh" else " ").join(units)


class Degrader:
    """Worsens translations; the same arguments and seed give the same text on every machine."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def degrade(
        self, rng: random.Random, kind: str, meaning: dict[str, str], other: dict[str, str], source: str, target: str
    ) -> Degraded:
        """Worsen ``meaning[target]`` in one way; ``other`` is a sentence of another meaning.

        A kind that cannot be done to this sentence (nothing to swap in one word) leaves it as it
        is, with severity 0 and kind ``perfect``.
        """
        if kind in ACCIDENTS:
            text = self._accident(rng, kind, meaning, other, source, target)
            unharmed = text == meaning[target]  # two meanings can share a sentence
            return Degraded(text, "perfect" if unharmed else kind, 0.0 if unharmed else ACCIDENTS[kind])
        units = split_units(target, meaning[target])
        kept = 1.0
        kinds = rng.sample(sorted(WEIGHTS), rng.randint(2, 3)) if kind == "several" else [kind]
        for step in kinds if kind != "perfect" else []:
            edited, fraction = self._edit(rng, step, units, meaning, other, target)
            if edited != units:
                units = edited
                kept *= 1.0 - min(1.0, WEIGHTS[step] * fraction)
        if units == split_units(target, meaning[target]):
            return Degraded(meaning[target], "perfect", 0.0)
        return Degraded(join_units(target, units), kind, round(1.0 - kept, 4))

    def _accident(
        self,
        rng: random.Random,
        kind: str,
        meaning: dict[str, str],
        other: dict[str, str],
        source: str,
        target: str,
    ) -> str:
        if kind == "wrong_language":
            return meaning[rng.choice([code for code in sorted(meaning) if code not in (source, target)])]
        if kind == "copy":
            return meaning[source]
        return other[target] if kind == "unrelated" else ""

    def _edit(
        self,
        rng: random.Random,
        kind: str,
        units: list[str],
        meaning: dict[str, str],
        other: dict[str, str],
        target: str,
    ) -> tuple[list[str], float]:
        """One edit: the new units and the fraction of the sentence that it touched."""
        size = len(units)
        if size < 2:
            return units, 0.0
        # Short edits are the likelier ones, as in real translations.
        count = max(1, round(size * rng.random() ** 2 * 0.8))
        if kind == "drop":
            gone = set(rng.sample(range(size), min(count, size - 1)))
            return [unit for place, unit in enumerate(units) if place not in gone], len(gone) / size
        if kind == "swap":
            return _swap(rng, units, count)
        if kind == "truncate":
            return units[: size - min(count, size - 1)], min(count, size - 1) / size
        if kind == "repeat":
            start = rng.randrange(size - 1)
            span = units[start : start + rng.randint(1, 3)]
            times = rng.choice((1, 1, 1, 2, 3))
            return units[: start + len(span)] + span * times + units[start + len(span) :], len(span) * times / size
        if kind in ("hallucinate", "mix"):
            code = target if kind == "hallucinate" else rng.choice([c for c in sorted(meaning) if c != target])
            tail = split_units(code, (other if kind == "hallucinate" else meaning)[code])
            keep = size - min(count, size - 1)
            return units[:keep] + tail[-(size - keep) :], (size - keep) / size
        words = self.lexicon.words_of_same_category if kind == "replace" else self.lexicon.inflections
        spare = split_units(target, other[target]) if kind == "replace" else []
        return _substitute(rng, target, units, count, words, spare)


def _swap(rng: random.Random, units: list[str], count: int) -> tuple[list[str], float]:
    """Exchange ``count`` pairs of units that stand at most three places apart."""
    result = list(units)
    for _ in range(max(1, count // 2)):
        first = rng.randrange(len(result) - 1)
        second = min(len(result) - 1, first + rng.randint(1, 3))
        result[first], result[second] = result[second], result[first]
    moved = sum(before != after for before, after in zip(units, result, strict=True))
    return result, moved / len(units)


def _substitute(
    rng: random.Random, language: str, units: list[str], count: int, words: Words, spare: list[str]
) -> tuple[list[str], float]:
    """Replace up to ``count`` units by what ``words`` offers, or by ``spare`` units where it offers nothing."""
    result: list[str] = list(units)
    touched: set[int] = set()
    order = rng.sample(range(len(units)), len(units))
    for place in order:
        span, options = _options(language, units, place, words)
        covered = range(place, place + span)
        if len(touched) < count and options and not touched.intersection(covered):
            result[place : place + span] = [rng.choice(options)] + [""] * (span - 1)
            touched.update(covered)
    for place in order:
        options = [unit for unit in spare if unit != units[place]]
        if len(touched) < count and options and place not in touched:
            result[place] = rng.choice(options)
            touched.add(place)
    joined = [unit for unit in result if unit]
    if language == "zh":
        joined = list("".join(joined))
    return joined, len(touched) / len(units)


def _options(language: str, units: list[str], place: int, words: Words) -> tuple[int, list[str]]:
    """How many units the word at ``place`` covers, and other words for it in the same shape."""
    if language == "zh":
        for span in range(min(4, len(units) - place), 0, -1):
            word = "".join(units[place : place + span])
            found = sorted(set(words(language, word)) - {word})
            if found:
                return span, found
        return 1, []
    before, core, after = _peel(units[place])
    found = sorted(set(words(language, core)) - {core})
    if not found and core.lower() != core:
        found = [word[:1].upper() + word[1:] for word in sorted(set(words(language, core.lower())) - {core.lower()})]
    return 1, [before + word + after for word in found]


def _peel(unit: str) -> tuple[str, str, str]:
    """Punctuation before, the word, punctuation after."""
    start, end = 0, len(unit)
    while start < end and unicodedata.category(unit[start])[0] == "P":
        start += 1
    while end > start and unicodedata.category(unit[end - 1])[0] == "P":
        end -= 1
    return unit[:start], unit[start:end], unit[end:]
