"""English: fixed order, do-support, irregular plurals and pasts."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PERSONS, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import HUMAN, MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

NUMERALS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
OBJECTS = {"I": "me", "you": "you", "he": "him", "she": "her", "we": "us", "they": "them"}
MODALS = {"can": "can", "must": "must", "want": "want to"}
BE = ("am", "are", "is", "are", "are"), ("was", "were", "was", "were", "were")
LINKS = {"because": "because", "when": "when", "and": "and", "but": "but"}
_GRAMMAR = (
    "the a an this these my his her our not do does did can cannot must want wants to be am is are was were "
    "who whom that what where because when and but of in on under near behind front with for at about from by "
)
FUNCTION_WORDS = frozenset(_GRAMMAR.split()) | frozenset(NUMERALS) | frozenset(OBJECTS) | frozenset(OBJECTS.values())


def _ending(word: str) -> str:
    """The word with the -s of plurals and third persons."""
    if word.endswith(("s", "x", "z", "ch", "sh")) or word in {"go", "potato", "tomato"}:
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


PLURALS = {c: e.words["en"][1] if len(e.words["en"]) > 1 else _ending(e.words["en"][0]) for c, e in NOUNS.items()}


def forms(entry: Entry) -> list[tuple[str, str]]:
    """All (slot, form) of a lexeme."""
    first = entry.words["en"][0]
    if entry.concept in NOUNS:
        return [("sg", first)] if entry.concept in MASS else [("sg", first), ("pl", PLURALS[entry.concept])]
    if entry.concept in VERBS:
        return [("inf", first), ("3sg", _ending(first)), ("past", entry.words["en"][1])]
    return [("", first)]


def article(word: str) -> str:
    """``a`` or ``an`` before a word."""
    return "an" if word[0] in "aeiou" and not word.startswith("eu") else "a"


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, subject: bool = False) -> str:
    """The phrase; ``subject`` decides the form of a pronoun."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first, subject)} and {noun_phrase(noun.second, subject)}"
    if noun.det == "pronoun":
        return noun.head if subject else OBJECTS[noun.head]
    if noun.det in ("name", "city"):
        return NAMES[noun.head].words["en"][0]
    text = PLURALS[noun.head] if noun.plural else NOUNS[noun.head].words["en"][0]
    if noun.adjective:
        text = f"{ADJECTIVES[noun.adjective].words['en'][0]} {text}"
    if noun.count > 1:
        text = f"{NUMERALS[noun.count]} {text}"
    elif noun.det == "a":
        if noun.count == 1 and noun.head not in MASS:
            text = f"{article(text)} {text}"
    elif noun.det == "this":
        text = f"{'these' if noun.plural else 'this'} {text}"
    else:
        text = f"{noun.det} {text}"
    if noun.of:
        text = f"{text} of {noun_phrase(noun.of)}"
    relative = noun.relative
    if relative:
        human = noun.head in HUMAN
        pronoun = ("who" if relative.subject is None else "whom") if human else "that"
        person = 4 if noun.plural else 2
        text = f"{text} {pronoun} {clause(relative, person)}"
    return text


def _person(noun: NP | Both | None) -> int:
    if noun is None:
        return 2
    if isinstance(noun, Both):
        return 4
    return PERSONS[noun.head] if noun.det == "pronoun" else 4 if noun.count != 1 else 2


def place(phrase: PP) -> str:
    return f"{PREPOSITIONS[phrase.preposition].words['en'][0]} {noun_phrase(phrase.noun)}"


def _verb(node: Clause, person: int) -> tuple[str, str]:
    """The finite (auxiliary) verb, which a question moves, and the rest; one of them may be empty."""
    if node.verb == "be":
        finite = BE[node.past][person]
        return finite, "not" if node.negated else ""
    words = VERBS[node.verb].words["en"]
    if node.modal in ("can", "must"):
        return ("cannot" if node.negated else node.modal), words[0]
    third = person == 2
    if node.modal:  # want
        base, finite = f"want to {words[0]}", f"{'wants' if third else 'want'} to {words[0]}"
    else:
        base, finite = words[0], words[1] if node.past else _ending(words[0]) if third else words[0]
    if node.negated:
        return ("did" if node.past else "does" if third else "do"), f"not {base}"
    return "", finite


def _tail(node: Clause, skip_time: bool) -> list[str]:
    parts = []
    words: tuple[str, ...] = VERBS[node.verb].words["en"] if node.verb != "be" else ()
    if len(words) > 2:
        parts.append(words[2][1:])
    if node.adjective:
        parts.append(ADJECTIVES[node.adjective].words["en"][0])
    if node.object is not None:
        parts.append(noun_phrase(node.object))
    if node.recipient is not None:
        parts.append(f"to {noun_phrase(node.recipient)}")
    if node.manner:
        parts.append(ADVERBS[node.manner].words["en"][0])
    if node.place is not None:
        parts.append(place(node.place))
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["en"][0])
    if node.that is not None:
        parts.append(f"that {clause(node.that)}")
    return parts


def clause(node: Clause, person: int | None = None, skip_time: bool = False) -> str:
    """A statement; ``person`` that of a missing subject."""
    if node.subject is not None or person is None:
        person = _person(node.subject)
    finite, rest = _verb(node, person)
    parts = [noun_phrase(node.subject, True)] if node.subject is not None else []
    if node.habit and node.verb != "be":
        parts.append(ADVERBS[node.habit].words["en"][0])
    if finite:
        parts.append(finite)
    if node.habit and node.verb == "be":
        parts.append(ADVERBS[node.habit].words["en"][0])
    if rest:
        parts.append(rest)
    parts.extend(_tail(node, skip_time))
    return " ".join(parts)


def _inverted(node: Clause) -> str:
    """A question: auxiliary, subject, rest."""
    person = _person(node.subject)
    finite, rest = _verb(node, person)
    subject = noun_phrase(node.subject, True) if node.subject is not None else ""
    if not finite:
        base = VERBS[node.verb].words["en"][0]
        finite = "did" if node.past else "does" if person == 2 else "do"
        rest = f"want to {base}" if node.modal else base
    elif rest.startswith("not "):
        rest = rest[4:]
        return " ".join([finite, subject, "not", rest, *_tail(node, False)])
    habit = [ADVERBS[node.habit].words["en"][0]] if node.habit else []
    return " ".join([finite, subject, *habit, *([rest] if rest else []), *_tail(node, False)])


def sentence(meaning: Sentence) -> str:
    """The sentence with its capital and full stop."""
    node = meaning.clause
    mark = "?"
    if meaning.kind == "statement":
        mark = "."
        text = clause(node, skip_time=meaning.front == "time")
        if meaning.front == "time":
            text = f"{ADVERBS[node.time].words['en'][0]}, {text}"
    elif meaning.kind == "question":
        text = _inverted(node)
    elif meaning.kind == "who":
        text = f"who {clause(node, 2)}"
    else:
        text = f"{meaning.kind} {_inverted(node)}"
    if meaning.second is not None:
        other = clause(meaning.second)
        if meaning.front == "second":
            text = f"{LINKS[meaning.link]} {other}, {text}"
        else:
            comma = "," if meaning.link == "but" else ""
            text = f"{text}{comma} {LINKS[meaning.link]} {other}"
    return text[0].upper() + text[1:] + mark
