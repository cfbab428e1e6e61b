"""Which split a meaning belongs to, so that no sentence of one split is a sentence of another in any language.

Languages neutralise different things: Chinese has no number, Italian drops its pronouns, undiacritised Arabic
writes *books* and *he wrote* alike.  So the split is decided by what no language hides: the *set* of content
words.  Concepts whose words share a written form in some language are one class (union-find over all inflected
forms, with prefixes and suffixes); the split is a hash of the sorted set of classes.  The written words of a
sentence determine that set in every language, hence equal sentences are in the same split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType

from mtsuite.data.microworld import arabic, chinese, english, french, german, italian
from mtsuite.data.microworld.meaning import Sentence, concepts
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES
from mtsuite.data.microworld.nouns import NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

REALISERS: dict[str, ModuleType] = {
    "ar": arabic, "de": german, "en": english, "fr": french, "it": italian, "zh": chinese
}  # fmt: skip
CATEGORIES: dict[str, dict[str, Entry]] = {
    "noun": NOUNS, "verb": VERBS, "adjective": ADJECTIVES, "adverb": ADVERBS, "name": NAMES
}  # fmt: skip
SHARES = {"train": 0.96, "valid": 0.02, "test": 0.02}
_ARABIC_PREFIXES = ("", "و", "ال", "وال", "ل", "ول", "لل", "ولل")
_ARABIC_SUFFIXES = ("", "ي", "ه", "ها", "نا", "هم", "هن")


def tokens(language: str, sentence: str) -> list[str]:
    """The written words of a sentence in lower case (in Chinese, the whole sentence)."""
    text = sentence.lower()
    for mark in ".?,。？，؟،":
        text = text.replace(mark, " ")
    return text.replace("'", "' ").split()


def written(language: str, entry: Entry) -> Iterator[str]:
    """Every written word in which a form of the entry can appear, in lower case."""
    for _, form in REALISERS[language].forms(entry):
        for token in tokens(language, form):
            if language != "ar":
                yield token
                continue
            yield from arabic_words(token, entry.concept)


def arabic_words(token: str, concept: str) -> Iterator[str]:
    """A word with each prefix, and with the suffixed pronouns that its part of speech takes."""
    bare = [token]
    if concept in VERBS:
        bare += [arabic._attach(token, suffix, now) for suffix in _ARABIC_SUFFIXES for now in (True, False)]
    elif concept in NOUNS:
        bare += [arabic._suffix(token, suffix) for suffix in _ARABIC_SUFFIXES[1:]]
    for word in bare:
        for prefix in _ARABIC_PREFIXES:
            if prefix in ("لل", "ولل"):
                if word.startswith("ال"):
                    yield prefix + word[2:]
            else:
                yield prefix + word


def function_words(language: str) -> frozenset[str]:
    """The written words that carry no concept."""
    words: set[str] = set()
    for word in REALISERS[language].FUNCTION_WORDS:
        words.update(tokens(language, word))
        if language == "ar":
            words.update(("و" + word, "ل" + word, "ول" + word))
    return frozenset(words)


def _hidden(language: str, form: str, concept: str, grammar: frozenset[str]) -> bool:
    """Whether every word of a form can look like a function word."""
    words = tokens(language, form)
    if language == "ar":
        return all(any(word in grammar for word in arabic_words(token, concept)) for token in words)
    return set(words) <= grammar


@lru_cache(maxsize=1)
def classes() -> dict[str, str]:
    """Concept → its class (the first concept of the class); concepts that a language writes with nothing but
    function words are absent."""
    parent = {concept: concept for table in CATEGORIES.values() for concept in table}

    def root(concept: str) -> str:
        while parent[concept] != concept:
            concept = parent[concept]
        return concept

    silent: set[str] = set()
    for language, realiser in REALISERS.items():
        grammar = function_words(language)
        owner: dict[str, str] = {}
        for table in CATEGORIES.values():
            for concept, entry in table.items():
                for token in written(language, entry):
                    if token in grammar:
                        continue
                    first, second = root(owner.setdefault(token, concept)), root(concept)
                    parent[max(first, second)] = min(first, second)
                if any(_hidden(language, form, concept, grammar) for _, form in realiser.forms(entry)):
                    silent.add(concept)
    hidden = {root(concept) for concept in silent}
    return {concept: root(concept) for concept in parent if root(concept) not in hidden}


def key(meaning: Sentence) -> str:
    """The sorted set of word classes in a meaning: equal for meanings that share a sentence in any language."""
    known = classes()
    return " ".join(sorted({known[concept] for concept in concepts(meaning) if concept in known}))


def split_of_key(text: str) -> str:
    """train, valid or test from a stable hash."""
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
    for split, share in SHARES.items():
        number -= share
        if number < 0:
            return split
    return "train"


def split_of(meaning: Sentence) -> str:
    """The split of a meaning."""
    return split_of_key(key(meaning))
