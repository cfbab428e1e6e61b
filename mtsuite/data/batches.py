"""From text to batches: the one stream that every method of a recipe consumes.

Batches hold one direction, because methods may route by direction.  They are cut from pools that
were sorted by length, so that padding stays below a few per cent without packing several sentences
into one row (which would let them attend to one another).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mtsuite.data.chat import Chat
from mtsuite.data.corpus import Corpus, Split
from mtsuite.data.direction import Direction
from mtsuite.data.encode import Encoder, Part
from mtsuite.data.joins import check_joins
from mtsuite.data.prompts import BETWEEN, Templates
from mtsuite.data.text import one_line
from mtsuite.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100  # label of a token that is not predicted
POOL = 24  # batches sorted by length together: enough for little padding, few enough to keep the order random


@dataclass(frozen=True)
class Batch:
    """Token ids (rows, length), attention mask and labels of the same shape, and what they are.

    ``direction`` is None for monolingual text; ``language`` is the target's, or the text's.  ``replayed`` text comes on
    top of the parallel text that rows share.
    """

    input_ids: Tensor
    attention_mask: Tensor
    labels: Tensor
    direction: Direction | None
    language: str
    replayed: bool = False

    @property
    def target_tokens(self) -> int:
        """Tokens that are predicted (the first of a row never is)."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def to(self, device: torch.device | str) -> Batch:
        return replace(
            self,
            input_ids=self.input_ids.to(device),
            attention_mask=self.attention_mask.to(device),
            labels=self.labels.to(device),
        )

    def rows(self, start: int, step: int) -> Batch:
        """Every ``step``-th row from ``start``: one process's share; may be empty."""
        part = slice(start, None, step)
        return replace(
            self, input_ids=self.input_ids[part], attention_mask=self.attention_mask[part], labels=self.labels[part]
        )

    def digest(self) -> bytes:
        """A hash of what a method sees of this batch."""
        state = hashlib.sha256(f"{self.direction}|{self.language}|{tuple(self.input_ids.shape)}".encode())
        for tensor in (self.input_ids, self.labels):
            state.update(tensor.to(torch.int32).numpy().tobytes())
        return state.digest()


Example = tuple[list[int], list[int]]  # tokens of the prompt, tokens of the completion


@dataclass
class LeftOut:
    """Of ``pairs`` looked at, those longer than the longest example and those whose prompt and target share a piece."""

    pairs: int = 0
    too_long: int = 0
    joined: int = 0

    def to_dict(self) -> dict[str, int]:
        return {"pairs": self.pairs, "too_long": self.too_long, "joined": self.joined}


def fitting(examples: Sequence[Example | None], max_length: int) -> tuple[list[Example], LeftOut]:
    """The examples that can be read whole, and a count of the others."""
    made = [example for example in examples if example is not None]
    kept = [e for e in made if len(e[0]) + len(e[1]) <= max_length]
    return kept, LeftOut(len(examples), len(made) - len(kept), len(examples) - len(made))


def count_left_out(text: Text, direction: Direction, *, seed: int, limit: int | None = None) -> LeftOut:
    """Training pairs of a direction (the first ``limit``) that no training under ``seed`` reads, without a model."""
    pairs = list(enumerate(text.corpus.pairs("train", direction)[:limit]))
    return fitting(text.encoded(direction, pairs, seed), text.max_length)[1]


def collate(examples: Sequence[Example], pad: int, direction: Direction | None, language: str, loss_on: str) -> Batch:
    """Right-padded rows; labels on the completions, or on everything when ``loss_on`` is ``all``."""
    length = max(len(p) + len(c) for p, c in examples)
    ids = torch.full((len(examples), length), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, (prompt, completion) in enumerate(examples):
        tokens = torch.tensor(prompt + completion)
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        first = 0 if loss_on == "all" else len(prompt)
        labels[row, first : len(tokens)] = tokens[first:]
    return Batch(ids, mask, labels, direction, language)


def _generator(*parts: object) -> torch.Generator:
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


@dataclass
class Text:
    """A corpus as a model reads it: what probes look at and streams are made of."""

    corpus: Corpus
    tokenizer: PreTrainedTokenizerBase
    templates: Templates
    directions: tuple[Direction, ...]
    max_length: int = 256
    chat: Chat | None = None  # prompts are turns of a chat where there is one
    left_out: dict[str, LeftOut] = field(default_factory=dict, repr=False)  # held-out pairs, by direction

    @functools.cached_property
    def encoder(self) -> Encoder:
        """What turns this text into ids."""
        return Encoder(self.tokenizer)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the directions, in order of first appearance."""
        return tuple(dict.fromkeys(code for direction in self.directions for code in direction))

    @property
    def end(self) -> int:
        """The token that ends a translation: the end of the turn in a chat, else the end of sequence."""
        return int(self.tokenizer.eos_token_id) if self.chat is None else self.chat.end

    def prompts(self, direction: Direction, sources: Sequence[str], template: int) -> list[list[int]]:
        """Tokens of instructions, as decoding begins with them."""
        return self.encoder.prompts([self._instruction(direction, source, template) for source in sources])

    def in_context(
        self, direction: Direction, examples: Sequence[tuple[str, str]], source: str, template: int
    ) -> list[int]:
        """Tokens of an instruction behind examples (source, target): blocks of text, or earlier turns of a chat."""
        templates = self.templates
        shown = [(templates.parts(direction, s, template), templates.completion(t, template)) for s, t in examples]
        asked = templates.parts(direction, source, template)
        if self.chat is not None:
            return self.encoder.prompts([self.chat.prompt(asked, shown)])[0]
        return self.encoder.in_context(shown, asked, BETWEEN)

    def examples(self, direction: Direction, pairs: Sequence[tuple[int, tuple[str, str]]], seed: int) -> list[Example]:
        """Numbered pairs as prompt and completion, each under the template that is drawn for it.

        Pairs whose prompt and target share a piece are not among them.
        """
        return [example for example in self.encoded(direction, pairs, seed) if example is not None]

    def encoded(
        self, direction: Direction, pairs: Sequence[tuple[int, tuple[str, str]]], seed: int
    ) -> list[Example | None]:
        """The same with None in their places."""
        drawn = [(pair, self.templates.assign(seed, direction, number)) for number, pair in pairs]
        bare = self.chat is not None
        return self.encoder.pairs(
            [
                (
                    self._instruction(direction, source, template),
                    one_line(target) if bare else self.templates.completion(target, template),
                )
                for (source, target), template in drawn
            ],
            self.end,
        )

    def _instruction(self, direction: Direction, source: str, template: int) -> list[Part]:
        parts = self.templates.parts(direction, source, template)
        return parts if self.chat is None else self.chat.prompt(parts)

    def batches(
        self,
        direction: Direction,
        *,
        split: Split = "valid",
        limit: int = 1000,
        tokens: int = 4096,
        target: bool = True,
    ) -> Iterator[Batch]:
        """Held-out pairs of a direction in length-sorted batches; without ``target`` the prompts alone."""
        pairs = list(enumerate(self.corpus.pairs(split, direction)[:limit]))
        encoded = self.encoded(direction, pairs, seed=0)
        if not target:
            encoded = [None if example is None else (example[0], []) for example in encoded]
        examples, self.left_out[str(direction)] = fitting(encoded, self.max_length)
        yield from self._sorted(examples, tokens, direction, direction.target, "target")

    def monolingual(
        self, language: str, *, split: Split = "valid", limit: int = 1000, tokens: int = 4096
    ) -> Iterator[Batch]:
        """Held-out sentences of a language, each a row of its own behind the begin (or end) token."""
        start = self.tokenizer.bos_token_id
        start = int(self.tokenizer.eos_token_id if start is None else start)
        sentences = self.corpus.monolingual(language, split)[:limit]
        tokenised = self.encoder.plain(sentences)
        eos = int(self.tokenizer.eos_token_id)
        examples, _ = fitting([([start], [*t, eos]) for t in tokenised], self.max_length)
        yield from self._sorted(examples, tokens, None, language, "target")

    def _sorted(
        self, examples: list[Example], tokens: int, direction: Direction | None, language: str, loss_on: str
    ) -> Iterator[Batch]:
        for group in cut(sorted(examples, key=lambda e: len(e[0]) + len(e[1])), tokens, None):
            yield collate(group, int(self.tokenizer.pad_token_id), direction, language, loss_on)


def cut(examples: Sequence[Example], tokens: int, sentences: int | None) -> list[list[Example]]:
    """Cut length-sorted examples into groups whose padded size stays within ``tokens`` (one example at least)."""
    groups: list[list[Example]] = []
    group: list[Example] = []
    for example in examples:
        length = len(example[0]) + len(example[1])
        if group and (length * (len(group) + 1) > tokens or (sentences is not None and len(group) >= sentences)):
            groups.append(group)
            group = []
        group.append(example)
    if group:
        groups.append(group)
    return groups


class ParallelStream:
    """Updates of translation batches; directions take turns, micro-batch by micro-batch.

    The stream is a function of the text, the settings and the seed alone: it is the same for every
    method, whatever the number of processes.  ``update()`` gives the micro-batches of the next update.
    """

    def __init__(
        self,
        text: Text,
        *,
        seed: int,
        tokens_per_batch: int,
        sentences_per_batch: int | None = None,
        accumulation: int = 1,
        loss_on: str = "target",
    ) -> None:
        self.text = text
        self.left_out = {str(direction): LeftOut() for direction in text.directions}  # of the first epoch's pairs
        self._accumulation = accumulation
        self._micro_batches = 0
        self._sources = [
            self._direction(direction, seed, tokens_per_batch, sentences_per_batch, loss_on)
            for direction in text.directions
        ]

    @property
    def too_long(self) -> int:
        """Pairs seen so far that are longer than the longest example, each once."""
        return sum(found.too_long for found in self.left_out.values())

    def update(self) -> list[Batch]:
        batches = []
        for _ in range(self._accumulation):
            batches.append(next(self._sources[self._micro_batches % len(self._sources)]))
            self._micro_batches += 1
        return batches

    def _direction(
        self, direction: Direction, seed: int, tokens: int, sentences: int | None, loss_on: str
    ) -> Iterator[Batch]:
        pairs = self.text.corpus.pairs("train", direction)
        if not pairs:
            raise DataError(f"{direction}: expected training pairs; found none left after cleaning.")
        if self.text.chat is None:
            check_joins(self.text.encoder, self.text.templates, direction, pairs)
        pad = int(self.text.tokenizer.pad_token_id)
        epoch = 0
        pool_size = 256
        while True:
            order = torch.randperm(len(pairs), generator=_generator("order", seed, direction, epoch)).tolist()
            position, used = 0, 0
            while position < len(order):
                chosen = [(i, pairs[i]) for i in order[position : position + pool_size]]
                position += pool_size
                kept, missing = fitting(self.text.encoded(direction, chosen, seed), self.text.max_length)
                if not epoch:
                    self._count(direction, missing)
                used += len(kept)
                groups = cut(sorted(kept, key=lambda e: len(e[0]) + len(e[1])), tokens, sentences)
                shuffle = torch.randperm(len(groups), generator=_generator("pool", seed, direction, epoch, position))
                for index in shuffle.tolist():
                    yield collate(groups[index], pad, direction, direction.target, loss_on)
                # The next pool holds about POOL batches of the size just seen.
                pool_size = max(64, POOL * (len(kept) // max(1, len(groups))))
            if not used:
                raise DataError(
                    f"{direction}: all {len(pairs)} training examples are longer than train.max_length = "
                    f"{self.text.max_length} tokens with their instruction; raise it or use shorter text."
                )
            epoch += 1

    def _count(self, direction: Direction, missing: LeftOut) -> None:
        total = self.left_out[str(direction)]
        total.pairs += missing.pairs
        total.too_long += missing.too_long
        total.joined += missing.joined


class MonolingualStream:
    """Updates of packed monolingual rows; languages take turns, and no token is padding."""

    def __init__(self, text: Text, *, seed: int, tokens_per_batch: int, accumulation: int = 1) -> None:
        self.text = text
        self.left_out: dict[str, LeftOut] = {}
        self.too_long = 0
        self._accumulation = accumulation
        self._micro_batches = 0
        self._length = min(text.max_length, tokens_per_batch)
        self._rows = max(1, tokens_per_batch // self._length)
        self._sources = [self._language(code, seed) for code in text.languages]

    def update(self) -> list[Batch]:
        batches = []
        for _ in range(self._accumulation):
            batches.append(next(self._sources[self._micro_batches % len(self._sources)]))
            self._micro_batches += 1
        return batches

    def _language(self, code: str, seed: int) -> Iterator[Batch]:
        sentences = self.text.corpus.monolingual(code)
        if not sentences:
            raise DataError(f"{code}: expected monolingual training text; found none.")
        rows: list[list[int]] = []
        for row in packed(self._shuffled(sentences, seed, code), self.text.tokenizer, self._length):
            rows.append(row)
            if len(rows) == self._rows:
                ids = torch.tensor(rows)
                yield Batch(ids, torch.ones_like(ids), ids.clone(), None, code)
                rows = []

    def _shuffled(self, sentences: list[str], seed: int, code: str) -> Iterator[str]:
        epoch = 0
        while True:
            yield from (sentences[i] for i in _permutation(len(sentences), "mono", seed, code, epoch))
            epoch += 1


class ReplayStream:
    """A parallel stream whose every update also holds a little monolingual text, languages taking turns.

    ``share`` is the monolingual part of all tokens.  The parallel part is untouched: it is the stream of the
    rows without replay, batch by batch.
    """

    def __init__(self, parallel: ParallelStream, share: float, *, seed: int, tokens_per_update: int) -> None:
        self._parallel = parallel
        tokens = max(2, round(share / (1.0 - share) * tokens_per_update))
        self._monolingual = MonolingualStream(parallel.text, seed=seed, tokens_per_batch=tokens)

    @property
    def too_long(self) -> int:
        return self._parallel.too_long

    @property
    def left_out(self) -> dict[str, LeftOut]:
        return self._parallel.left_out

    def update(self) -> list[Batch]:
        return [*self._parallel.update(), *(replace(b, replayed=True) for b in self._monolingual.update())]


def packed(documents: Iterator[str], tokenizer: Any, length: int, chunk: int = 256) -> Iterator[list[int]]:
    """Rows of exactly ``length`` tokens: documents one after another, each closed by the end of sequence."""
    eos = int(tokenizer.eos_token_id)
    encoder = Encoder(tokenizer)
    row: list[int] = []
    while True:
        texts = list(itertools.islice(documents, chunk))
        if not texts:
            return
        for tokens in encoder.plain(texts):
            row.extend([*tokens, eos])
            while len(row) >= length:
                yield row[:length]
                row = row[length:]


def _permutation(count: int, *seed: object) -> list[int]:
    return torch.randperm(count, generator=_generator(*seed)).tolist()
