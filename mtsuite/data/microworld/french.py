"""French: elision and contraction, agreement, ne … pas, passé composé with agreement of the participle."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PERSONS, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

VOWELS = "aeiouyhàâéèêëîïôöûüœAEIOUHÉÈÂ"  # no aspirated h in the lexicon
NUMERALS = ("", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix")
POSSESSIVES = {
    "my": ("mon", "ma", "mes"),
    "his": ("son", "sa", "ses"),
    "her": ("son", "sa", "ses"),
    "our": ("notre", "notre", "nos"),
}
SUBJECTS = {"I": "je", "you": "tu", "he": "il", "she": "elle", "we": "nous", "they": "ils"}
STRESSED = {"I": "moi", "you": "toi", "he": "lui", "she": "elle", "we": "nous", "they": "eux"}
CLITICS = {"he": "le", "she": "la", "they": "les"}
MODALS = {
    "can": ("peux", "peux", "peut", "pouvons", "peuvent"),
    "must": ("dois", "dois", "doit", "devons", "doivent"),
    "want": ("veux", "veux", "veut", "voulons", "veulent"),
}
HAVE = ("ai", "as", "a", "avons", "ont")
BE = ("suis", "es", "est", "sommes", "sont"), ("étais", "étais", "était", "étions", "étaient")
LINKS = {"because": "parce que", "when": "quand", "and": "et", "but": "mais"}
_GRAMMAR = (
    "le la l' les un une des du de d' au aux à ce cet cette ces ne n' pas que qu' qui est-ce où parce quand et "
    "mais j' dans sur sous près derrière devant avec pour "
)
FUNCTION_WORDS = frozenset(_GRAMMAR.split()).union(
    NUMERALS,
    SUBJECTS.values(),
    STRESSED.values(),
    CLITICS.values(),
    HAVE,
    *BE,
    *MODALS.values(),
    *POSSESSIVES.values(),
)


def _plural(word: str) -> str:
    if word[-1] in "sxz":
        return word
    if word.endswith("al"):
        return word[:-2] + "aux"
    return word + ("x" if word.endswith("eau") else "s")


def _noun(words: tuple[str, ...]) -> tuple[str, str]:
    return words[0], words[2] if len(words) > 2 else _plural(words[0])


NOUN_FORMS = {concept: _noun(entry.words["fr"]) for concept, entry in NOUNS.items()}


def _adjective(words: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Masculine, feminine, masculine plural, feminine plural."""
    explicit = [word for word in words[1:] if word != "<" and "=" not in word]
    word = words[0]
    if explicit:
        feminine = explicit[0]
    elif word.endswith("x"):
        feminine = word[:-1] + "se"
    else:
        feminine = word if word.endswith("e") else word + "e"
    return word, feminine, _plural(word), feminine + "s"


ADJECTIVE_FORMS = {concept: _adjective(entry.words["fr"]) for concept, entry in ADJECTIVES.items()}
BEFORE_VOWEL = {
    concept: word[2:] for concept, entry in ADJECTIVES.items() for word in entry.words["fr"] if word.startswith("v=")
}


def _present(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word.startswith("="):
            return tuple(word[1:].split(","))
    infinitive, stem = words[0], words[0][:-2]
    if infinitive.endswith("er"):
        soft = stem + "e" if stem.endswith("g") else stem[:-1] + "ç" if stem.endswith("c") else stem
        if infinitive.endswith("oyer"):
            heavy = stem[:-1] + "i"
        elif infinitive == "acheter":
            heavy = "achèt"
        elif infinitive == "protéger":
            heavy = "protèg"
        else:
            heavy = stem
        return heavy + "e", heavy + "es", heavy + "e", soft + "ons", heavy + "ent"
    if infinitive.endswith("ir"):
        return stem + "is", stem + "is", stem + "it", stem + "issons", stem + "issent"
    return stem + "s", stem + "s", stem if stem[-1] == "d" else stem + "t", stem + "ons", stem + "ent"


PRESENT = {concept: _present(entry.words["fr"]) for concept, entry in VERBS.items()}
WITH_BE = frozenset(concept for concept, entry in VERBS.items() if "e" in entry.words["fr"])
GOVERNMENT = {
    concept: next((word[1:] for word in entry.words["fr"] if word.startswith("+")), "")
    for concept, entry in VERBS.items()
}


def _participle(word: str, gender: str, plural: bool) -> str:
    text = word + "e" if gender == "f" else word
    return text + "s" if plural and not text.endswith("s") else text


def forms(entry: Entry) -> list[tuple[str, str]]:
    """All (slot, form) of a lexeme."""
    words = entry.words["fr"]
    if entry.concept in NOUNS:
        pair = list(zip(("sg", "pl"), NOUN_FORMS[entry.concept], strict=True))
        return pair[:1] if entry.concept in MASS else pair
    if entry.concept in VERBS:
        found = [("inf", words[0]), *zip(("1s", "2s", "3s", "1p", "3p"), PRESENT[entry.concept], strict=True)]
        return found + [("p" + g + n, _participle(words[1], g, n == "p")) for g in "mf" for n in "sp"]
    if entry.concept in ADJECTIVES:
        found = list(zip(("ms", "fs", "mp", "fp"), ADJECTIVE_FORMS[entry.concept], strict=True))
        return found + ([("mv", BEFORE_VOWEL[entry.concept])] if entry.concept in BEFORE_VOWEL else [])
    return [("", words[0])]


def elide(word: str, after: str) -> str:
    """Join a word that ends in e or a to the next one: le + ami is l'ami."""
    return f"{word[:-1]}'{after}" if after[0] in VOWELS else f"{word} {after}"


def definite(text: str, gender: str, plural: bool, preposition: str = "") -> str:
    """The definite article, contracted with à and de, and the text."""
    last = preposition.rpartition(" ")[2]
    lead = preposition[: len(preposition) - len(last)]
    if last in ("à", "de"):
        if plural:
            return f"{lead}{'aux' if last == 'à' else 'des'} {text}"
        if gender == "m" and text[0] not in VOWELS:
            return f"{lead}{'au' if last == 'à' else 'du'} {text}"
    article = f"les {text}" if plural else elide("la" if gender == "f" else "le", text)
    return f"{preposition} {article}" if preposition else article


def _after(preposition: str, text: str) -> str:
    if not preposition:
        return text
    return elide(preposition, text) if preposition.endswith("de") else f"{preposition} {text}"


def gender_of(noun: NP | Both | None) -> tuple[str, bool]:
    """Gender and plurality for agreement."""
    if noun is None:
        return "m", False
    if isinstance(noun, Both):
        both = gender_of(noun.first)[0] == "f" == gender_of(noun.second)[0]
        return "f" if both else "m", True
    if noun.det == "pronoun":
        return ("f" if noun.head == "she" else "m"), PERSONS[noun.head] > 2
    if noun.det == "name":
        return NAMES[noun.head].kinds[1], False
    if noun.det == "city":
        return "m", False
    return NOUNS[noun.head].words["fr"][1], noun.plural


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, preposition: str = "", negated: bool = False) -> str:
    """The phrase after a preposition (or nothing); a ``negated`` indefinite object takes de."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first, preposition)} et {noun_phrase(noun.second, preposition)}"
    if noun.det == "pronoun":
        return _after(preposition, STRESSED[noun.head])
    if noun.det in ("name", "city"):
        return _after(preposition, NAMES[noun.head].words["fr"][0])
    plural, gender = noun.plural, NOUNS[noun.head].words["fr"][1]
    text = NOUN_FORMS[noun.head][plural]
    before = False
    if noun.adjective:
        adjective = ADJECTIVE_FORMS[noun.adjective][2 * plural + (gender == "f")]
        before = "<" in ADJECTIVES[noun.adjective].words["fr"]
        if before and not plural and gender == "m" and text[0] in VOWELS:
            adjective = BEFORE_VOWEL.get(noun.adjective, adjective)
        text = f"{adjective} {text}" if before else f"{text} {adjective}"
    if noun.count > 1:
        text = f"{NUMERALS[noun.count]} {text}"
    if noun.det == "the":
        text = definite(text, gender, plural, preposition)
    elif noun.det == "this":
        if plural:
            word = "ces"
        elif gender == "f":
            word = "cette"
        else:
            word = "cet" if text[0] in VOWELS else "ce"
        text = _after(preposition, f"{word} {text}")
    elif noun.det in POSSESSIVES:
        column = 2 if plural else 1 if gender == "f" and text[0] not in VOWELS else 0
        text = _after(preposition, f"{POSSESSIVES[noun.det][column]} {text}")
    elif noun.count > 1:
        text = _after(preposition, text)
    elif negated:
        text = elide("de", text)
    elif noun.head in MASS:
        text = (
            _after("de", text)
            if preposition.endswith("de")
            else _after(preposition, definite(text, gender, False, "de"))
        )
    elif plural:
        if preposition.endswith("de"):
            text = _after(preposition, text)
        else:
            text = _after(preposition, elide("de", text) if before else f"des {text}")
    else:
        text = _after(preposition, f"{'une' if gender == 'f' else 'un'} {text}")
    if noun.of is not None:
        text = f"{text} {noun_phrase(noun.of, 'de')}"
    node = noun.relative
    if node is not None:
        agree = NP(noun.head, count=noun.count)
        text = f"{text} qui {clause(node, agree)}" if node.subject is None else text + " " + _que(clause(node, agree))
    return text


def _que(text: str) -> str:
    return elide("que", text)


def person_of(noun: NP | Both | None) -> int:
    if noun is None:
        return 2
    if isinstance(noun, Both):
        return 4
    return PERSONS[noun.head] if noun.det == "pronoun" else 4 if noun.count != 1 else 2


def place(phrase: PP) -> str:
    preposition = PREPOSITIONS[phrase.preposition].words["fr"][0]
    return noun_phrase(phrase.noun, "à" if phrase.noun.det == "city" else preposition)


def _verb(node: Clause, agree: NP | Both | None, preceding: NP | None) -> str:
    """ne, clitic, finite verb, pas, frequency adverb, participle or infinitive."""
    person = person_of(agree)
    noun = node.object
    tail = ["pas"] if node.negated else []
    if node.habit:
        tail.append(ADVERBS[node.habit].words["fr"][0])
    clitic = ""
    if node.verb == "be":
        finite = BE[node.past][person]
    else:
        words = VERBS[node.verb].words["fr"]
        if isinstance(noun, NP) and noun.pronoun and not GOVERNMENT[node.verb]:
            clitic, preceding = CLITICS[noun.head], noun
        if node.modal:
            finite = MODALS[node.modal][person]
            infinitive = words[0]
            if clitic:
                infinitive = f"les {infinitive}" if clitic == "les" else elide(clitic, infinitive)
                clitic = ""
            tail.append(infinitive)
        elif not node.past:
            finite = PRESENT[node.verb][person]
        elif node.verb in WITH_BE:
            finite = BE[0][person]
            tail.append(_participle(words[1], *gender_of(agree)))
        else:
            finite = HAVE[person]
            tail.append(_participle(words[1], *gender_of(preceding)) if preceding is not None else words[1])
    text = " ".join([finite, *tail])
    if clitic:
        text = f"les {text}" if clitic == "les" else elide(clitic, text)
    return elide("ne", text) if node.negated else text


def _rest(node: Clause, agree: NP | Both | None, skip_time: bool) -> list[str]:
    parts = []
    if node.adjective:
        gender, plural = gender_of(agree)
        parts.append(ADJECTIVE_FORMS[node.adjective][2 * plural + (gender == "f")])
    noun = node.object
    if noun is not None:
        preposition = GOVERNMENT[node.verb]
        if preposition or isinstance(noun, Both) or not noun.pronoun:
            indefinite = node.negated and isinstance(noun, NP) and noun.det == "a" and noun.count < 2
            parts.append(noun_phrase(noun, preposition, indefinite and not preposition))
    if node.recipient is not None:
        parts.append(noun_phrase(node.recipient, "à"))
    if node.manner:
        parts.append(ADVERBS[node.manner].words["fr"][0])
    if node.place is not None:
        parts.append(place(node.place))
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["fr"][0])
    if node.that is not None:
        parts.append(_que(clause(node.that)))
    return parts


def clause(node: Clause, antecedent: NP | None = None, skip_time: bool = False) -> str:
    """A statement; the antecedent of a relative clause agrees with the verb, or with the participle."""
    subject = node.subject
    agree = antecedent if subject is None else subject
    verb = _verb(node, agree, antecedent if subject is not None else None)
    rest = _rest(node, agree, skip_time)
    if subject is None:
        return " ".join([verb, *rest])
    if isinstance(subject, NP) and subject.pronoun:
        word = SUBJECTS[subject.head]
        verb = elide(word, verb) if word == "je" else f"{word} {verb}"
    else:
        verb = f"{noun_phrase(subject)} {verb}"
    return " ".join([verb, *rest])


def _link(link: str, text: str) -> str:
    return "parce " + _que(text) if link == "because" else f"{LINKS[link]} {text}"


def sentence(meaning: Sentence) -> str:
    """The sentence with its capital; a question mark follows a space, as French typography asks."""
    node, other = meaning.clause, meaning.second
    text = clause(node, skip_time=meaning.front == "time")
    mark = " ?"
    if meaning.kind == "statement":
        mark = "."
        if meaning.front == "time":
            text = f"{ADVERBS[node.time].words['fr'][0]}, {text}"
    elif meaning.kind == "who":
        text = f"qui {text}"
    else:
        start = {"question": "est-ce ", "what": "qu'est-ce ", "where": "où est-ce "}[meaning.kind]
        text = start + _que(text)
    if other is not None:
        if meaning.front == "second":
            text = f"{_link(meaning.link, clause(other))}, {text}"
        else:
            text += ("," if meaning.link == "but" else "") + " " + _link(meaning.link, clause(other))
    return text[0].upper() + text[1:] + mark
