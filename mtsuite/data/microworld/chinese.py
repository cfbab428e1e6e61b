"""Chinese: no inflection, no spaces; classifiers, 了 for what is done, 的 before the noun, 吗 for questions."""

from __future__ import annotations

from functools import lru_cache

from mtsuite.data.microworld.meaning import NP, PP, Both, Clause, Sentence
from mtsuite.data.microworld.modifiers import ADJECTIVES, ADVERBS, NAMES, PREPOSITIONS
from mtsuite.data.microworld.nouns import HUMAN, MASS, NOUNS
from mtsuite.data.microworld.tables import Entry
from mtsuite.data.microworld.verbs import VERBS

NUMERALS = ("", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十")
PRONOUNS = {"I": "我", "you": "你", "he": "他", "she": "她", "we": "我们", "they": "他们"}
POSSESSIVES = {"my": "我的", "his": "他的", "her": "她的", "our": "我们的"}
MODALS = {"can": "能", "must": "必须", "want": "想"}
LINKS = {"because": "因为", "and": "而且", "but": "但是"}
_GRAMMAR = "的 了 不 没 没有 吗 谁 什么 哪里 很 是 在 里 上 下面 附近 后面 前面 跟 一起 为 从 们 些 这 那 和 时候 "
FUNCTION_WORDS = frozenset(_GRAMMAR.split()).union(
    NUMERALS, PRONOUNS.values(), MODALS.values(), LINKS.values(), (e.words["zh"][1] for e in NOUNS.values())
)


def forms(entry: Entry) -> list[tuple[str, str]]:
    """The one form of a word."""
    return [("", entry.words["zh"][0])]


@lru_cache(maxsize=1 << 16)
def noun_phrase(noun: NP | Both, bare: bool = False) -> str:
    """Relative clause, possessor, determiner, classifier, adjective, noun; a ``bare`` indefinite has no 一些."""
    if isinstance(noun, Both):
        return f"{noun_phrase(noun.first)}和{noun_phrase(noun.second)}"
    if noun.det == "pronoun":
        return PRONOUNS[noun.head]
    if noun.det in ("name", "city"):
        return NAMES[noun.head].words["zh"][0]
    text, classifier = NOUNS[noun.head].words["zh"]
    if noun.adjective:
        word, *flags = ADJECTIVES[noun.adjective].words["zh"]
        text = word + text if "+" in flags else f"{word}的{text}"
    if noun.count > 1:
        text = f"{NUMERALS[noun.count]}{classifier}{text}"
    elif noun.det == "a":
        if not (bare or noun.head in MASS):
            text = f"一些{text}" if noun.plural else f"一{classifier}{text}"
    elif noun.det == "this":
        text = f"这些{text}" if noun.plural else f"这{classifier if noun.head not in MASS else '些'}{text}"
    else:
        if noun.plural:
            text = f"{text}们" if noun.head in HUMAN else f"那些{text}"
        text = POSSESSIVES.get(noun.det, "") + text
    if noun.of is not None:
        text = f"{noun_phrase(noun.of)}的{text}"
    if noun.relative is not None:
        text = f"{clause(noun.relative, relative=True)}的{text}"
    return text


def place(phrase: PP) -> str:
    words = PREPOSITIONS[phrase.preposition].words["zh"]
    after = "" if words[1] == "-" or phrase.noun.det == "city" else words[1]
    return f"{words[0]}{noun_phrase(phrase.noun)}{after}"


def _being(node: Clause, where: str) -> str:
    if not node.adjective:
        return ("不" if node.negated else "") + (where or (place(node.place) if node.place is not None else ""))
    word, *flags = ADJECTIVES[node.adjective].words["zh"]
    if "是" in flags:
        return f"{'不是' if node.negated else '是'}{word}的"
    return f"{'不' if node.negated else '很'}{word}"


def clause(node: Clause, relative: bool = False, skip_time: bool = False, kind: str = "") -> str:
    """Subject, time, frequency, negation, place, manner, verb, object."""
    parts = []
    if node.subject is not None:
        parts.append(noun_phrase(node.subject))
    elif kind == "who":
        parts.append("谁")
    if node.time and not skip_time:
        parts.append(ADVERBS[node.time].words["zh"][0])
    if node.habit:
        parts.append(ADVERBS[node.habit].words["zh"][0])
    where = "在哪里" if kind == "where" else ""
    if node.verb == "be":
        return "".join([*parts, _being(node, where)])
    words = VERBS[node.verb].words["zh"]
    state = "s" in words or node.that is not None
    if node.negated:
        parts.append("没有" if node.past and not state else "不")
    if node.modal:
        parts.append(MODALS[node.modal])
    if where:
        parts.append(where)
    elif node.place is not None:
        parts.append(place(node.place))
    if node.manner:
        parts.append(ADVERBS[node.manner].words["zh"][0])
    noun = "什么" if kind == "what" else noun_phrase(node.object, node.negated) if node.object else ""
    preposition = next((word[1:] for word in words if word.startswith("+")), "")
    if preposition:
        parts.append(preposition + noun)
        noun = ""
    verb = words[0]
    done = "了" if node.past and not node.negated and not state else ""
    if noun or (relative and node.subject is not None):
        parts.append(verb + ("" if relative and node.subject is not None else done))
        if node.recipient is not None:
            parts.append(noun_phrase(node.recipient))
        parts.append(noun)
    else:
        parts.append(verb + ("" if relative else done))
    if node.that is not None:
        parts.append(clause(node.that))
    return "".join(parts)


def sentence(meaning: Sentence) -> str:
    """The sentence with its full stop or question mark; a clause of time stands first."""
    node, other = meaning.clause, meaning.second
    text = clause(node, skip_time=meaning.front == "time", kind=meaning.kind)
    if meaning.front == "time":
        text = ADVERBS[node.time].words["zh"][0] + text
    if other is not None:
        if meaning.link == "when":
            text = f"{clause(other)}的时候，{text}"
        else:
            text = f"{text}，{LINKS[meaning.link]}{clause(other)}"
    if meaning.kind == "statement":
        return text + "。"
    return text + ("吗？" if meaning.kind == "question" else "？")
