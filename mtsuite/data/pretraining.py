"""Documents for pretraining a base model: monolingual text and incidental bilingual text.

A base language model of the kind that the papers adapt has read most of its text in one language at a
time, and some text in which sentences stand beside their translations (phrase books, bilingual
pages), without ever being told to translate.  These documents imitate that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.languages import language

_SENTENCES = (2, 6)  # monolingual sentences a document
_PAIRS = (1, 4)  # sentence pairs a bilingual document
_SHORTEST_OF = 3  # the shortest of so many drawn pairs: phrase books hold short sentences, and those align first


def documents(
    corpus: Corpus,
    directions: tuple[Direction, ...],
    *,
    bilingual_share: float,
    labelled_share: float,
    seed: int,
) -> Iterator[str]:
    """An endless, deterministic stream of documents.

    ``bilingual_share`` is the share of documents that hold sentence pairs of one direction;
    ``labelled_share`` of those name the language at the head of each line.
    """
    chance = random.Random(f"documents:{seed}")
    languages = tuple(dict.fromkeys(code for direction in directions for code in direction))
    mono = {code: corpus.monolingual(code) for code in languages}
    pairs = {direction: corpus.pairs("train", direction) for direction in directions}
    while True:
        if chance.random() < bilingual_share:
            direction = chance.choice(directions)
            count = chance.randint(*_PAIRS)
            chosen = [min(chance.choices(pairs[direction], k=_SHORTEST_OF), key=_length) for _ in range(count)]
            yield _bilingual(chosen, direction, labelled=chance.random() < labelled_share)
        else:
            text = mono[chance.choice(languages)]
            start, count = chance.randrange(len(text)), chance.randint(*_SENTENCES)
            yield "\n".join(text[start : start + count])


def _length(pair: tuple[str, str]) -> int:
    return len(pair[0])


def _bilingual(pairs: list[tuple[str, str]], direction: Direction, *, labelled: bool) -> str:
    if not labelled:
        return "\n".join(f"{source}\n{target}" for source, target in pairs)
    source_name, target_name = language(direction.source).name, language(direction.target).name
    return "\n\n".join(f"{source_name}: {source}\n{target_name}: {target}" for source, target in pairs)
