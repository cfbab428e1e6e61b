"""What goes wrong with translations of a language model besides being wrong: measures over one file of them.

Wrong language, copied source, far too much or too little text, loops, nothing at all.  Each measure is the share of
segments that show it (``length-ratio`` is a ratio over all text), with the indices of those segments, so that a page
can mark them.  A translation equal to its reference shows none of them.  Definitions, thresholds and where they come
from: docs/failures.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal, get_args

from mtsuite.data.direction import Direction
from mtsuite.data.scripts import RANGES, UNSPACED, foreign_script, is_unspaced
from mtsuite.errors import MetricError, did_you_mean
from mtsuite.metrics.language_id import LanguageCheck

VERSION = 1

COPIED_SHARE, COPIED_TOKENS = 0.5, 3  # of an output's tokens, and at least so many: it is mostly copied
FACTOR, SLACK = 2, 10  # too long: more than FACTOR times the reference's characters and SLACK; too short: the reverse
WORDS, CHARACTERS, MORE_OFTEN = 4, 8, 2  # repeated: some 4-gram (8-gram of characters) occurs twice more often
LOOP_UNIT, LOOP_TIMES = 8, 6  # or a word holds a unit of up to 8 letters at least 6 times in a row
OTHER = "other"  # a language that is none of the candidates
INTO = "off-target:"  # before the code of the language that an off-target segment is written in


FailureMode = Literal[
    "off-target", "undecided", "copied", "mostly-copied", "length-ratio", "too-long", "too-short", "at-limit",
    "repeated", "empty",
]  # fmt: skip
NAMES: tuple[FailureMode, ...] = get_args(FailureMode)
OF_SOURCE: tuple[FailureMode, ...] = ("copied", "mostly-copied")  # cannot be told without the source text


@dataclass(frozen=True)
class MeasureKind:
    """``key``: its name in files and recipes; ``label`` and ``unit`` for people; ``lower``: less is better."""

    key: FailureMode
    label: str
    about: str
    unit: str = "%"
    lower: bool = True


MEASURES: tuple[MeasureKind, ...] = (
    MeasureKind("off-target", "Off-target", "in another language than the one asked for"),
    MeasureKind(
        "undecided",
        "Undecided",
        "language cannot be told: empty, without letters, too short, too mixed",
        lower=False,
    ),
    MeasureKind(
        "copied", "Copied", "equal to the source but for case, punctuation and blanks, where the reference is not"
    ),
    MeasureKind(
        "mostly-copied",
        "Mostly copied",
        f"copied, or at least {COPIED_SHARE:.0%} of the tokens (and {COPIED_TOKENS}) are the source's, in its order, "
        "and not the reference's",
    ),
    MeasureKind(
        "length-ratio",
        "Length ratio",
        "characters of all translations by characters of all references",
        unit="",
        lower=False,
    ),
    MeasureKind("too-long", "Too long", f"more than {FACTOR} times the reference's characters plus {SLACK}"),
    MeasureKind(
        "too-short",
        "Too short",
        f"not empty, and {FACTOR} times its characters plus {SLACK} are fewer than the reference's",
    ),
    MeasureKind("at-limit", "At limit", "cut off at the limit of new tokens"),
    MeasureKind(
        "repeated",
        "Repeated",
        f"some {WORDS}-gram of words ({CHARACTERS}-gram of characters where words are not parted) occurs at least "
        f"{MORE_OFTEN} times more often than any in the reference, or letters within a word go round {LOOP_TIMES} "
        "times",
    ),
    MeasureKind("empty", "Empty", "without any text"),
)


def measure_kind(key: str) -> MeasureKind:
    """The measure of that name.  Raises MetricError, with the nearest names, when there is none."""
    for kind in MEASURES:
        if kind.key == key:
            return kind
    raise MetricError(f"Unknown failure measure {key!r}. {did_you_mean(key, NAMES)}")


@dataclass(frozen=True)
class Measure:
    """One number: ``value`` is 100 times ``count`` / ``n`` (a ratio for ``length-ratio``).

    ``count`` is the number of segments that show it, of ``n``; for ``length-ratio`` the characters of translations and
    references.  ``segments`` holds the indices of the segments, from 0; None where single ones are not known.
    """

    name: str
    value: float
    count: int
    n: int
    signature: str
    segments: list[int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Failures:
    """The measures of one file of translations.

    ``languages``: what the off-target segments are written in, as far as the candidates go: code to number of segments.
    ``notes`` say what could not be measured.
    """

    measures: tuple[Measure, ...]
    languages: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Measure:
        """The measure of that name; KeyError when it was not taken, MetricError when there is none such."""
        key = measure_kind(name).key
        for measure in self.measures:
            if measure.name == key:
                return measure
        raise KeyError(name)

    def with_languages(self) -> Iterator[Measure]:
        """The measures; behind ``off-target`` one for each language that is written instead (``off-target:fr``)."""
        for measure in self.measures:
            yield measure
            if measure.name == "off-target":
                for code, count in self.languages.items():
                    yield Measure(INTO + code, 100 * count / measure.n, count, measure.n, measure.signature)

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON."""
        return {
            "measures": [m.to_dict() for m in self.measures],
            "languages": dict(self.languages),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Failures:
        """The inverse of ``to_dict``.  Raises MetricError when it is none."""
        try:
            measures = tuple(Measure(**m) for m in value["measures"])
            return cls(measures, dict(value["languages"]), tuple(value["notes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MetricError(f"Expected the measures of a file of translations, found {error!r} wrong.") from None


def failures(
    direction: Direction,
    sources: Sequence[str] | None,
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    languages: Iterable[str] = (),
    at_limit: int | None = None,
    limit: int | None = None,
) -> Failures:
    """All measures of one direction; the sequences hold one segment a line, in the same order.

    ``sources``: None, where nobody has them, leaves out what needs them (``OF_SOURCE``), with a note.  ``languages``:
    further codes that outputs may be in, as those of a recipe; the direction's two are always among the candidates.
    ``at_limit``: how many outputs were cut off at ``limit`` new tokens; None, where nobody counted, leaves the measure
    out.  Raises MetricError when the numbers of lines differ or there are none.
    """
    n = len(hypotheses)
    given = [None] * n if sources is None else sources
    if not len(given) == n == len(references) or not n:
        raise MetricError(
            f"Failure measures, {direction}: sources, hypotheses and references need the same number of lines, at "
            f"least one; found {len(given)} sources, {n} hypotheses and {len(references)} references."
        )
    check = LanguageCheck(direction.target, (*direction, *languages))
    shown: dict[str, list[int]] = {name: [] for name in NAMES}
    written: Counter[str] = Counter()
    for index, (source, hypothesis, reference) in enumerate(zip(given, hypotheses, references, strict=True)):
        names = _of_segment(direction, check, source, hypothesis, reference)
        for name in names:
            shown[name].append(index)
        if "off-target" in names:
            written[check.written_in(hypothesis) or OTHER] += 1
    signatures = _signatures(check.signature, limit)
    unknown = OF_SOURCE if sources is None else ()
    made = []
    for name in NAMES:
        if name in unknown:
            continue
        if name == "length-ratio":
            ours, theirs = sum(map(_characters, hypotheses)), sum(map(_characters, references))
            if theirs:
                made.append(Measure(name, ours / theirs, ours, theirs, signatures[name]))
        elif name == "at-limit":
            if at_limit is not None:
                made.append(Measure(name, 100 * at_limit / n, at_limit, n, signatures[name]))
        else:
            found = shown[name]
            made.append(Measure(name, 100 * len(found) / n, len(found), n, signatures[name], found))
    ordered = dict(sorted(written.items(), key=lambda item: (-item[1], item[0])))
    left_out = [f"{' and '.join(unknown)} are not measured: they need the source text (--sources)."] if unknown else []
    return Failures(tuple(made), ordered, tuple(filter(None, (check.note, *left_out))))


def _signatures(lid: str, limit: int | None) -> dict[str, str]:
    end = f"version:{VERSION}"
    text = "norm:nfkc-casefold|tok:words+han"
    length = f"unit:characters|factor:{FACTOR}|slack:{SLACK}|{end}"
    return {
        "off-target": lid,
        "undecided": lid,
        "copied": f"{text}|{end}",
        "mostly-copied": f"{text}|lcs:{COPIED_SHARE}|least:{COPIED_TOKENS}|{end}",
        "length-ratio": f"unit:characters|{end}",
        "too-long": length,
        "too-short": length,
        "at-limit": f"max_new_tokens:{limit or 'unknown'}|{end}",
        "repeated": f"{text}|ngram:{WORDS}/{CHARACTERS}+{MORE_OFTEN}|loop:{LOOP_UNIT}x{LOOP_TIMES}|{end}",
        "empty": end,
    }


def _of_segment(
    direction: Direction, check: LanguageCheck, source: str | None, hypothesis: str, reference: str
) -> list[str]:
    """Names of the measures that this segment counts for."""
    if hypothesis.split() == reference.split():
        return []
    if not hypothesis.strip():
        return ["undecided", "empty"]
    shown = []
    verdict = check(hypothesis)
    if verdict == "off" and foreign_script(reference, direction.target):
        verdict = "undecided"  # a name, a formula, a line of code: the reference is not in the language either
    if verdict != "on":
        shown.append("off-target" if verdict == "off" else "undecided")
    theirs, ours, wanted = tokens(source or ""), tokens(hypothesis), tokens(reference)
    if ours and ours == theirs != wanted:
        shown += ["copied", "mostly-copied"]
    elif _mostly_copied(ours, theirs, wanted):
        shown.append("mostly-copied")
    length, wanted_length = _characters(hypothesis), _characters(reference)
    if length > FACTOR * wanted_length + SLACK:
        shown.append("too-long")
    if wanted_length > FACTOR * length + SLACK:
        shown.append("too-short")
    size = CHARACTERS if is_unspaced(direction.target) else WORDS
    if _top(ours, size) - _top(wanted, size) >= MORE_OFTEN or (_loop_in_word(ours) and not _loop_in_word(wanted)):
        shown.append("repeated")
    return shown


# -- text ---------------------------------------------------------------------------------------


def tokens(text: str) -> list[str]:
    """Words and numbers in lower case without punctuation; single characters of Han, kana and Thai.

    Compatibility forms (full-width letters, Arabic presentation forms, ligatures) count as what they stand for.
    """
    found: list[str] = _token().findall(unicodedata.normalize("NFKC", text).casefold())
    return found


@cache
def _token() -> re.Pattern[str]:
    # \w lacks combining marks, without which vocalised Arabic and Hindi words would fall apart.
    marks = "".join(chr(c) for c in range(0x300, 0xFE30) if unicodedata.category(chr(c)).startswith("M"))
    single = "".join(RANGES[name] for name in UNSPACED)
    return re.compile(rf"[{single}]|(?:(?![{single}])[^\W_{marks}][{marks}]*)+")


def _characters(text: str) -> int:
    """Characters other than blanks."""
    return sum(map(len, text.split()))


def _mostly_copied(ours: Sequence[str], theirs: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether enough tokens of an output are the source's, in its order, that the reference has not.

    What the reference has too (names, numbers, words that both languages write alike) is right to be there.
    """
    least = max(COPIED_TOKENS, COPIED_SHARE * len(ours))
    right = set(wanted)
    mine, source = [t for t in ours if t not in right], [t for t in theirs if t not in right]
    if (Counter(mine) & Counter(source)).total() < least:  # a bound that costs little
        return False
    return _common_subsequence(mine, source) >= least


def _common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, start=1):
            above = row[j]
            row[j] = before + 1 if x == y else max(above, row[j - 1])
            before = above
    return row[-1]


def _top(words: Sequence[str], size: int) -> int:
    """How often the most frequent n-gram of ``size`` tokens occurs; 1 for text too short to have any."""
    grams = Counter(zip(*(words[start:] for start in range(size)), strict=False))
    return max(grams.values(), default=1)


_LOOP = re.compile(rf"(\D{{1,{LOOP_UNIT}}}?)\1{{{LOOP_TIMES - 1},}}")


def _loop_in_word(words: Sequence[str]) -> bool:
    return any(len(word) >= LOOP_TIMES and _LOOP.search(word) for word in words)
