"""Drawing meanings at random: Zipfian words, mild restrictions on what goes together, sentences of 3 to 14 words.

Some combinations are left out because one of the languages would say them quite differently (a modal verb
with two subjects needs an Arabic dual; an object relative of a prepositional verb needs *on which*).
"""

from __future__ import annotations

import random
from bisect import bisect
from functools import cache
from itertools import accumulate

from mtsuite.data.microworld.meaning import NP, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

GROUPS = {
    "H": ("person", "family"),
    "A": ("animal",),
    "N": ("thing", "clothes", "text", "surface", "vehicle"),
    "E": ("food", "meal", "dish"),
}
LETTERS = {
    "person": "H", "family": "H", "animal": "A", "thing": "N", "clothes": "N", "surface": "N", "vehicle": "NV",
    "opening": "N", "place": "L", "site": "L", "food": "E", "dish": "M", "meal": "M", "drink": "M", "text": "T",
    "idea": "I",
}  # fmt: skip
DIRECT = frozenset(
    concept
    for concept, entry in VERBS.items()
    if entry.kinds[0] == "t"
    and not any(w[0] == "+" and w != "+D" for words in entry.words.values() for w in words if w not in ("+",))
)
"""Verbs whose object is direct in all six languages, so it can be a pronoun, a relative or *what*."""
STATES = frozenset(concept for concept, entry in VERBS.items() if "s" in entry.words["zh"])
FOR_SOMEONE = frozenset({"make", "cook_v", "buy", "draw", "write", "sing", "choose"})
UNWILLED = frozenset({"see", "find", "hear", "forget", "lose", "fall"})
"""Verbs that go with no manner: nobody sees carefully."""
POSSESSORS = ("my", "his", "her", "our")


class Pool:
    """Concepts with Zipfian weights ``1 / (rank + 2)``."""

    def __init__(self, concepts: list[str]) -> None:
        self.concepts = concepts
        self.totals = list(accumulate(1 / (rank + 2) for rank in range(len(concepts))))

    def draw(self, rng: random.Random) -> str:
        return self.concepts[bisect(self.totals, rng.random() * self.totals[-1])]


def _interleave(columns: list[list[str]]) -> list[str]:
    """Merge ranked lists: all the firsts, all the seconds, …"""
    ranked = sorted((rank, i, concept) for i, column in enumerate(columns) for rank, concept in enumerate(column))
    return [concept for _, _, concept in ranked]


@cache
def nouns_of(kinds: str) -> Pool:
    """Nouns of the kinds in ``A+N+box``: a group letter, a kind, a concept, or ``town`` for names of cities."""
    columns = []
    for kind in kinds.split("+"):
        if kind == "town":
            columns.append([concept for concept, entry in NAMES.items() if entry.kinds[0] == "city"])
        elif kind in NOUNS:
            columns.append([kind])
        else:
            for part in GROUPS.get(kind, (kind,)):
                columns.append([concept for concept, entry in NOUNS.items() if part in entry.kinds])
    return Pool(_interleave(columns))


@cache
def _accepted(kinds: str) -> frozenset[str]:
    return frozenset(nouns_of(kinds).concepts)


def _pool(entries: dict[str, Entry], kinds: tuple[str, ...]) -> Pool:
    return Pool([concept for concept, entry in entries.items() if entry.kinds[0] in kinds])


_ADJECTIVES = {
    kind: Pool([concept for concept, entry in ADJECTIVES.items() if set(letters) & set(entry.kinds)])
    for kind, letters in LETTERS.items()
}
_VERBS = {frame: _pool(VERBS, (frame,)) for frame in "itdcm"}
_DIRECT = Pool([concept for concept in VERBS if concept in DIRECT])
_PEOPLE = _pool(NAMES, ("name",))
_TIMES = {True: _pool(ADVERBS, ("time", "time-past")), False: _pool(ADVERBS, ("time", "time-present"))}
_HABITS = _pool(ADVERBS, ("habit",))
_MANNERS = _pool(ADVERBS, ("manner",))
_PLACES = _pool(PREPOSITIONS, ("place",))


class Sampler:
    """Draws meanings from a ``random.Random``."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.chance = rng.random

    def adjective(self, head: str) -> str:
        return _ADJECTIVES[NOUNS[head].kinds[0]].draw(self.rng)

    def noun(self, kinds: str, *, rich: bool = True, indefinite: bool = True, dual: bool = True) -> NP:
        """A noun phrase; ``rich`` ones may have an adjective or a relative clause, ``dual`` ones may be two."""
        chance = self.chance
        head = nouns_of(kinds).draw(self.rng)
        if head in NAMES:
            return NP(head, "city")
        kind = NOUNS[head].kinds[0]
        if head in MASS:
            det = "a" if indefinite and chance() < 0.6 else "the"
            return NP(head, det, 1, self.adjective(head) if rich and chance() < 0.15 else "")
        if (kind == "opening" or head in ("roof", "name", "plan")) and chance() < 0.35:
            owner = self.person(False) if head in ("name", "plan") else self.noun("place", rich=False, indefinite=False)
            if owner.count == 1 and owner.of is None:
                return NP(head, of=owner)
        draw = chance()
        if kind == "family":
            det = self.rng.choice(POSSESSORS) if draw < 0.8 else "the"
            if det == "our" and head in ("husband", "wife"):
                det = "my"
        elif kind in ("place", "site"):
            det = "the" if draw < 0.8 or not indefinite else "a"
        elif draw < 0.55:
            det = "the"
        elif draw < 0.8 and indefinite:
            det = "a"
        elif draw < 0.9:
            det = "this"
        else:
            det = self.rng.choice(POSSESSORS) if kind in ("animal", "thing", "text", "clothes", "vehicle") else "the"
        count = 1
        if det in ("the", "this", "a") and chance() < 0.28:
            count = 0
            if det == "a" and chance() < 0.6:
                count = 2 + int(chance() * chance() * 9)
                if count == 2 and not dual:
                    count = 3
        adjective = self.adjective(head) if rich and chance() < 0.24 else ""
        relative = None
        if rich and det == "the" and not adjective and chance() < 0.11:
            relative = self.relative(head)
        return NP(head, det, count, adjective, None, relative)

    def person(self, pronoun: bool = True, rich: bool = False, dual: bool = True) -> NP:
        """Somebody: a name, a pronoun or a noun."""
        draw = self.chance()
        if draw < 0.2:
            return NP(_PEOPLE.draw(self.rng), "name")
        if pronoun and draw < 0.4:
            return NP(self.rng.choice(("I", "you", "he", "she", "we", "they")), "pronoun")
        return self.noun("person+family+person", rich=rich, indefinite=rich, dual=dual)

    def subject(self, kinds: str, simple: bool) -> NP | Both:
        """A subject for a verb; a ``simple`` one is not two (an Arabic dual) and not indefinite."""
        if kinds == "H+A" and self.chance() < 0.35:
            return self.noun("A", rich=not simple, indefinite=not simple, dual=not simple)
        if kinds.startswith("H"):
            if not simple and self.chance() < 0.05:
                first, second = self.person(False), self.person(False)
                if first.head != second.head:
                    return Both(first, second)
            return self.person(rich=not simple, dual=not simple)
        return self.noun(kinds, rich=not simple, indefinite=not simple, dual=not simple)

    def relative(self, head: str) -> Clause | None:
        """A clause that lacks its subject (for people and animals) or its direct object."""
        kind = NOUNS[head].kinds[0]
        past = self.chance() < 0.5
        alive = kind in ("person", "family", "animal")
        if alive and self.chance() < 0.6:
            letter = "A" if kind == "animal" else "H"
            for _ in range(4):
                frame = "i" if self.chance() < 0.4 else "t"
                verb = _VERBS[frame].draw(self.rng)
                if letter not in VERBS[verb].kinds[1].split("+"):
                    continue
                thing = self.noun(VERBS[verb].kinds[2], rich=False) if frame == "t" else None
                if thing is not None and thing.head == head:
                    continue
                return Clause(verb, None, thing, past=past)
            return None
        for _ in range(8):
            verb = _DIRECT.draw(self.rng)
            if head in _accepted(VERBS[verb].kinds[2]):
                subject = self.subject(VERBS[verb].kinds[1], True)
                if isinstance(subject, NP) and subject.head != head:
                    return Clause(verb, subject, past=past)
        return None

    def place(self) -> PP:
        """Somewhere."""
        preposition = _PLACES.draw(self.rng)
        kinds = PREPOSITIONS[preposition].kinds[1]
        return PP(preposition, self.noun(kinds, rich=self.chance() < 0.3, indefinite=False))

    def being(self, past: bool, negated: bool, simple: bool) -> Clause:
        """Somebody or something is so, or is somewhere."""
        kinds = ("H", "A", "N", "place", "text+idea", "E")[int(self.chance() * 6)]
        draw = self.chance()
        if kinds == "H" and draw < 0.5:
            subject: NP | Both = self.person()
        else:
            subject = self.noun(kinds, rich=False, indefinite=False)
        if self.chance() < 0.3 and kinds in ("H", "A", "N"):
            where = self.place()
            if isinstance(subject, NP) and where.noun.head != subject.head:
                return Clause("be", subject, past=past, negated=negated, place=where)
        head = subject.head if isinstance(subject, NP) and subject.head in NOUNS else "man"
        return Clause("be", subject, past=past, negated=negated, adjective=self.adjective(head))

    def clause(self, past: bool, simple: bool = False, affirmative: bool = False) -> Clause:
        """A clause with a verb; ``simple`` ones stand inside others, ``affirmative`` ones have no negation."""
        chance, rng = self.chance, self.rng
        negated = not affirmative and chance() < 0.13
        if chance() < 0.13:
            return self.being(past, negated, simple)
        modal = ""
        if not past and chance() < 0.2:
            modal = ("can", "want", "must")[int(chance() * 3)]
            negated = negated and modal != "must"
        draw = chance()
        frame = "t" if draw < 0.6 else "i" if draw < 0.78 else "m" if draw < 0.89 else "d"
        verb = _VERBS[frame].draw(rng)
        while modal and verb in STATES:
            verb = _VERBS[frame].draw(rng)
        subject_kinds, object_kinds = VERBS[verb].kinds[1:3]
        subject = self.subject(subject_kinds, simple or bool(modal))
        thing: NP | Both | None = None
        recipient = None
        if frame != "i":
            thing = self._object(verb, object_kinds, subject, negated, simple)
        if frame == "d":
            recipient = self.person(False)
        manner = habit = ""
        place = None
        if frame in "it" and verb not in STATES:
            draw = chance()
            if draw < 0.25 and "place" not in object_kinds:
                place = self.place()
            elif draw < 0.32 and not any(w[0] == "+" for w in VERBS[verb].words["zh"]):
                place = PP("with", self.person(False))
            elif draw < 0.5 and verb in FOR_SOMEONE:
                place = PP("for", self.person(False))
            elif draw < 0.62 and not negated and verb not in UNWILLED:
                manner = _MANNERS.draw(rng)
        if not (past or negated or modal) and chance() < 0.22:
            habit = _HABITS.draw(rng)
        time = _TIMES[past].draw(rng) if chance() < 0.24 and not habit else ""
        return Clause(verb, subject, thing, recipient, past, negated, modal, "", manner, habit, time, place)

    def _object(self, verb: str, kinds: str, subject: NP | Both, negated: bool, simple: bool) -> NP | Both:
        if verb in DIRECT and "H" in kinds.split("+"):
            draw = self.chance()
            if draw < 0.12:
                head = ("he", "she", "they")[int(draw * 25)]
                third = isinstance(subject, NP) and subject.det == "pronoun" and subject.head not in ("I", "you", "we")
                if not third:
                    return NP(head, "pronoun")
            elif draw < 0.25:
                return NP(_PEOPLE.draw(self.rng), "name")
        thing = self.noun(kinds, rich=not simple)
        if negated and thing.det == "a":
            thing = thing._replace(count=1 if thing.head in MASS else 0)
        if not negated and not simple and self.chance() < 0.05 and thing.relative is None and verb in DIRECT:
            other = self.noun(kinds, rich=False)
            if other.head != thing.head:
                return Both(thing, other)
        return thing

    def sentence(self) -> Sentence:
        """A meaning; not every draw succeeds, so this repeats until heads inside each clause differ."""
        while True:
            drawn = self._sentence()
            if _varied(drawn.clause) and (drawn.second is None or _varied(drawn.second)):
                return drawn

    def _sentence(self) -> Sentence:
        chance = self.chance
        past = chance() < 0.5
        draw = chance()
        if draw < 0.56:
            node = self.clause(past)
            front = "time" if node.time and chance() < 0.4 else ""
            return Sentence("statement", node, front)
        if draw < 0.66:
            verb = _VERBS["c"].draw(self.rng)
            inner = self.clause(past or chance() < 0.4, simple=True)
            return Sentence("statement", Clause(verb, self.person(dual=False), past=past, that=inner))
        if draw < 0.83:
            link = ("because", "when", "and", "but")[int(chance() * 4)]
            first = self.clause(past, simple=True)
            second = self.clause(past, simple=True)._replace(time="")
            first = first._replace(time="") if link == "when" else first
            return Sentence("statement", first, "second" if link == "when" and chance() < 0.5 else "", link, second)
        node = self.clause(past, affirmative=True)
        if draw < 0.92:
            return Sentence("question", node)
        if draw < 0.95 and node.verb != "be" and VERBS[node.verb].kinds[1][0] == "H":
            return Sentence("who", node._replace(subject=None, modal="", habit=""))
        if draw < 0.98 and node.verb in DIRECT and not set("HA") & set(VERBS[node.verb].kinds[2].split("+")):
            return Sentence("what", node._replace(object=None, habit=""))
        if node.verb != "be" and VERBS[node.verb].kinds[0] in "it":
            return Sentence("where", node._replace(place=None, habit=""))
        return Sentence("question", node)


def _heads(noun: NP | Both | None) -> list[str]:
    if noun is None:
        return []
    if isinstance(noun, Both):
        return [*_heads(noun.first), *_heads(noun.second)]
    return [noun.head, *_heads(noun.of)]


def _varied(node: Clause) -> bool:
    heads = [*_heads(node.subject), *_heads(node.object), *_heads(node.recipient)]
    if node.place is not None:
        heads += _heads(node.place.noun)
    return len(heads) == len(set(heads)) and (node.that is None or _varied(node.that))
