"""From text to batches: the one stream that every method of a recipe consumes.

Batches hold one direction, because methods may route by direction.  They are cut from pools that
were sorted by length, so that padding stays below a few per cent without packing several sentences
into one row (which would let them attend to one another).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mtsuite.data.corpus import Corpus, Split
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
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

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the directions, in order of first appearance."""
        return tuple(dict.fromkeys(code for direction in self.directions for code in direction))

    def prompt(self, direction: Direction, source: str, template: int) -> list[int]:
        """Tokens of an instruction, with whatever the tokenizer puts before a text."""
        return list(self.tokenizer(self.templates.prompt(direction, source, template)).input_ids)

    def completion(self, target: str, template: int) -> list[int]:
        """Tokens of a translation behind a template's prompt, and the end of sequence."""
        tokens = self.tokenizer(self.templates.completion(target, template), add_special_tokens=False).input_ids
        return [*tokens, int(self.tokenizer.eos_token_id)]

    def examples(self, direction: Direction, pairs: Sequence[tuple[int, tuple[str, str]]], seed: int) -> list[Example]:
        """Numbered pairs as prompt and completion, each under the template that is drawn for it."""
        drawn = [(pair, self.templates.assign(seed, direction, number)) for number, pair in pairs]
        prompts = [self.templates.prompt(direction, source, template) for (source, _), template in drawn]
        targets = [self.templates.completion(target, template) for (_, target), template in drawn]
        eos = int(self.tokenizer.eos_token_id)
        return [
            (list(p), [*c, eos])
            for p, c in zip(
                self.tokenizer(prompts).input_ids,
                self.tokenizer(targets, add_special_tokens=False).input_ids,
                strict=True,
            )
        ]

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
        examples = self.examples(direction, pairs, seed=0)
        if not target:
            examples = [(prompt, []) for prompt, _ in examples]
        yield from self._sorted(examples, tokens, direction, direction.target, "target")

    def monolingual(
        self, language: str, *, split: Split = "valid", limit: int = 1000, tokens: int = 4096
    ) -> Iterator[Batch]:
        """Held-out sentences of a language, each a row of its own behind the begin (or end) token."""
        start = self.tokenizer.bos_token_id
        start = int(self.tokenizer.eos_token_id if start is None else start)
        sentences = self.corpus.monolingual(language, split)[:limit]
        tokenised = self.tokenizer(sentences, add_special_tokens=False).input_ids if sentences else []
        eos = int(self.tokenizer.eos_token_id)
        examples: list[Example] = [([start], [*t, eos]) for t in tokenised]
        yield from self._sorted(examples, tokens, None, language, "target")

    def _sorted(
        self, examples: list[Example], tokens: int, direction: Direction | None, language: str, loss_on: str
    ) -> Iterator[Batch]:
        fitting = [e for e in examples if len(e[0]) + len(e[1]) <= self.max_length]
        for group in cut(sorted(fitting, key=lambda e: len(e[0]) + len(e[1])), tokens, None):
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
        self.too_long = 0
        self._accumulation = accumulation
        self._micro_batches = 0
        self._sources = [
            self._direction(direction, seed, tokens_per_batch, sentences_per_batch, loss_on)
            for direction in text.directions
        ]

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
        pad = int(self.text.tokenizer.pad_token_id)
        epoch = 0
        pool_size = 256
        while True:
            order = torch.randperm(len(pairs), generator=_generator("order", seed, direction, epoch)).tolist()
            position, used = 0, 0
            while position < len(order):
                chosen = [(i, pairs[i]) for i in order[position : position + pool_size]]
                position += pool_size
                examples = self.text.examples(direction, chosen, seed)
                fitting = [e for e in examples if len(e[0]) + len(e[1]) <= self.text.max_length]
                self.too_long += len(examples) - len(fitting)
                used += len(fitting)
                groups = cut(sorted(fitting, key=lambda e: len(e[0]) + len(e[1])), tokens, sentences)
                shuffle = torch.randperm(len(groups), generator=_generator("pool", seed, direction, epoch, position))
                for index in shuffle.tolist():
                    yield collate(groups[index], pad, direction, direction.target, loss_on)
                # The next pool holds about POOL batches of the size just seen.
                pool_size = max(64, POOL * (len(fitting) // max(1, len(groups))))
            if not used:
                raise DataError(
                    f"{direction}: all {len(pairs)} training examples are longer than train.max_length = "
                    f"{self.text.max_length} tokens with their instruction; raise it or use shorter text."
                )
            epoch += 1


class MonolingualStream:
    """Updates of packed monolingual rows; languages take turns, and no token is padding."""

    def __init__(self, text: Text, *, seed: int, tokens_per_batch: int, accumulation: int = 1) -> None:
        self.text = text
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

    def update(self) -> list[Batch]:
        return [*self._parallel.update(), *(replace(b, replayed=True) for b in self._monolingual.update())]


def packed(documents: Iterator[str], tokenizer: Any, length: int, chunk: int = 256) -> Iterator[list[int]]:
    """Rows of exactly ``length`` tokens: documents one after another, each closed by the end of sequence."""
    eos = int(tokenizer.eos_token_id)
    row: list[int] = []
    while True:
        texts = list(itertools.islice(documents, chunk))
        if not texts:
            return
        for tokens in tokenizer(texts, add_special_tokens=False).input_ids:
            row.extend([*tokens, eos])
            while len(row) >= length:
                yield row[:length]
                row = row[length:]


def _permutation(count: int, *seed: object) -> list[int]:
    return torch.randperm(count, generator=_generator(*seed)).tolist()
