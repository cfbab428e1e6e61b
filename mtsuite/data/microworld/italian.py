"""Italian: dropped pronouns, agreement, adjectives after the noun, articles by sound, joined prepositions."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PERSONS, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

VOWELS = "aeiouàèéìòùAEIOUÀÈ"
NUMERALS = ("", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove", "dieci")
JOINED = {"a": "a", "da": "da", "di": "de", "in": "ne", "su": "su"}
POSSESSIVES = {
    "my": ("mio", "mia", "miei", "mie"),
    "his": ("suo", "sua", "suoi", "sue"),
    "her": ("suo", "sua", "suoi", "sue"),
    "our": ("nostro", "nostra", "nostri", "nostre"),
}
STRESSED = {"I": "me", "you": "te", "he": "lui", "she": "lei", "we": "noi", "they": "loro"}
CLITICS = {"he": "lo", "she": "la", "they": "li"}
MODALS = {
    "can": ("posso", "puoi", "può", "possiamo", "possono"),
    "must": ("devo", "devi", "deve", "dobbiamo", "devono"),
    "want": ("voglio", "vuoi", "vuole", "vogliamo", "vogliono"),
}
HAVE = ("ho", "hai", "ha", "abbiamo", "hanno")
BE = ("sono", "sei", "è", "siamo", "sono"), ("ero", "eri", "era", "eravamo", "erano")
LINKS = {"because": "perché", "when": "quando", "and": "e", "but": "ma"}
_ARTICLES = ("il", "lo", "la", "l'", "i", "gli", "le")
_GRAMMAR = (
    "un uno una un' quest' questo questa questi queste non che chi cosa dove dei degli delle a di da in su con "
    "per sotto vicino dietro davanti al allo alla all' ai agli alle dal dallo dalla dall' dai dagli dalle del "
    "dello della dell' nel nello nella nell' nei negli nelle sul sullo sulla sull' sui sugli sulle "
)
FUNCTION_WORDS = frozenset(_GRAMMAR.split()).union(
    _ARTICLES,
    NUMERALS,
    STRESSED.values(),
    CLITICS.values(),
    HAVE,
    *BE,
    *MODALS.values(),
    *POSSESSIVES.values(),
    LINKS.values(),
)


def _plural(word: str, gender: str) -> str:
    head, _, rest = word.partition(" ")
    if rest:
        return f"{_plural(head, gender)} {_plural(rest, gender)}"
    if word[-1] not in "aeo":
        return word
    if gender == "f" and word.endswith(("ca", "ga")):
        return word[:-1] + "he"
    if gender == "f" and word.endswith("a"):
        return word[:-1] + "e"
    if word.endswith(("io", "ie")):
        return word[:-1]
    return word[:-1] + "i"


def _noun(words: tuple[str, ...]) -> tuple[str, str]:
    return words[0], words[2] if len(words) > 2 else _plural(words[0], words[1])


NOUN_FORMS = {concept: _noun(entry.words["it"]) for concept, entry in NOUNS.items()}


def _adjective(word: str) -> tuple[str, str, str, str]:
    """Masculine, feminine, masculine plural, feminine plural."""
    if word.endswith("e"):
        return word, word, word[:-1] + "i", word[:-1] + "i"
    if not word.endswith("o"):
        return word, word, word, word
    stem = word[:-1]
    if stem.endswith(("c", "g")):
        return word, stem + "a", stem + ("i" if word.endswith("ico") and word != "antico" else "hi"), stem + "he"
    return word, stem + "a", stem if stem.endswith("i") else stem + "i", stem + "e"


ADJECTIVE_FORMS = {concept: _adjective(entry.words["it"][0]) for concept, entry in ADJECTIVES.items()}


def _present(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word.startswith("="):
            return tuple(word[1:].split(","))
    infinitive, stem = words[0], words[0][:-3]
    if "isc" in words:
        return stem + "isco", stem + "isci", stem + "isce", stem + "iamo", stem + "iscono"
    if infinitive.endswith("are"):
        soft = stem + "h" if stem.endswith(("c", "g")) else stem[:-1] if stem.endswith("i") else stem
        return stem + "o", soft + "i", stem + "a", soft + "iamo", stem + "ano"
    return stem + "o", stem + "i", stem + "e", stem + "iamo", stem + "ono"


PRESENT = {concept: _present(entry.words["it"]) for concept, entry in VERBS.items()}
WITH_BE = frozenset(concept for concept, entry in VERBS.items() if "e" in entry.words["it"])
GOVERNMENT = {
    concept: next((word[1:] for word in entry.words["it"] if word.startswith("+")), "")
    for concept, entry in VERBS.items()
}


def _participle(word: str, gender: str, plural: bool) -> str:
    return word[:-1] + (("e" if plural else "a") if gender == "f" else ("i" if plural else "o"))


def forms(entry: Entry) -> list[tuple[str, str]]:
    """All (slot, form) of a lexeme."""
    words = entry.words["it"]
    if entry.concept in NOUNS:
        pair = list(zip(("sg", "pl"), NOUN_FORMS[entry.concept], strict=True))
        return pair[:1] if entry.concept in MASS else pair
    if entry.concept in VERBS:
        found = [("inf", words[0]), *zip(("1s", "2s", "3s", "1p", "3p"), PRESENT[entry.concept], strict=True)]
        found += [(f"inf+{clitic}", words[0][:-1] + clitic) for clitic in CLITICS.values()]
        return found + [("p" + g + n, _participle(words[1], g, n == "p")) for g in "mf" for n in "sp"]
    if entry.concept in ADJECTIVES:
        return list(zip(("ms", "fs", "mp", "fp"), ADJECTIVE_FORMS[entry.concept], strict=True))
    return [("", words[0])]


def _heavy(word: str) -> bool:
    """Whether a masculine word takes lo and uno."""
    return word.startswith(("z", "gn", "ps", "x", "y")) or (word[0] == "s" and word[1] not in VOWELS)


def definite(word: str, gender: str, plural: bool, preposition: str = "") -> str:
    """The definite article before a word, joined to a preposition, with its space unless elided."""
    vowel = word[0] in VOWELS
    if gender == "f":
        article = "le " if plural else "l'" if vowel else "la "
    elif plural:
        article = "gli " if vowel or _heavy(word) else "i "
    else:
        article = "l'" if vowel else "lo " if _heavy(word) else "il "
    if preposition not in JOINED:
        return f"{preposition} {article}" if preposition else article
    joined = JOINED[preposition]
    return joined + {"il ": "l ", "i ": "i ", "gli ": "gli "}.get(article, "l" + article)


def _indefinite(word: str, gender: str) -> str:
    if gender == "f":
        return "un'" if word[0] in VOWELS else "una "
    return "uno " if _heavy(word) else "un "


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
        return "f", False
    return NOUNS[noun.head].words["it"][1], noun.plural


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, preposition: str = "", bare: bool = False) -> str:
    """The phrase after a preposition (or nothing), joined to its article; a ``bare`` plural has no partitive."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first, preposition)} e {noun_phrase(noun.second, preposition)}"
    lead = f"{preposition} " if preposition else ""
    if noun.det == "pronoun":
        return lead + STRESSED[noun.head]
    if noun.det in ("name", "city"):
        return lead + NAMES[noun.head].words["it"][0]
    plural, gender = noun.plural, NOUNS[noun.head].words["it"][1]
    text = NOUN_FORMS[noun.head][plural]
    if noun.adjective:
        adjective = ADJECTIVE_FORMS[noun.adjective][2 * plural + (gender == "f")]
        before = "<" in ADJECTIVES[noun.adjective].words["it"]
        text = f"{adjective} {text}" if before else f"{text} {adjective}"
    if noun.count > 1:
        text = f"{NUMERALS[noun.count]} {text}"
    if noun.det in POSSESSIVES:
        text = f"{POSSESSIVES[noun.det][2 * plural + (gender == 'f')]} {text}"
        bare = not plural and not noun.adjective and "family" in NOUNS[noun.head].kinds
        text = lead + text if bare else definite(text, gender, plural, preposition) + text
    elif noun.det == "the":
        text = definite(text, gender, plural, preposition) + text
    elif noun.det == "this":
        word = "quest" + ("e" if gender == "f" else "i") if plural else "questa" if gender == "f" else "questo"
        text = f"{lead}quest'{text}" if not plural and text[0] in VOWELS else f"{lead}{word} {text}"
    elif noun.count > 1 or noun.head in MASS:
        text = lead + text
    elif plural:
        text = lead + text if preposition or bare else definite(text, gender, True, "di") + text
    else:
        text = lead + _indefinite(text, gender) + text
    if noun.of is not None:
        text = f"{text} {noun_phrase(noun.of, 'di')}"
    if noun.relative is not None:
        text = f"{text} che {clause(noun.relative, NP(noun.head, count=noun.count))}"
    return text


def person_of(noun: NP | Both | None) -> int:
    if noun is None:
        return 2
    if isinstance(noun, Both):
        return 4
    return PERSONS[noun.head] if noun.det == "pronoun" else 4 if noun.count != 1 else 2


def place(phrase: PP) -> str:
    first, _, last = PREPOSITIONS[phrase.preposition].words["it"][0].rpartition(" ")
    if phrase.noun.det == "city":
        last = "a"
    return f"{first} {noun_phrase(phrase.noun, last)}".strip()


def _verb(node: Clause, agree: NP | Both | None) -> list[str]:
    """Negation, clitic, finite verb, frequency adverb, participle or infinitive."""
    person = person_of(agree)
    parts = ["non"] if node.negated else []
    habit = [ADVERBS[node.habit].words["it"][0]] if node.habit else []
    if node.verb == "be":
        return [*parts, BE[node.past][person], *habit]
    words = VERBS[node.verb].words["it"]
    noun = node.object
    clitic = CLITICS[noun.head] if isinstance(noun, NP) and noun.pronoun and not GOVERNMENT[node.verb] else ""
    if node.modal:
        infinitive = words[0][:-1] + clitic if clitic else words[0]
        return [*parts, MODALS[node.modal][person], *habit, infinitive]
    if not node.past:
        return [*parts, *([clitic] if clitic else []), PRESENT[node.verb][person], *habit]
    if node.verb in WITH_BE:
        return [*parts, BE[0][person], *habit, _participle(words[1], *gender_of(agree))]
    auxiliary, participle = HAVE[person], words[1]
    if clitic:
        participle = _participle(participle, *gender_of(noun))
        auxiliary = "l'" + auxiliary if clitic != "li" and auxiliary[0] in "ha" else f"{clitic} {auxiliary}"
    return [*parts, auxiliary, *habit, participle]


def _rest(node: Clause, agree: NP | Both | None, skip_time: bool) -> list[str]:
    parts = []
    if node.adjective:
        gender, plural = gender_of(agree)
        parts.append(ADJECTIVE_FORMS[node.adjective][2 * plural + (gender == "f")])
    noun = node.object
    if noun is not None:
        preposition = GOVERNMENT[node.verb]
        if preposition == "in" and isinstance(noun, NP) and noun.det == "city":
            preposition = "a"
        if preposition or isinstance(noun, Both) or not noun.pronoun:
            parts.append(noun_phrase(noun, preposition, node.negated))
    if node.recipient is not None:
        parts.append(noun_phrase(node.recipient, "a"))
    if node.manner:
        parts.append(ADVERBS[node.manner].words["it"][0])
    if node.place is not None:
        parts.append(place(node.place))
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["it"][0])
    if node.that is not None:
        parts.append(f"che {clause(node.that)}")
    return parts


def _subject(noun: NP | Both | None) -> list[str]:
    return [] if noun is None or (isinstance(noun, NP) and noun.pronoun) else [noun_phrase(noun)]


def clause(node: Clause, antecedent: NP | None = None, skip_time: bool = False) -> str:
    """A statement; the antecedent agrees when the subject is missing.  Subject pronouns are dropped."""
    agree = antecedent if node.subject is None else node.subject
    parts = [*_subject(node.subject), *_verb(node, agree), *_rest(node, agree, skip_time)]
    return " ".join(parts)


def sentence(meaning: Sentence) -> str:
    """The sentence with its capital and full stop."""
    node, other = meaning.clause, meaning.second
    mark = "." if meaning.kind == "statement" else "?"
    if meaning.kind in ("what", "where"):
        word = "che cosa" if meaning.kind == "what" else "dove"
        verb, rest, subject = _verb(node, node.subject), _rest(node, node.subject, False), _subject(node.subject)
        early = node.object is None or node.past or len(" ".join(rest).split()) > 3  # a long object stays last
        parts = [word, *verb, *subject, *rest] if early else [word, *verb, *rest, *subject]
        text = " ".join(parts)
    else:
        text = clause(node, skip_time=meaning.front == "time")
        if meaning.kind == "who":
            text = f"chi {text}"
        elif meaning.front == "time":
            text = f"{ADVERBS[node.time].words['it'][0]} {text}"
    if other is not None:
        if meaning.front == "second":
            text = f"{LINKS[meaning.link]} {clause(other)}, {text}"
        else:
            text += ("," if meaning.link == "but" else "") + f" {LINKS[meaning.link]} {clause(other)}"
    return text[0].upper() + text[1:] + mark
