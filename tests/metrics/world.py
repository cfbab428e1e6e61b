"""A six-language world of a dozen words, standing in for the microworld in the tests of its users."""

from __future__ import annotations

import random

VERSION = "toy-1"

NOUNS = {
    "en": ["dog", "cat", "house", "king"],
    "de": ["Hund", "Kater", "Turm", "König"],
    "fr": ["chien", "chat", "tour", "roi"],
    "it": ["cane", "gatto", "castello", "re"],
    "ar": ["كلب", "قط", "بيت", "ملك"],
    "zh": ["狗", "猫", "房子", "国王"],
}
VERBS = {
    "en": ["sees", "finds", "loves"],
    "de": ["sieht", "findet", "liebt"],
    "fr": ["voit", "trouve", "aime"],
    "it": ["vede", "trova", "ama"],
    "ar": ["يرى", "يجد", "يحب"],
    "zh": ["看见", "找到", "喜欢"],
}
PLACES = {
    "en": ["today", "in Rome", "in London"],
    "de": ["heute", "in Rom", "in London"],
    "fr": ["aujourd'hui", "à Rome", "à Londres"],
    "it": ["oggi", "a Roma", "a Londra"],
    "ar": ["اليوم", "في روما", "في لندن"],
    "zh": ["今天", "在罗马", "在伦敦"],
}
PATTERN = {
    "en": "The {s} {v} the {o} {p}.",
    "de": "Der {s} {v} den {o} {p}.",
    "fr": "Le {s} {v} le {o} {p}.",
    "it": "Il {s} {v} il {o} {p}.",
    "ar": "{v} {s} {o} {p}.",
    "zh": "{s}{p}{v}{o}。",
}


def generate(split: str, count: int, seed: int) -> list[dict[str, str]]:
    rng = random.Random(f"{split}-{seed}")
    rows = []
    for _ in range(count):
        s, o, v, p = rng.randrange(4), rng.randrange(4), rng.randrange(3), rng.randrange(3)
        rows.append(
            {
                code: PATTERN[code].format(s=NOUNS[code][s], o=NOUNS[code][o], v=VERBS[code][v], p=PLACES[code][p])
                for code in PATTERN
            }
        )
    return rows


def words_of_same_category(language: str, word: str) -> list[str]:
    for table in (NOUNS, VERBS):
        if word in table[language]:
            return [other for other in table[language] if other != word]
    return []


def inflections(language: str, word: str) -> list[str]:
    return [word + "en"] if language == "de" and word in NOUNS["de"] else []
