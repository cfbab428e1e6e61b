"""Near-duplicates of a corpus's test sets in its training text: any pair of languages, either side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.near import SAMPLE, Match, NearIndex


@dataclass
class NearSet:
    """One test set of a direction.

    ``source`` and ``target`` say of every segment whether its source, or one of its references, has a near-duplicate
    among the training lines of its language.  ``memory`` is what a translation memory answers: the other side of the
    training pair of this direction whose source is nearest, empty where none shares enough.
    """

    source: list[bool] = field(default_factory=list)
    target: list[bool] = field(default_factory=list)
    memory: list[str] = field(default_factory=list)

    @property
    def near(self) -> list[bool]:
        """Whether either side of a segment has one."""
        return [a or b for a, b in zip(self.source, self.target, strict=True)]


Found = dict[str, dict[str, Match]]  # by training text (a pair, or "mono"), then by test text


def near_tests(
    trained: Corpus, tests: Corpus, threshold: float, progress: Callable[..., None] = lambda **values: None
) -> dict[str, dict[Direction, NearSet]]:
    """By test set of ``tests`` and direction, what is near the training text of ``trained``."""
    places = [(name, d) for d in tests.directions for name in tests.test_sets_for(d)]
    sides = {place: _sides(tests, *place) for place in places}
    texts: dict[str, dict[str, None]] = {}
    for (_, direction), (sources, references) in sides.items():
        texts.setdefault(direction.source, {}).update(dict.fromkeys(sources))
        for column in references:
            texts.setdefault(direction.target, {}).update(dict.fromkeys(column))
    found: dict[str, Found] = {}
    for number, code in enumerate(texts, start=1):
        progress(step=number, total=len(texts), text=f"near-duplicates in {code}")
        found[code] = _of_language(trained, code, list(texts[code]))
    made: dict[str, dict[Direction, NearSet]] = {}
    for (name, direction), (sources, references) in sides.items():
        near_source = [_near(found[direction.source], text, threshold) for text in sources]
        near_target = [
            any(_near(found[direction.target], text, threshold) for text in row)
            for row in zip(*references, strict=True)
        ]
        memory = _memory(trained, direction, found[direction.source], sources)
        made.setdefault(name, {})[direction] = NearSet(near_source, near_target, memory)
    return made


def _sides(tests: Corpus, name: str, direction: Direction) -> tuple[list[str], list[list[str]]]:
    return [source for source, _ in tests.test(direction, name)], tests.references(direction, name)


def _of_language(trained: Corpus, code: str, texts: list[str]) -> Found:
    """The nearest training line to every text, by training text."""
    places = {name: name for name in trained.info["pairs"] if f"train/{name}.{code}" in trained.info["files"]}
    files = {name: f"train/{name}.{code}" for name in places}
    if f"mono {code}" in trained.info["overlap"]:  # text of its own, not the sides of the pairs
        files["mono"] = f"mono/{code}.txt"
    if not files:
        return {}
    share = -(-SAMPLE // len(files))
    index = NearIndex(code, texts, (line for file in files.values() for line in islice(_lines(trained, file), share)))
    made: Found = {}
    for name, file in files.items():
        matches = index.search(_lines(trained, file))
        made[name] = {text: match for text, match in zip(texts, matches, strict=True) if match is not None}
    return made


def _near(found: Found, text: str, threshold: float) -> bool:
    return any(text in of and of[text].similarity >= threshold for of in found.values())


def _memory(trained: Corpus, direction: Direction, found: Found, sources: list[str]) -> list[str]:
    name = "-".join(direction.pair)
    matches = found.get(name, {})
    wanted = {match.line for match in matches.values()}
    lines: dict[int, str] = {}
    if wanted:
        lines = {n: line for n, line in enumerate(_lines(trained, f"train/{name}.{direction.target}")) if n in wanted}
    return [lines[matches[text].line] if text in matches else "" for text in sources]


def _lines(corpus: Corpus, name: str) -> Iterator[str]:
    """A file line by line: training text may be large."""
    with (corpus.folder / name).open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n")
