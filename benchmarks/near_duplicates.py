"""Time and memory of the search for near-duplicates, and how many planted ones it finds.

    python benchmarks/near_duplicates.py [--pairs 1000000] [--segments 2000] [--directions 10]

Text is generated: sentences of 8 to 30 words out of 60,000 made-up ones with Zipf's frequencies, one language a side.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Callable, Iterator

from mtsuite.data.near import NEAR, NearIndex


class Words:
    """Made-up words with Zipf's frequencies."""

    def __init__(self, seed: int, count: int = 60_000) -> None:
        chance = random.Random(seed)
        ends = ("", *"lmnrst", "ng", "rk", "st")
        syllables = [a + b + c for a in "bcdfghjklmnprstvwz" for b in "aeiouyäöü" for c in ends]
        self.words = list(
            dict.fromkeys("".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(2 * count))
        )[:count]
        total = 0.0
        self.upto = [total := total + 1 / (rank + 2) for rank in range(len(self.words))]

    def sentence(self, chance: random.Random) -> str:
        words = chance.choices(self.words, cum_weights=self.upto, k=chance.randint(8, 30))
        if chance.random() < 0.2:
            words[chance.randrange(len(words))] = str(chance.randrange(10_000))
        return " ".join(words)


def changed(count: int) -> Callable[[str, random.Random, Words], str]:
    def change(text: str, chance: random.Random, words: Words) -> str:
        parts = text.split()
        for place in chance.sample(range(len(parts)), count):
            parts[place] = chance.choices(words.words, cum_weights=words.upto)[0]
        return " ".join(parts)

    return change


def reordered(text: str, chance: random.Random, words: Words) -> str:
    parts = text.split()
    chance.shuffle(parts)
    return " ".join(parts)


def renumbered(text: str, chance: random.Random, words: Words) -> str:
    return " ".join(str(chance.randrange(10_000)) if part.isdigit() else part for part in text.split())


PLANTS: dict[str, Callable[[str, random.Random, Words], str]] = {
    "one word changed": changed(1),
    "two words changed": changed(2),
    "three words changed": changed(3),
    "reordered": reordered,
    "other numbers": renumbered,
}


def recall(segments: int = 400, lines: int = 4000, seed: int = 1) -> dict[str, float]:
    """Share of planted near-duplicates that are found, by kind, and of false alarms without any planted."""
    words, chance = Words(seed), random.Random(seed)
    tests = [words.sentence(chance) for _ in range(segments)]
    train = [words.sentence(chance) for _ in range(lines)]
    index = NearIndex("en", tests, train)

    def found(text: list[str]) -> float:
        return sum(m is not None and m.similarity >= NEAR for m in index.search(text)) / segments

    shares = {kind: found([*train, *(plant(t, chance, words) for t in tests)]) for kind, plant in PLANTS.items()}
    return shares | {"false alarms": found(train)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--segments", type=int, default=2000)
    parser.add_argument("--directions", type=int, default=10)
    asked = parser.parse_args()
    print({kind: round(share, 3) for kind, share in recall().items()})
    sides = [Words(1), Words(2)]
    started, searched = time.perf_counter(), 0.0
    for side, words in enumerate(sides):
        # Half of the directions have this language as source, half as target: each has segments of its own.
        chance = random.Random(side)
        texts = [words.sentence(chance) for _ in range(asked.segments * asked.directions)]

        def lines(words: Words = words, chance: random.Random = chance) -> Iterator[str]:
            kept = [words.sentence(chance) for _ in range(50_000)]
            for number in range(asked.pairs):  # sentences are made from two halves, which is faster than one by one
                yield f"{kept[number % 50_000][:70]} {kept[(number * 7919 + number // 50_000) % 50_000][:60]}"

        before = time.perf_counter()
        index = NearIndex("en", texts, (line for _, line in zip(range(50_000), lines(), strict=False)))
        index.search(lines())
        searched += time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{asked.pairs:,} pairs, {asked.directions} × {asked.segments:,} segments: {searched:.0f} s of search "
        f"({time.perf_counter() - started:.0f} s in all), {peak:.2f} GB at most"
    )


if __name__ == "__main__":
    main()
