"""The meaning of a sentence: a small tree of concepts, the same for all languages.

Trees are named tuples, so they are hashable, cheap, and their ``repr`` is their canonical text.
"""

from __future__ import annotations

from typing import NamedTuple

PERSONS = {"I": 0, "you": 1, "he": 2, "she": 2, "we": 3, "they": 4}
"""Index of a pronoun in the five forms 1s, 2s, 3s, 1p, 3p that every conjugation lists."""


class NP(NamedTuple):
    """A noun phrase.

    ``det``: the, a, this, my, his, her, our, name, city or pronoun.  ``count``: 1, 0 for an unnumbered plural, or
    2 to 10.  ``of`` is the possessor (the roof *of the house*); ``relative`` a clause without its subject or
    its object, which is this noun phrase.
    """

    head: str
    det: str = "the"
    count: int = 1  # type: ignore[assignment]  # hides tuple.count
    adjective: str = ""
    of: NP | None = None
    relative: Clause | None = None

    @property
    def plural(self) -> bool:
        return self.count != 1

    @property
    def pronoun(self) -> bool:
        return self.det == "pronoun"


class Both(NamedTuple):
    """Two noun phrases joined by *and*."""

    first: NP
    second: NP


class PP(NamedTuple):
    """A preposition and its noun phrase."""

    preposition: str
    noun: NP


class Clause(NamedTuple):
    """A verb with all that depends on it.  ``verb`` is a concept, or ``be`` with an adjective or a place.

    In a relative clause the missing argument is None: ``subject``, or else ``object``.
    """

    verb: str
    subject: NP | Both | None
    object: NP | Both | None = None
    recipient: NP | None = None
    past: bool = False
    negated: bool = False
    modal: str = ""
    adjective: str = ""
    manner: str = ""
    habit: str = ""
    time: str = ""
    place: PP | None = None
    that: Clause | None = None


class Sentence(NamedTuple):
    """A whole sentence.

    ``kind``: statement, question (yes or no), who, what, where.  ``front``: what stands first in it instead
    of the subject: nothing, ``time`` or ``second`` (the second clause).  ``link`` joins the ``second``
    clause: because, when, and, but.
    """

    kind: str
    clause: Clause
    front: str = ""
    link: str = ""
    second: Clause | None = None


Meaning = Sentence


def canonical(meaning: Sentence) -> str:
    """The canonical text of a meaning; two meanings are the same when their texts are equal."""
    return repr(meaning)


def concepts(meaning: tuple[object, ...]) -> list[str]:
    """All content concepts in a meaning: nouns, names, verbs, adjectives and adverbs, with repeats."""
    found: list[str] = []
    _collect(meaning, found)
    return found


def _collect(node: object, found: list[str]) -> None:
    if isinstance(node, NP):
        if node.det != "pronoun":
            found.append(node.head)
        if node.adjective:
            found.append(node.adjective)
        _collect(node.of, found)
        _collect(node.relative, found)
    elif isinstance(node, Both):
        _collect(node.first, found)
        _collect(node.second, found)
    elif isinstance(node, PP):
        _collect(node.noun, found)
    elif isinstance(node, Clause):
        if node.verb != "be":
            found.append(node.verb)
        found.extend(word for word in (node.adjective, node.manner, node.habit, node.time) if word)
        for child in (node.subject, node.object, node.recipient, node.place, node.that):
            _collect(child, found)
    elif isinstance(node, Sentence):
        _collect(node.clause, found)
        _collect(node.second, found)
