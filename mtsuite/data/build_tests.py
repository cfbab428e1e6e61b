"""A corpus of test sets alone, for directions that are tested and not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.build import Tests, test_sets
from mtsuite.data.corpus import Corpus, write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.overlap import normalised
from mtsuite.data.sources import open_source, parse_directions
from mtsuite.errors import DataError


def build_test_corpus(
    data: Mapping[str, Any],
    directions: Sequence[Direction | str],
    folder: Path | str,
    output: Path,
    *,
    trained: Corpus,
    offline: bool = False,
) -> Corpus:
    """Write the test sets of ``directions`` into ``output``.

    ``trained`` is the corpus that models are trained on: it stays as it is, so segments of these test sets may occur in
    it, and the notes count them.  Raises DataError naming the direction when it has no test set.
    """
    parsed = parse_directions(directions)
    source = open_source(data, parsed, folder, offline)
    tests: dict[str, dict[Direction, Tests]] = {}
    notes: list[str] = []
    records: dict[str, dict[str, Any]] = {}
    for direction in parsed:
        try:
            found = test_sets(data, source, direction, None, offline, folder, notes, records)
        except DataError as error:
            raise DataError(f"forgetting.zero_shot_directions: {direction}: {error}") from error
        for name, kept in found.items():
            tests.setdefault(name, {})[direction] = kept
    overlap = _overlap(tests, trained)
    notes += [f"test set {name}: a side of {n} of {total} segments occurs in the training text of its language"
              for name, (n, total) in overlap.items() if n]  # fmt: skip
    counted = {name: {"segments": n, "of": total} for name, (n, total) in overlap.items()}
    return write_corpus(
        output, directions=parsed, train={}, valid={}, tests=tests, overlap=counted, notes=notes, benchmarks=records
    )


def _overlap(tests: Mapping[str, Mapping[Direction, Tests]], trained: Corpus) -> dict[str, tuple[int, int]]:
    """By set and direction, how many segments have a side that is also a line of the training text, and of how many."""
    known: dict[str, set[str]] = {}
    for by_direction in tests.values():
        for direction, segments in by_direction.items():
            for side, code in enumerate(direction):
                known.setdefault(code, set()).update(normalised(segment[side]) for segment in segments)
    met = {code: _met(trained, code, sought) for code, sought in known.items()}
    return {
        f"{name} {direction}": (
            sum(any(normalised(s) in met[c] for c, s in zip(direction, row, strict=False)) for row in segments),
            len(segments),
        )
        for name, by_direction in tests.items()
        for direction, segments in by_direction.items()
    }


def _met(trained: Corpus, code: str, sought: set[str]) -> set[str]:
    """Those of the segments that occur in the parallel or monolingual training text of a language."""
    found: set[str] = set()
    for pair in dict.fromkeys(direction.pair for direction in trained.directions):
        if code in pair:
            other = next(c for c in pair if c != code)
            found.update(normalised(line) for line, _ in trained.pairs("train", Direction(code, other)))
    if f"mono/{code}.txt" in trained.info["files"]:
        found.update(map(normalised, trained.monolingual(code)))
    return (found & sought) - {""}
