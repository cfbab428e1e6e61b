"""German: verb second, verb-final subordinate clauses, case and gender on articles and adjectives."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PERSONS, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

NUMERALS = ("", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn")
# Rows N A D G, columns m f n p.
DER = {
    "N": {"m": "der", "f": "die", "n": "das", "p": "die"},
    "A": {"m": "den", "f": "die", "n": "das", "p": "die"},
    "D": {"m": "dem", "f": "der", "n": "dem", "p": "den"},
    "G": {"m": "des", "f": "der", "n": "des", "p": "der"},
}
EIN = {
    "N": {"m": "", "f": "e", "n": "", "p": "e"},
    "A": {"m": "en", "f": "e", "n": "", "p": "e"},
    "D": {"m": "em", "f": "er", "n": "em", "p": "en"},
    "G": {"m": "es", "f": "er", "n": "es", "p": "er"},
}
DIESER = {
    "N": {"m": "er", "f": "e", "n": "es", "p": "e"},
    "A": {"m": "en", "f": "e", "n": "es", "p": "e"},
    "D": {"m": "em", "f": "er", "n": "em", "p": "en"},
    "G": {"m": "es", "f": "er", "n": "es", "p": "er"},
}
WEAK = {case: {"m": "en", "f": "en", "n": "en", "p": "en"} for case in "NADG"}
WEAK["N"] = {"m": "e", "f": "e", "n": "e", "p": "en"}
WEAK["A"] = {"m": "en", "f": "e", "n": "e", "p": "en"}
MIXED = {**WEAK, "N": {"m": "er", "f": "e", "n": "es", "p": "en"}, "A": {"m": "en", "f": "e", "n": "es", "p": "en"}}
STRONG = {**DIESER, "G": {"m": "en", "f": "er", "n": "en", "p": "er"}}
POSSESSIVES = {"my": "mein", "his": "sein", "her": "ihr", "our": "unser"}
PRONOUNS = {
    "I": {"N": "ich", "A": "mich", "D": "mir"},
    "you": {"N": "du", "A": "dich", "D": "dir"},
    "he": {"N": "er", "A": "ihn", "D": "ihm"},
    "she": {"N": "sie", "A": "sie", "D": "ihr"},
    "we": {"N": "wir", "A": "uns", "D": "uns"},
    "they": {"N": "sie", "A": "sie", "D": "ihnen"},
}
MODALS = {
    "can": ("kann", "kannst", "kann", "können", "können"),
    "must": ("muss", "musst", "muss", "müssen", "müssen"),
    "want": ("will", "willst", "will", "wollen", "wollen"),
}
BE = ("bin", "bist", "ist", "sind", "sind"), ("war", "warst", "war", "waren", "waren")
CONTRACTIONS = {"in dem": "im", "an dem": "am", "von dem": "vom", "zu dem": "zum", "zu der": "zur", "bei dem": "beim"}
LINKS = {"because": "weil", "when": "wenn", "and": "und", "but": "aber"}
_GRAMMAR = (
    "nach und aber weil wenn als dass nicht wer was wo wem denen in auf unter bei hinter vor mit für an aus über zu "
    "von im am vom zum zur beim "
)
FUNCTION_WORDS = (
    frozenset(_GRAMMAR.split())
    | frozenset(NUMERALS)
    | frozenset(form for row in DER.values() for form in row.values())
    | frozenset(stem + end for row in EIN.values() for end in row.values() for stem in ("ein", "kein"))
    | frozenset(stem + end for row in EIN.values() for end in row.values() for stem in POSSESSIVES.values())
    | frozenset("dies" + end for row in DIESER.values() for end in row.values())
    | frozenset(form for row in PRONOUNS.values() for form in row.values())
    | frozenset(form for row in (*MODALS.values(), *BE) for form in row)
)


def _genitive(word: str) -> str:
    if word in ("Mann", "Ehemann", "Bus"):
        return word + ("ses" if word == "Bus" else "es")
    if word.endswith(("s", "ß", "z", "x", "sch", "st")):
        return word + ("ses" if word.endswith("nis") else "es")
    vowels = sum(
        letter in "aeiouyäöü" and (i == 0 or word[i - 1] not in "aeiouyäöü") for i, letter in enumerate(word.lower())
    )
    return word + ("es" if vowels == 1 and word[-1] not in "aeiouhmn" else "s")


def _noun_cases(words: tuple[str, ...]) -> dict[str, str]:
    """The forms of a noun by case, with ``p`` before it in the plural."""
    singular, gender, plural = words[:3]
    weak = len(words) > 3
    name = singular == "Name"
    dative = plural if plural.endswith(("n", "s")) else plural + "n"
    genitive = singular if gender == "f" else "Namens" if name else plural if weak else _genitive(singular)
    oblique = plural if weak else singular
    if singular in ("Nachbar", "Bauer", "Bär", "Herr"):
        oblique = genitive = plural
    return {"N": singular, "A": oblique, "D": oblique, "G": genitive, "pN": plural, "pA": plural, "pD": dative,
            "pG": plural}  # fmt: skip


CASES = {concept: _noun_cases(entry.words["de"]) for concept, entry in NOUNS.items()}


def _present(infinitive: str, third: str) -> tuple[str, str, str, str, str]:
    stem = infinitive[:-2] if infinitive.endswith("en") else infinitive[:-1]
    if not third.endswith("t"):  # weiß
        return third, third + "t", third, infinitive, infinitive
    base = third[:-1]
    second = third if base.endswith(("s", "ß", "z", "x")) else base + "st"
    first = stem + "e" if infinitive.endswith("en") else stem[:-2] + stem[-1] + "le"
    return ("lächle" if infinitive == "lächeln" else first), second, third, infinitive, infinitive


def _past(third: str) -> tuple[str, str, str, str, str]:
    if third.endswith("te"):
        return third, third + "st", third, third + "n", third + "n"
    link = "t" if third.endswith(("s", "ß", "z")) else "est" if third.endswith(("t", "d")) else "st"
    return third, third + link, third, third + "en", third + "en"


PRESENT = {concept: _present(*entry.words["de"][:2]) for concept, entry in VERBS.items()}
PAST = {concept: _past(entry.words["de"][2]) for concept, entry in VERBS.items()}


def _stem(words: tuple[str, ...]) -> str:
    return words[-1]


def forms(entry: Entry) -> list[tuple[str, str]]:
    """All (slot, form) of a lexeme."""
    words = entry.words["de"]
    if entry.concept in NOUNS:
        return [(case, form) for case, form in CASES[entry.concept].items()
                if not (entry.concept in MASS and case[0] == "p")]  # fmt: skip
    if entry.concept in VERBS:
        present = list(zip(("1s", "2s", "3s", "p"), PRESENT[entry.concept][:4], strict=True))
        return present + [("past" + slot, form) for slot, form in zip("12 p", PAST[entry.concept][:4], strict=True)]
    if entry.concept in ADJECTIVES:
        stem = _stem(words)
        if stem.endswith("e"):
            stem = stem[:-1]
        return [("", words[0]), *((end, stem + end) for end in ("e", "en", "er", "es", "em"))]
    return [("", words[0])]


def _phrase(noun: NP, case: str, kein: bool) -> str:
    words = NOUNS[noun.head].words["de"]
    plural = noun.plural
    gender = "p" if plural else words[1]
    text = CASES[noun.head]["p" + case if plural else case]
    if noun.det == "the":
        article, endings = DER[case][gender], WEAK
    elif noun.det == "this":
        article, endings = "dies" + DIESER[case][gender], WEAK
    elif noun.det != "a":
        article, endings = POSSESSIVES[noun.det] + EIN[case][gender], MIXED
    elif noun.count > 1:
        article, endings = "", STRONG
    elif kein:
        article, endings = "kein" + EIN[case][gender], MIXED
    elif plural or noun.head in MASS:
        article, endings = "", STRONG
    else:
        article, endings = "ein" + EIN[case][gender], MIXED
    if noun.adjective:
        stem = _stem(ADJECTIVES[noun.adjective].words["de"])
        if stem.endswith("e"):
            stem = stem[:-1]
        end = endings[case][gender]
        if noun.count > 1 and noun.det == "the":
            end = "en"
        text = f"{stem}{end} {text}"
    if noun.count > 1:
        text = f"{NUMERALS[noun.count]} {text}"
    return f"{article} {text}" if article else text


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, case: str, kein: bool = False) -> str:
    """The phrase in a case: N, A, D or G; ``kein`` when a negated clause makes it *no …*."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first, case)} und {noun_phrase(noun.second, case)}"
    if noun.det == "pronoun":
        return PRONOUNS[noun.head][case]
    if noun.det in ("name", "city"):
        return NAMES[noun.head].words["de"][0]
    text = _phrase(noun, case, kein)
    if noun.of is not None:
        text = (
            f"{text} von {noun_phrase(noun.of, 'D')}"
            if noun.of.det == "name"
            else f"{text} " + noun_phrase(noun.of, "G")
        )
    node = noun.relative
    if node is not None:
        gender = "p" if noun.plural else NOUNS[noun.head].words["de"][1]
        if node.subject is None:
            pronoun, person = DER["N"][gender], 4 if noun.plural else 2
        else:
            governed = _government(node.verb)[1]
            pronoun = "denen" if governed == "D" and gender == "p" else DER[governed][gender]
            person = _person(node.subject)
        text = f"{text}, {pronoun} {_final(node, person)},"
    return text


def _prepositional(preposition: str, case: str, noun: NP | Both) -> str:
    text = f"{preposition} {noun_phrase(noun, case)}"
    head = " ".join(text.split(" ", 2)[:2])
    if head in CONTRACTIONS and isinstance(noun, NP | Both):
        return CONTRACTIONS[head] + text[len(head) :]
    return text


def _government(verb: str) -> tuple[str, str]:
    """The preposition (or nothing) and the case that a verb asks of its object."""
    words = VERBS[verb].words["de"]
    if len(words) < 4:
        return "", "A"
    preposition, _, case = words[3][1:].rpartition(".")
    return preposition, case


def _person(noun: NP | Both | None) -> int:
    if noun is None:
        return 2
    if isinstance(noun, Both):
        return 4
    return PERSONS[noun.head] if noun.det == "pronoun" else 4 if noun.count != 1 else 2


def place(phrase: PP) -> str:
    preposition, case = PREPOSITIONS[phrase.preposition].words["de"]
    return _prepositional(preposition, case, phrase.noun)


def _indefinite(noun: NP | Both | None) -> bool:
    return isinstance(noun, NP) and noun.det == "a"


def _middle(node: Clause, skip_time: bool = False) -> list[str]:
    """Everything between the finite verb and the end: pronouns, time, definite objects, nicht, manner, place …"""
    early: list[str] = []
    late: list[str] = []
    governed: list[str] = []
    kein = False
    noun = node.object
    if node.recipient is not None:
        early.append(noun_phrase(node.recipient, "D"))
    if noun is not None:
        preposition, case = _government(node.verb)
        if preposition:
            if preposition == "zu" and isinstance(noun, NP) and noun.det == "city":
                preposition = "nach"
            governed.append(_prepositional(preposition, case, noun))
        else:
            kein = node.negated and _indefinite(noun) and isinstance(noun, NP) and noun.count < 2
            (late if _indefinite(noun) else early).append(noun_phrase(noun, case, kein))
    parts = []
    if isinstance(noun, NP) and noun.pronoun and early:
        parts.append(early.pop())
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["de"][0])
    parts += early
    if node.habit:
        parts.append(ADVERBS[node.habit].words["de"][0])
    if node.negated and not kein:
        parts.append("nicht")
    if node.manner:
        parts.append(ADVERBS[node.manner].words["de"][0])
    if node.place is not None:
        parts.append(place(node.place))
    parts += late + governed
    if node.adjective:
        parts.append(ADJECTIVES[node.adjective].words["de"][0])
    return parts


def _verb(node: Clause, person: int) -> tuple[str, str]:
    """The finite verb and the infinitive that closes the clause, or nothing."""
    if node.verb == "be":
        return BE[node.past][person], ""
    if node.modal:
        return MODALS[node.modal][person], VERBS[node.verb].words["de"][0]
    return (PAST if node.past else PRESENT)[node.verb][person], ""


def _final(node: Clause, person: int) -> str:
    """A subordinate clause after its conjunction or pronoun: the finite verb stands last."""
    finite, infinitive = _verb(node, person)
    parts = [noun_phrase(node.subject, "N")] if node.subject is not None else []
    parts += _middle(node)
    if infinitive:
        parts.append(infinitive)
    parts.append(finite)
    return " ".join(parts)


def _that(node: Clause) -> str:
    return f", dass {_final(node.that, _person(node.that.subject))}" if node.that is not None else ""


def _main(node: Clause, front: str = "", inverted: bool = False, skip_time: bool = False) -> str:
    """A main clause: the finite verb second, or first when ``inverted`` with nothing in front."""
    finite, infinitive = _verb(node, _person(node.subject))
    subject = [noun_phrase(node.subject, "N")] if node.subject is not None else []
    middle = _middle(node, skip_time)
    if (front or inverted) and middle and isinstance(node.object, NP) and node.object.pronoun:
        direct = not _government(node.verb)[0]
        if direct and isinstance(node.subject, NP) and not node.subject.pronoun:  # Gestern sah ihn der Mann
            subject.insert(0, middle.pop(0))
    order = [front, finite, *subject] if front else [finite, *subject] if inverted else [*subject, finite]
    parts = order + middle + ([infinitive] if infinitive else [])
    return " ".join(parts) + _that(node)


def _conjunction(link: str, node: Clause) -> str:
    return "als" if link == "when" and node.past else LINKS[link]


def sentence(meaning: Sentence) -> str:
    """The sentence with its capital, commas and full stop."""
    node, other = meaning.clause, meaning.second
    mark = "?"
    if meaning.kind == "statement":
        mark = "."
        if meaning.front == "time":
            text = _main(node, ADVERBS[node.time].words["de"][0], skip_time=True)
        elif meaning.front == "second" and other is not None:
            text = _main(node, f"{_conjunction(meaning.link, other)} {_final(other, _person(other.subject))},")
        else:
            text = _main(node)
    elif meaning.kind == "question":
        text = _main(node, inverted=True)
    elif meaning.kind == "who":
        text = f"wer {_main(node)}"
    else:
        text = _main(node, {"what": "was", "where": "wo"}[meaning.kind])
    if other is not None and meaning.front != "second":
        if meaning.link in ("and", "but"):
            text += ("," if meaning.link == "but" else "") + f" {LINKS[meaning.link]} {_main(other)}"
        else:
            text += f", {_conjunction(meaning.link, other)} {_final(other, _person(other.subject))}"
    text = text.replace(",,", ",").rstrip(",")
    return text[0].upper() + text[1:] + mark
