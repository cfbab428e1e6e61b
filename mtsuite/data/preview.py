"""How much text a recipe's files hold, and what is wrong with them, known before anything runs.

Every file is searched for line feeds (a gigabyte a second), never decoded as a whole.  Of training files the first
``HEAD`` rows are read as the corpus job will read them; test and validation files up to ``WHOLE`` bytes are read whole.
Packed files above ``WHOLE`` bytes are not opened: their counts are None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from mtsuite.data import benchmarks
from mtsuite.data.build import check_enough, held_out_lines
from mtsuite.data.corpus import VALIDATION, pair_name
from mtsuite.data.direction import Direction
from mtsuite.data.sources import open_source, parse_directions, sacrebleu_sets, tested
from mtsuite.data.sources.base import Pair
from mtsuite.data.sources.files import Entry, FilesSource
from mtsuite.data.sources.microworld import MicroworldSource
from mtsuite.data.text import too_long
from mtsuite.errors import DataError

HEAD = 1000
WHOLE = 64 << 20


@dataclass(frozen=True)
class Sizes:
    """Pairs of two languages by split, before cleaning; ``tests`` by direction and set.

    ``held_out`` lines of training go to validation and test sets, which have no files of their own.  None stands for
    what is not known before the text is read.  ``pair_bytes`` is the mean size of a training pair in UTF-8 among the
    first rows of files.
    """

    pair: str
    train: int | None
    valid: int | None
    held_out: int = 0
    tests: dict[str, dict[str, int | None]] = field(default_factory=dict)
    pair_bytes: float | None = None


def check_text(data: Mapping[str, Any], directions: Sequence[Direction | str], folder: Path | str = ".") -> list[Sizes]:
    """Sizes of the recipe's text by pair.  Empty for text of the hub, which is not here yet.

    Raises DataError, with file and line, for files that the corpus job could not read: parallel files of different
    lengths, fewer lines than are to be held out, damage in what is looked at.
    """
    parsed = parse_directions(directions)
    source = open_source(data, parsed, folder)
    from_source = tested(data, parsed, folder)
    if isinstance(source, MicroworldSource):
        settings = source.settings
        sets = {str(d): {"microworld": int(settings["test_sentences"])} for d in from_source}
        return [
            Sizes(pair_name(pair), settings["train_sentences"], settings["valid_sentences"], 0, _of(pair, sets))
            for pair in source.pairs
        ]
    if not isinstance(source, FilesSource):
        return []
    found = []
    for pair in source.pairs:
        train = _count(source.train_entries, pair)
        lengths: list[int] = []
        _look(source.train_entries, pair, limit=HEAD, lengths=lengths)
        for_valid, for_test = held_out_lines(source, [d for d in from_source if d.pair == pair])
        if train is not None:
            check_enough(pair_name(pair), train, for_valid, for_test)
        valid: int | None = for_valid
        if source.has_valid:
            counted = _look(source.valid_entries, pair, limit=source.limits.valid)
            valid = None if counted is None else min(counted, source.limits.valid)
        wanted = [d for d in from_source if d.pair == pair and source.has_tests]
        files = {str(d): {n: _tests(source, d, n) for n in source.test_names(d)} for d in wanted}
        left = None if train is None else train - for_valid - for_test
        if left is not None and source.limits.train is not None:
            left = min(left, source.limits.train)
        found.append(
            Sizes(pair_name(pair), left, valid, for_valid + for_test, files, fmean(lengths) if lengths else None)
        )
    return found


def segments(data: Mapping[str, Any], direction: Direction, test_set: str, folder: Path | str = ".") -> int | None:
    """Segments of a direction's test set (``VALIDATION`` for the held-out pairs); None where it is not known yet."""
    if test_set in sacrebleu_sets.parse(data.get("sacrebleu", {}).get("sets", {})):
        try:
            return len(sacrebleu_sets.read(test_set, direction, offline=True))
        except DataError:
            return None  # not in the cache: the corpus job downloads it
    if test_set in (data.get("benchmarks") or {}):
        try:
            rows = benchmarks.read({test_set: data["benchmarks"][test_set]}, direction, Path(folder), offline=True)
        except DataError:
            return None
        return len(rows[test_set].rows[: data["benchmarks"][test_set].get("max_sentences")])
    source = open_source(data, [direction], folder)
    if isinstance(source, MicroworldSource):
        return int(source.settings["valid_sentences" if test_set == VALIDATION else "test_sentences"])
    if not isinstance(source, FilesSource):
        return None
    if test_set == VALIDATION:
        counted = _look(source.valid_entries, direction, limit=source.limits.valid) if source.has_valid else None
        return counted
    return _tests(source, direction, test_set) if test_set in source.test_entries else None


def first_pairs(
    data: Mapping[str, Any], direction: Direction, folder: Path | str = ".", *, count: int
) -> list[tuple[str, str]]:
    """The first training pairs (source, target) with two sides, of text that is on this machine; else none.

    Of the microworld they are validation pairs: of training text all would have to be made.  Raises DataError as
    `check_text` does.
    """
    source = open_source(data, [direction], folder)
    if isinstance(source, MicroworldSource):
        found = source.valid(direction.pair)
    elif isinstance(source, FilesSource):
        found = source.train(direction.pair)
    else:
        return []
    both = ((first, second) for first, second in found if first and second)
    swap = direction.pair != tuple(direction)
    return [(second, first) if swap else (first, second) for first, second in islice(both, count)]


def _of(pair: Pair, sets: Mapping[str, dict[str, int]]) -> dict[str, dict[str, int | None]]:
    return {text: dict(found) for text, found in sets.items() if Direction.parse(text).pair == pair}


def _serving(entries: Iterable[Entry], pair: Sequence[str]) -> list[tuple[Entry, Sequence[str]]]:
    """The entries that have a pair, each with the order of languages in which it has it."""
    found: list[tuple[Entry, Sequence[str]]] = []
    for entry in entries:
        order = next((o for o in (tuple(pair), tuple(reversed(pair))) if entry.files(o)), None)
        if order is not None:
            found.append((entry, order))
    return found


def _unopened(paths: Iterable[Path]) -> bool:
    return any(path.suffix == ".gz" and path.stat().st_size > WHOLE for path in paths)


def _count(entries: Iterable[Entry], pair: Sequence[str]) -> int | None:
    total = 0
    for entry, order in _serving(entries, pair):
        if _unopened(entry.files(order)):
            return None
        total += entry.count(order)
    return total


def _look(entries: Iterable[Entry], pair: Sequence[str], limit: int, lengths: list[int] | None = None) -> int | None:
    """Rows without a blank side among the first ``limit``, read as the corpus job reads them.

    ``lengths`` gets the size of each, in bytes of UTF-8.
    """
    total = 0
    for entry, order in _serving(entries, pair):
        if _unopened(entry.files(order)):
            return None
        both = (len((first + second).encode()) for _, first, second in entry.rows(order) if first and second)
        found = list(islice(both, limit - total))
        total += len(found)
        if lengths is not None:
            lengths += found
    return total


def _tests(source: FilesSource, direction: Direction, name: str) -> int | None:
    entries = source.test_entries[name]
    paths = [path for entry in entries for path in entry.files(direction)]
    if sum(path.stat().st_size for path in paths) > WHOLE:
        return None if _unopened(paths) else _count(entries, direction)
    rows = source.tests(direction)[name][: source.limits.test]
    for number, row in enumerate(rows, start=1):
        if problem := next(filter(None, map(too_long, row)), None):
            raise DataError(f"Test set {name!r}, {direction}, segment {number}: {problem}.")
    return len(rows)
