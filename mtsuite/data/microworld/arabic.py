"""Arabic without vowel signs: verb before subject, the prefix ال, agreement, dual, suffixed pronouns.

A verb before its subject is singular; plurals of things are feminine singular; after أن the subject comes
first, in the accusative, and the verb agrees with it in full.
"""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import HUMAN, MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

WITH_TA = ("", "", "", "ثلاثة", "أربعة", "خمسة", "ستة", "سبعة", "ثمانية", "تسعة", "عشرة")
WITHOUT_TA = ("", "", "", "ثلاث", "أربع", "خمس", "ست", "سبع", "ثماني", "تسع", "عشر")
POSSESSIVES = {"my": "ي", "his": "ه", "her": "ها", "our": "نا"}
PRONOUNS = {"I": "أنا", "you": "أنت", "he": "هو", "she": "هي", "we": "نحن", "they": "هم"}
SUFFIXES = {"I": "ي", "you": "ك", "he": "ه", "she": "ها", "we": "نا", "they": "هم"}
CODES = {"I": "1s", "you": "2s", "he": "3ms", "she": "3fs", "we": "1p", "they": "3mp"}
_PREFIX = {"1s": "أ", "2s": "ت", "3ms": "ي", "3fs": "ت", "1p": "ن", "3mp": "ي", "3fp": "ي"}
NOT_BE = {"1s": "لست", "2s": "لست", "3ms": "ليس", "3fs": "ليست", "1p": "لسنا", "3mp": "ليسوا", "3fp": "لسن"}


def _perfect(words: tuple[str, ...], code: str) -> str:
    base = words[0]
    weak = base[-1] in "ىي" and len(base) > 2
    stem = next((word[2:] for word in words if word.startswith("c=")), base[:-1] + "ي" if weak else base)
    if code == "3ms":
        return base
    if code == "3fs":
        return (base[:-1] if base[-1] == "ى" else base) + "ت"
    if code == "3mp":
        if weak:
            return base[:-1] + "وا"
        return base[:-1] + "ؤوا" if base[-1] in "أء" else base + "وا"
    end = {"1s": "ت", "2s": "ت", "1p": "نا", "3fp": "ن"}[code]
    return stem[:-1] + end if stem[-1] == "ن" == end[0] else stem + end


def _imperfect(words: tuple[str, ...], code: str, mood: str) -> str:
    base = words[1]
    weak = base[-1] in "ىي"
    if code == "3mp":
        end = "ون" if mood == "i" else "وا"
        if base.endswith("يء"):
            return base[:-1] + "ئ" + end
        return base[:-1] + "ؤ" + end if base[-1] == "أ" else (base[:-1] if weak else base) + end
    jussive = next((word[2:] for word in words if word.startswith("j=")), base[:-1] if weak else base)
    if code == "3fp":
        geminate = next((word[2:] for word in words if word.startswith("c=")), "")
        if geminate and jussive == base:
            return "ي" + geminate[1:] + "ن"
        return base[:-1] + "ين" if weak else jussive + "ن" if jussive[-1] != "ن" else jussive
    form = jussive if mood == "j" else base
    if code == "1s" and form[1] == "أ":
        return "آ" + form[2:]
    return _PREFIX[code] + form[1:]


_AUXILIARIES = {"be": ("كان", "يكون", "c=كن", "j=يكن"), "can": ("", "يستطيع"), "want": ("", "يريد")}
CONJUGATION: dict[tuple[str, str, str], str] = {}
for _concept, _words in [*_AUXILIARIES.items(), *((c, e.words["ar"]) for c, e in VERBS.items())]:
    for _each in _PREFIX:
        if _words[0]:
            CONJUGATION[_concept, "p", _each] = _perfect(_words, _each)
        for _mood in "isj":
            CONJUGATION[_concept, _mood, _each] = _imperfect(_words, _each, _mood)

_GRAMMAR = (
    "هذا هذه هؤلاء الذي التي الذين اللاتي لا لم هل من ماذا أين عندما لأن أن إن بعندما لكن و على في تحت قرب خلف "
    "أمام مع أجل عن إلى يجب وعندما "
)
FUNCTION_WORDS = frozenset(
    _GRAMMAR.split()
).union(
    WITH_TA, WITHOUT_TA, PRONOUNS.values(), NOT_BE.values(),
    (head + tail for head in ("أن", "إن", "لأن") for tail in SUFFIXES.values()),
    (form for (concept, _, _), form in CONJUGATION.items() if concept in _AUXILIARIES),
)  # fmt: skip


def _accusative(form: str) -> str:
    """The indefinite accusative of a singular or broken plural: an alif, where there is one."""
    if form.endswith("!"):
        return form[:-1]
    if form[-1] in "ةىا" or form.endswith(("اء", "ات")):
        return form
    return form + "ا"


def _dual(form: str, case: str) -> str:
    end = "ان" if case == "N" else "ين"
    form = form.rstrip("!")
    if form.endswith("اء") and len(form) > 4:
        return form[:-1] + "و" + end
    return form[:-1] + {"ة": "ت", "ى": "ي"}.get(form[-1], form[-1]) + end


def _inflect(form: str, case: str, definite: bool, sound: bool) -> str:
    """A form in a case; ``sound`` for a masculine plural in ون."""
    if sound:
        form = form if case == "N" else form[:-2] + "ين"
    elif case == "A" and not definite:
        form = _accusative(form)
    form = form.rstrip("!")
    return "ال" + form if definite else form


def _noun(words: tuple[str, ...], count: int, case: str, definite: bool) -> str:
    if count == 2:
        return ("ال" if definite else "") + _dual(words[0], case)
    plural = count != 1
    form = words[2] if plural else words[0]
    return _inflect(form, case, definite, plural and form.endswith("ون"))


def _adjective(concept: str, gender: str, number: str, case: str, definite: bool) -> str:
    """``number``: s, d or p (people); plurals of things are asked for as feminine singular."""
    masculine, feminine, plural = ADJECTIVES[concept].words["ar"]
    if feminine == "-":
        feminine = masculine + "ة"
    if number == "d":
        return ("ال" if definite else "") + _dual(feminine if gender == "f" else masculine, case)
    if number == "p":
        form = feminine[:-1] + "ات" if gender == "f" else plural
        return _inflect(form, case, definite, form.endswith("ون"))
    return _inflect(feminine if gender == "f" else masculine, case, definite, False)


def agreement(noun: NP | Both | None) -> tuple[str, str]:
    """Gender (m, f) and number (s, d, p) that adjectives and following verbs agree with."""
    if noun is None:
        return "m", "s"
    if isinstance(noun, Both):
        both = agreement(noun.first)[0] == "f" == agreement(noun.second)[0]
        number = "d" if noun.first.count == 1 == noun.second.count else "p"
        return ("f" if both else "m"), number
    if noun.det == "pronoun":
        return ("f" if noun.head == "she" else "m"), ("p" if noun.head in ("we", "they") else "s")
    if noun.det == "name":
        return NAMES[noun.head].kinds[1], "s"
    if noun.det == "city":
        return "f", "s"
    gender = NOUNS[noun.head].words["ar"][1]
    if noun.count == 1:
        return gender, "s"
    if noun.count == 2:
        return gender, "d"
    return (gender, "p") if noun.head in HUMAN else ("f", "s")


def _suffix(word: str, suffix: str) -> str:
    """A possessed noun: its ة opens to ت, its ى to ا."""
    word = word.rstrip("!")
    return word[:-1] + {"ة": "ت", "ى": "ا"}.get(word[-1], word[-1]) + suffix


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, case: str) -> str:
    """The phrase in a case: N, A or G."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first, case)} و{noun_phrase(noun.second, case)}"
    if noun.det == "pronoun":
        return PRONOUNS[noun.head]
    if noun.det in ("name", "city"):
        return NAMES[noun.head].words["ar"][0]
    words = NOUNS[noun.head].words["ar"]
    definite = noun.det != "a"
    gender, number = agreement(noun)
    inner = case
    if noun.of is not None:
        return f"{_noun(words, noun.count, 'N', False)} {noun_phrase(noun.of, 'G')}"
    if noun.det in POSSESSIVES:
        text = _suffix(words[0], POSSESSIVES[noun.det])
    elif noun.count > 2:
        inner = "G"
        numeral = (WITHOUT_TA if words[1] == "f" else WITH_TA)[noun.count]
        text = f"{numeral} {_noun(words, noun.count, 'G', False)}"
    else:
        text = _noun(words, noun.count, case, definite)
        if noun.det == "this":
            pronoun = "هؤلاء" if number == "p" else "هذه" if gender == "f" else "هذا"
            text = f"{pronoun} {text}"
    if noun.adjective:
        text = f"{text} {_adjective(noun.adjective, gender, number, inner, definite)}"
    node = noun.relative
    if node is not None:
        human = number == "p"
        pronoun = ("اللاتي" if gender == "f" else "الذين") if human else "التي" if gender == "f" else "الذي"
        suffix = ""
        if node.subject is not None:
            suffix = ("هن" if gender == "f" else "هم") if human else "ها" if gender == "f" else "ه"
        text = f"{text} {pronoun} {_verbal(node, antecedent=noun, suffix=suffix)}"
    return text


def _prepositional(preposition: str, noun: NP | Both) -> str:
    if isinstance(noun, Both):
        return f"{_prepositional(preposition, noun.first)} و{_prepositional(preposition, noun.second)}"
    text = noun_phrase(noun, "G")
    if preposition == "ل":
        return "لل" + text[2:] if text.startswith("ال") else "ل" + text
    return f"{preposition} {text}"


def place(phrase: PP) -> str:
    return _prepositional(PREPOSITIONS[phrase.preposition].words["ar"][0], phrase.noun)


def _government(verb: str) -> str:
    return next((word[1:] for word in VERBS[verb].words["ar"][2:] if word.startswith("+")), "")


def _code(noun: NP | Both | None, after: bool) -> str:
    """The verb form: full agreement ``after`` the subject, singular before it."""
    if isinstance(noun, Both) and not after:
        noun = noun.first
    if isinstance(noun, NP) and noun.det == "pronoun":
        return CODES[noun.head]
    gender, number = agreement(noun)
    return f"3{gender}{'p' if number == 'p' and after else 's'}"


def _attach(verb: str, suffix: str, indicative: bool) -> str:
    if not suffix:
        return verb
    if verb.endswith("وا"):
        return verb[:-1] + suffix
    if verb.endswith("ى"):
        return verb[:-1] + "ا" + suffix
    if verb.endswith("أ") and indicative:
        return verb[:-1] + "ؤ" + suffix
    return verb + suffix


def _single(node: Clause, code: str, suffix: str) -> str:
    """The verb in its tense with its negation, without a modal."""
    if node.negated:
        mood = "j" if node.past else "i"
        particle = "لم " if node.past else "لا "
    else:
        mood, particle = ("p" if node.past else "i"), ""
    return particle + _attach(CONJUGATION[node.verb, mood, code], suffix, mood == "i")


def _rest(node: Clause, skip_time: bool) -> list[str]:
    parts = []
    noun = node.object
    double = ""
    if node.verb != "be":
        preposition = _government(node.verb)
        if node.recipient is not None:
            if preposition:
                double = _prepositional(preposition, node.recipient)
            else:
                parts.append(noun_phrase(node.recipient, "A"))
            preposition = ""
        if noun is not None and (preposition or isinstance(noun, Both) or not noun.pronoun):
            parts.append(_prepositional(preposition, noun) if preposition else noun_phrase(noun, "A"))
    if double:
        parts.append(double)
    if node.manner:
        parts.append(ADVERBS[node.manner].words["ar"][0])
    if node.place is not None:
        parts.append(place(node.place))
    if node.habit:
        parts.append(ADVERBS[node.habit].words["ar"][0])
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["ar"][0])
    if node.that is not None:
        parts.append(_after_that("إن" if node.verb == "say" else "أن", node.that))
    return parts


def _verbal(node: Clause, antecedent: NP | None = None, suffix: str = "", skip_time: bool = False) -> str:
    """Verb, subject, object …; of a relative clause the antecedent, of a ``who`` question nobody, agrees."""
    subject = node.subject
    agree, after = (subject, False) if subject is not None else (antecedent, True)
    code, full = _code(agree, after), _code(agree, True)
    noun = node.object
    if isinstance(noun, NP) and noun.pronoun:
        suffix = SUFFIXES[noun.head]
    shown = [] if subject is None or (isinstance(subject, NP) and subject.pronoun) else [noun_phrase(subject, "N")]
    if node.modal == "must":
        verb = ["لا يجب أن" if node.negated else "يجب أن"]
        verb += [_attach(CONJUGATION[node.verb, "s", code], suffix, False), *shown]
    elif node.modal:
        modal = ("لا " if node.negated else "") + CONJUGATION[node.modal, "i", code]
        verb = [modal, *shown, "أن", _attach(CONJUGATION[node.verb, "s", full], suffix, False)]
    else:
        verb = [_single(node, code, suffix), *shown]
    return " ".join([*verb, *_rest(node, skip_time)])


def _predicate(node: Clause, case: str) -> list[str]:
    if not node.adjective:
        return []
    gender, number = agreement(node.subject)
    return [_adjective(node.adjective, gender, number, case, False)]


def _being(node: Clause, first: bool = False, skip_time: bool = False, explicit: bool = False) -> str:
    """To be: nothing in the present, كان, ليس, لم يكن; the subject ``first``, or an explicit يكون."""
    subject = node.subject
    pronoun = isinstance(subject, NP) and subject.pronoun
    code = _code(subject, first or pronoun)
    if node.past:
        verb = f"لم {CONJUGATION['be', 'j', code]}" if node.negated else CONJUGATION["be", "p", code]
    elif node.negated:
        verb = NOT_BE[code]
    else:
        verb = CONJUGATION["be", "i", code] if explicit else ""
    shown = []
    if subject is not None and not (pronoun and verb):
        shown = [noun_phrase(subject, "N")]
    tail = [*_predicate(node, "A" if verb else "N"), *_rest(node, skip_time)]
    start = [verb] if verb else []
    return " ".join([*start, *shown, *tail])


def _after_that(word: str, node: Clause) -> str:
    """After أن: the subject in the accusative (or suffixed), then the verb in full agreement."""
    subject = node.subject
    pronoun = isinstance(subject, NP) and subject.pronoun
    if isinstance(subject, NP) and pronoun:
        head = word + SUFFIXES[subject.head]
    else:
        head = f"{word} {noun_phrase(subject, 'A') if subject is not None else ''}"
    if node.verb == "be":
        bare = node._replace(subject=NP("he", "pronoun"))
        code = _code(subject, True)
        verb = ""
        if node.past:
            verb = f"لم {CONJUGATION['be', 'j', code]}" if node.negated else CONJUGATION["be", "p", code]
        elif node.negated:
            verb = NOT_BE[code]
        tail = [*_predicate(node, "A" if verb else "N"), *_rest(bare, False)]
        return " ".join([head, *([verb] if verb else []), *tail])
    antecedent = subject if isinstance(subject, NP) else None
    return f"{head} {_verbal(node._replace(subject=None), antecedent=antecedent)}"


def _main(node: Clause, skip_time: bool = False) -> str:
    return _being(node, skip_time=skip_time) if node.verb == "be" else _verbal(node, skip_time=skip_time)


def _linked(link: str, node: Clause) -> str:
    if link == "because":
        return _after_that("لأن", node)
    if link == "when":
        return "عندما " + (_being(node, explicit=True) if node.verb == "be" else _verbal(node))
    return ("و" if link == "and" else "لكن ") + _main(node)


def sentence(meaning: Sentence) -> str:
    """The sentence with its full stop, or its mirrored question mark and comma."""
    node, other = meaning.clause, meaning.second
    text = _main(node, skip_time=meaning.front == "time")
    mark = "؟"
    if meaning.kind == "statement":
        mark = "."
        if meaning.front == "time":
            text = f"{ADVERBS[node.time].words['ar'][0]} {text}"
    else:
        text = {"question": "هل", "who": "من", "what": "ماذا", "where": "أين"}[meaning.kind] + " " + text
    if other is not None:
        if meaning.front == "second":
            text = f"{_linked(meaning.link, other)}، {text}"
        else:
            text = f"{text}{'،' if meaning.link == 'but' else ''} {_linked(meaning.link, other)}"
    return text + mark


def forms(entry: Entry) -> list[tuple[str, str]]:
    """All (slot, form) of a lexeme, with the article but without other prefixes and suffixes."""
    words = entry.words["ar"]
    found: dict[tuple[str, str], None] = {}
    if entry.concept in NOUNS:
        for count in (1,) if entry.concept in MASS else (1, 2, 3):
            for case in "NAG":
                for definite in (False, True):
                    slot = f"{count}{case}{'d' if definite else 'i'}"
                    found[slot, _noun(words, count, case, definite)] = None
    elif entry.concept in ADJECTIVES:
        for gender in "mf":
            for number in "sdp":
                for case in "NAG":
                    for definite in (False, True):
                        slot = f"{gender}{number}{case}{'d' if definite else 'i'}"
                        found[slot, _adjective(entry.concept, gender, number, case, definite)] = None
    elif entry.concept in VERBS:
        for mood in "pisj":
            for code in _PREFIX:
                found[mood + code, CONJUGATION[entry.concept, mood, code]] = None
    else:
        found["", words[0]] = None
    return list(found)
