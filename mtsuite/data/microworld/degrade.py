"""Wrong words for a metric to learn from: another word of the same category, another form of the same word."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.splits import CATEGORIES, REALISERS
from mtsuite.errors import DataError, did_you_mean

_Forms = dict[str, list[tuple[str, str, str]]]


@lru_cache(maxsize=8)
def _tables(language: str) -> tuple[_Forms, dict[tuple[str, str], list[str]], dict[tuple[str, str], list[str]]]:
    """Lower-case form → (category, concept, slot); (category, slot) → forms; (category, concept) → forms."""
    if language not in REALISERS:
        raise DataError(f"A language of the microworld was expected. {did_you_mean(language, REALISERS)}")
    known: _Forms = {}
    by_slot: dict[tuple[str, str], list[str]] = {}
    by_concept: dict[tuple[str, str], list[str]] = {}
    for category, table in CATEGORIES.items():
        for concept, entry in table.items():
            for slot, form in REALISERS[language].forms(entry):
                known.setdefault(form.lower(), []).append((category, concept, slot))
                by_slot.setdefault((category, slot), []).append(form)
                by_concept.setdefault((category, concept), []).append(form)
    return known, by_slot, by_concept


def _dressed(language: str, word: str) -> tuple[str, str]:
    """An elided article (l'uomo, qu'il) and the word itself."""
    if language in ("fr", "it") and "'" in word:
        head, _, tail = word.rpartition("'")
        return head + "'", tail
    return "", word


def _finish(words: list[str], word: str, prefix: str) -> list[str]:
    capital = word[:1].isupper()
    distinct = dict.fromkeys(other for other in words if other.lower() != word.lower())
    kept = [other for other in distinct if not prefix or other[0].lower() in "aeiouyhàâéèêëîôœ"]
    return [prefix + (other[0].upper() + other[1:] if capital else other) for other in kept]


def words_of_same_category(language: str, word: str) -> list[str]:
    """Words of other lexemes with the same part of speech and inflection, in the order of the lexicon.

    Capitals and an elided article are kept.  Empty when the word is unknown; DataError for another language.
    """
    known, by_slot, by_concept = _tables(language)
    prefix, bare = _dressed(language, word)
    found = known.get(bare.lower())
    if not found:
        return []
    category, concept, slot = found[0]
    own = set(by_concept[category, concept])
    return _finish([form for form in by_slot[category, slot] if form not in own], bare, prefix)


def inflections(language: str, word: str) -> list[str]:
    """The other inflected forms of the lexeme of a word; empty when there are none or the word is unknown."""
    known, _, by_concept = _tables(language)
    prefix, bare = _dressed(language, word)
    found = known.get(bare.lower())
    return _finish(by_concept[found[0][:2]], bare, prefix) if found else []
