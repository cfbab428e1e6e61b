"""A tiny corpus in three languages, as probes and streams read it."""

from __future__ import annotations

import copy
import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mtsuite.data.batches import Batch, MonolingualStream, ParallelStream, Text
from mtsuite.data.corpus import write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.model.pretrained import train_tokenizer
from mtsuite.testing.models import VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAINED = tuple(Direction.parse(d) for d in ("en-de", "de-en", "en-fr", "fr-en"))
UNTRAINED = Direction("de", "fr")  # both languages were seen, the direction was not

_WORDS = {
    "en": ["the", "cat", "sees", "a", "dog", "near", "old", "house"],
    "de": ["die", "Katze", "sieht", "einen", "Hund", "bei", "altem", "Haus"],
    "fr": ["le", "chat", "voit", "un", "chien", "dans", "vieille", "maison"],
}
_TEMPLATE = "{source_language} to {target_language}: {source} ="


def _sentence(code: str, number: int) -> str:
    words = _WORDS[code]
    return " ".join(words[(number * 7 + number // 8**k) % 8] for k in range(2 + number % 4))


@functools.lru_cache(maxsize=1)
def tiny_tokenizer() -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer of 320 entries."""
    texts = [_sentence(code, n) for code in _WORDS for n in range(60)]
    return train_tokenizer([*texts, *[_TEMPLATE] * 20], VOCABULARY)


def tiny_text(folder: Path, *, pairs: int = 40, max_length: int = 64) -> Text:
    """A corpus of en-de and en-fr (both ways) in ``folder``, as probes and streams read it."""

    def both(first: str, second: str, start: int, count: int) -> list[tuple[str, str]]:
        return [(_sentence(first, n), _sentence(second, n)) for n in range(start, start + count)]

    corpus = write_corpus(
        folder,
        directions=TRAINED,
        train={("de", "en"): both("de", "en", 0, pairs), ("en", "fr"): both("en", "fr", 0, pairs)},
        valid={("de", "en"): both("de", "en", pairs, 8), ("en", "fr"): both("en", "fr", pairs, 8)},
        tests={"tiny": {d: both(d.source, d.target, pairs + 8, 4) for d in TRAINED}},
    )
    return Text(corpus, tiny_tokenizer(), Templates((_TEMPLATE,)), TRAINED, max_length)


def tiny_batch(text: Text, direction: Direction) -> Batch:
    """One batch of held-out pairs of a direction."""
    return next(text.batches(direction, tokens=512))


@functools.lru_cache(maxsize=1)
def shared_text() -> tuple[Text, tempfile.TemporaryDirectory[str]]:
    """The text that all checks share, and the folder that keeps it."""
    folder = tempfile.TemporaryDirectory(prefix="mtsuite-testing-")
    return tiny_text(Path(folder.name)), folder


def shared_batch(direction: Direction) -> Batch:
    """``tiny_batch`` of the shared text, tokenised once; everybody gets a copy."""
    return copy.deepcopy(_batch(direction))


@functools.lru_cache(maxsize=16)
def _batch(direction: Direction) -> Batch:
    return tiny_batch(shared_text()[0], direction)


class SharedStream:
    """The first updates of the shared text as a stream, tokenised once; everybody gets copies."""

    def __init__(self, kind: str, loss_on: str, updates: int) -> None:
        self._updates = iter(_updates(kind, loss_on, updates))

    def update(self) -> list[Batch]:
        return copy.deepcopy(next(self._updates))


@functools.lru_cache(maxsize=8)
def _updates(kind: str, loss_on: str, count: int) -> list[list[Batch]]:
    stream: ParallelStream | MonolingualStream
    if kind == "parallel":
        stream = ParallelStream(shared_text()[0], seed=0, tokens_per_batch=128, accumulation=2, loss_on=loss_on)
    else:
        stream = MonolingualStream(shared_text()[0], seed=0, tokens_per_batch=128, accumulation=2)
    return [stream.update() for _ in range(count)]
