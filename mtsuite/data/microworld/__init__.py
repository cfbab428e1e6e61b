"""The microworld: a synchronous grammar of six languages, one meaning in six sentences.

It is a scientific instrument.  Interference and transfer between languages can be studied in it because the
amount of data, the overlap of vocabularies and the word order are known exactly; it is multi-parallel, so all
30 directions have the same content; it needs no network; a person can read it.  German has verb-second and
verb-final clauses and case; Italian and French agreement, elision and contraction; Arabic verb-first order,
the prefix ال, dual and its own script; Chinese classifiers, 了, and no spaces.

It is not a sample of any language: a few hundred concepts, short sentences, no ambiguity to speak of.  Scores
measured on it compare methods with each other here and are not comparable with WMT or other published scores.

No meaning, and no sentence in any language, is in two splits (see ``splits``).
"""

from __future__ import annotations

import random

from mtsuite.data.microworld.degrade import inflections, words_of_same_category
from mtsuite.data.microworld.modifiers import PREPOSITIONS
from mtsuite.data.microworld.sampling import Sampler
from mtsuite.data.microworld.splits import CATEGORIES, REALISERS, SHARES, split_of
from mtsuite.errors import DataError, did_you_mean

__all__ = ["LANGUAGES_IN_WORLD", "VERSION", "describe", "generate", "inflections", "words_of_same_category"]

LANGUAGES_IN_WORLD = ("ar", "de", "en", "fr", "it", "zh")
"""Codes of the six languages."""

VERSION = 1
"""Part of content keys; raised whenever the text that a seed gives changes."""

SHORTEST, LONGEST = 3, 14
"""English words in a sentence."""


def generate(split: str, count: int, seed: int = 1) -> list[dict[str, str]]:
    """``count`` distinct meanings of a split, each as a dictionary from language code to sentence.

    The same split and seed always give the same list, and a shorter list is the beginning of a longer one.
    Raises DataError for a split other than train, valid and test, for a negative count, and when the split
    has not so many meanings.
    """
    if split not in SHARES:
        raise DataError(f"A split of the microworld was expected; found {split!r}. {did_you_mean(split, SHARES)}")
    if count < 0:
        raise DataError(f"A number of sentences from 0 was expected; found {count}.")
    sampler = Sampler(random.Random(f"microworld {VERSION} {split} {seed}"))
    seen: set[object] = set()
    found: list[dict[str, str]] = []
    misses = 0
    while len(found) < count:
        meaning = sampler.sentence()
        misses += 1
        if misses > 1_000_000:
            raise DataError(f"Split {split!r} has not {count} distinct meanings; ask for fewer than {len(found)}.")
        if split_of(meaning) != split or meaning in seen:
            continue
        english = REALISERS["en"].sentence(meaning)
        if not SHORTEST <= english.count(" ") + 1 <= LONGEST:
            continue
        seen.add(meaning)
        misses = 0
        found.append(
            {code: english if code == "en" else REALISERS[code].sentence(meaning) for code in LANGUAGES_IN_WORLD}
        )
    return found


def describe() -> dict[str, object]:
    """What the world holds: languages, version, splits, and the number of concepts by category."""
    counts = {name: len(table) for name, table in CATEGORIES.items()} | {"preposition": len(PREPOSITIONS)}
    return {
        "languages": LANGUAGES_IN_WORLD,
        "version": VERSION,
        "splits": dict(SHARES),
        "concepts": counts | {"total": sum(counts.values())},
    }
