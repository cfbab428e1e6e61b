"""Near-duplicates: which training text is most like a test segment, by character n-grams.

Two texts are compared by the sets of their words' n-grams (n = 4, in Chinese and Japanese 2), after compatibility
forms, case, punctuation and digits are made equal: the sum of weights of what both have, over that of what either has
(weighted Jaccard).  An n-gram weighs the more the rarer it is (idf), so that what all sentences share counts little.
Changed or reordered words and other numbers leave most n-grams in place.

Millions of lines are searched in two steps.  Each test text is stood for by up to ``SKETCH`` of its rarer n-grams,
drawn by their squared weight with one hash for all texts (Cohen and Kaplan 2007, bottom-k sketches).  The training
lines that share most of them are then compared in full.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from mtsuite.data.languages import language

Array = np.ndarray[Any, Any]

BITS = 22  # n-grams are hashed to so many bits
SKETCH = 24
LEAST = 8  # so many, even if all are usual
USUAL = 0.004  # share of lines from which on an n-gram is usual
SHARED = 0.25  # share of a text's sketch that a line must have to be compared
COMPARED = 4  # lines of a batch that are compared with one text in full
BATCH = 20_000  # lines that are looked at together
SAMPLE = 50_000  # training lines that weights are counted on, beside the test texts
NEAR = 0.4  # similarity of near-duplicates
_BLANK = 32
_END = 10  # line feed, between the lines of a batch


@dataclass(frozen=True)
class Match:
    """The training line that is most like a text: its number from 0, and the similarity, 0 to 1."""

    line: int
    similarity: float


class NearIndex:
    """The test texts of one language, to be compared with training lines.

    ``sample`` are training lines that tell how frequent n-grams are.
    """

    def __init__(self, code: str, texts: Sequence[str], sample: Iterable[str] = ()) -> None:
        self.order = 2 if language(code).script in ("Han", "Japanese") else 4
        self.size = len(texts)
        rows, grams = self._grams(texts)
        known = np.bincount(grams, minlength=1 << BITS)
        count = len(texts)
        for batch in _batches(islice(sample, SAMPLE)):
            known += np.bincount(self._grams(batch)[1], minlength=1 << BITS)
            count += len(batch)
        self._weight = (np.log((count + 1) / (known + 1)) + 1e-3).astype(np.float32)
        self._rows, self._features = rows, grams
        self._starts = np.searchsorted(rows, np.arange(self.size + 1))
        self._total = np.bincount(rows, self._weight[grams], minlength=self.size)
        self._index()

    def _index(self) -> None:
        """The sketches as a matrix (n-grams, texts)."""
        # Exponential variates from a hash of the n-gram, with its squared weight as rate: the smallest of a text are a
        # sample without replacement by weight, and two texts draw the same ones from what they share.
        uniform = (_mixed(self._features.astype(np.uint64)) >> np.uint64(11)).astype(np.float64) / 2**53
        rank = -np.log1p(-uniform) / self._weight[self._features] ** 2
        usual = self._weight[self._features] < -np.log(USUAL)  # in too many lines to find any by
        rank = np.where(usual, rank + 1e9, rank)
        order = np.lexsort((rank, self._rows))
        place = np.arange(len(order)) - self._starts[self._rows[order]]
        chosen = order[(place < LEAST) | ((place < SKETCH) & ~usual[order])]
        features, texts = self._features[chosen], self._rows[chosen]
        used = np.unique(features)
        self._column = np.full(1 << BITS, -1, dtype=np.int32)
        self._column[used] = np.arange(len(used), dtype=np.int32)
        ones = np.ones(len(texts), dtype=np.int32)
        self._sketches = csr_matrix((ones, (self._column[features], texts)), shape=(len(used), self.size))
        self._sketch_size = np.maximum(np.bincount(texts, minlength=self.size), 1)

    def search(self, lines: Iterable[str]) -> list[Match | None]:
        """The nearest of the lines for every text; None where no line shares enough to be compared."""
        best = np.zeros(self.size)
        where = np.full(self.size, -1)
        start = 0
        for batch in _batches(lines):
            texts, found, similarity = self._nearest(batch)
            better = similarity > best[texts]
            best[texts[better]] = similarity[better]
            where[texts[better]] = found[better] + start
            start += len(batch)
        return [Match(int(w), float(b)) if w >= 0 else None for w, b in zip(where, best, strict=True)]

    def _nearest(self, batch: Sequence[str]) -> tuple[Array, Array, Array]:
        """Texts that have a candidate in the batch, the nearest line of each (the first of equals), its similarity."""
        rows, grams = self._grams(batch)
        total = np.bincount(rows, self._weight[grams], minlength=len(batch))
        line, text = self._candidates(rows, grams, total)
        similarity = self._similarity(line, text, rows, grams, total)
        first = _best(text, line, similarity, 1)
        return text[first], line[first], similarity[first]

    def _candidates(self, rows: Array, grams: Array, total: Array) -> tuple[Array, Array]:
        """(line, text) that share enough of the text's sketch; of a text the most alike by what the sketch says."""
        columns = self._column[grams]
        known = columns >= 0
        shape = (len(total), self._sketches.shape[0])
        ones = np.ones(int(known.sum()), dtype=np.int32)
        shared = (csr_matrix((ones, (rows[known], columns[known])), shape=shape) @ self._sketches).tocoo()
        part = shared.data / self._sketch_size[shared.col]
        enough = part >= SHARED
        line, text, part = shared.row[enough], shared.col[enough], part[enough]
        both = part * self._total[text]
        kept = _best(text, line, both / (self._total[text] + total[line] - both), COMPARED)
        return line[kept], text[kept]

    def _similarity(self, line: Array, text: Array, rows: Array, grams: Array, total: Array) -> Array:
        """Weighted Jaccard of each candidate; ``rows`` and ``grams`` are those of the batch, sorted."""
        both = np.zeros(len(line))
        there = (rows.astype(np.int64) << BITS) | grams
        # Every n-gram of every candidate text is looked up among those of its line.
        length = self._starts[text + 1] - self._starts[text]
        for part in _parts(length):
            n = length[part]
            begin = np.repeat(self._starts[text[part]] - np.concatenate([[0], np.cumsum(n)[:-1]]), n)
            own = self._features[begin + np.arange(len(begin))]
            of = np.repeat(np.arange(len(n)), n)
            keys = (line[part][of].astype(np.int64) << BITS) | own
            at = np.minimum(np.searchsorted(there, keys), len(there) - 1)
            hit = there[at] == keys
            both[part] = np.bincount(of[hit], self._weight[own[hit]], minlength=len(n))
        return both / np.maximum(self._total[text] + total[line] - both, 1e-9)

    def _grams(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Distinct n-grams of texts: row and hash, sorted by both."""
        letters = _letters(texts)
        rows = np.cumsum(letters == _END) - 1
        size = len(letters) - self.order + 1
        hashed = np.zeros(size, dtype=np.uint64)
        whole = np.ones(size, dtype=bool)
        for offset in range(self.order):
            part = letters[offset : offset + size]
            hashed = (hashed ^ part.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
            hashed ^= hashed >> np.uint64(29)
            whole &= part != _END
            if 0 < offset < self.order - 1:
                whole &= part != _BLANK  # within one word, its edges included: the order of words does not count
        keys = (rows[:size][whole].astype(np.int64) << BITS) | (hashed[whole] >> np.uint64(64 - BITS)).astype(np.int64)
        keys = np.unique(keys)
        return keys >> BITS, keys & ((1 << BITS) - 1)


def _best(text: Array, line: Array, value: Array, most: int) -> Array:
    """Places of the ``most`` largest values of every text, the earlier line first among equals."""
    order = np.lexsort((line, -value, text))
    ordered = text[order]
    starts = np.searchsorted(ordered, ordered)
    kept: Array = order[np.arange(len(order)) - starts < most]
    return kept


def _letters(texts: Sequence[str]) -> Array:
    """The texts as one array of code points: a line feed before each, and blanks around every word."""
    joined = unicodedata.normalize("NFKC", "".join("\n " + text.replace("\n", " ") + " " for text in texts)) + "\n"
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    low = points < len(_table())
    letters = np.where(low, _table()[np.where(low, points, 0)], points)
    again = (letters[1:] == _BLANK) & (letters[:-1] == _BLANK)
    seen = letters != 0
    seen[1:] &= ~again
    kept: Array = letters[seen]
    return kept


@cache
def _table() -> Array:
    """What a code point of the basic plane counts as: its small letter, "0" for digits, a blank between words.

    Zero stands for what is not seen.
    """
    table = np.arange(1 << 16, dtype=np.uint32)
    for code in range(1 << 16):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            table[code] = ord("0")
        elif category[0] in "PSZ" or category == "Cc":
            table[code] = _BLANK
        elif category == "Cf":
            table[code] = 0
        elif len(small := character.lower()) == 1:
            table[code] = ord(small)
    table[_END] = _END
    return table


def _mixed(values: Array) -> Array:
    """A hash of 64-bit numbers (the finalizer of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = values ^ (values >> np.uint64(31))
    return mixed


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _parts(lengths: Array, most: int = 4_000_000) -> Iterator[slice]:
    """Slices of the candidates with at most so many n-grams each, and at least one candidate."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield slice(start, end)
        start = end
