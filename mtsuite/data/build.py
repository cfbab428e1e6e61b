"""From a source to a corpus folder: hold out, clean, limit, write.

Order matters and is the same for every source: test and validation text is fixed first, then training
text is filtered against it, then limited (``max_train_sentences`` counts pairs that were kept).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mtsuite.data import benchmarks
from mtsuite.data.clean import DEFAULTS, Cleaner
from mtsuite.data.corpus import Corpus, pair_name, write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.overlap import HeldOut
from mtsuite.data.sources import open_source, parse_directions, sacrebleu_sets, tested
from mtsuite.data.sources.base import HELD_OUT_TEST, Pair, Source
from mtsuite.data.text import LONGEST, too_long
from mtsuite.errors import DataError

Segments = list[tuple[str, str]]
Tests = list[tuple[str, ...]]  # source, reference, further references


def build_corpus(
    data: Mapping[str, Any],
    directions: Sequence[Direction | str],
    folder: Path | str,
    output: Path,
    *,
    offline: bool = False,
    progress: Callable[..., None] = lambda **values: None,
) -> Corpus:
    """Read the recipe's ``data`` for its directions and write the corpus folder ``output``.

    ``folder`` is the recipe's, which relative paths start from.  Raises DataError for whatever is wrong
    with the text.
    """
    parsed = parse_directions(directions)
    source = open_source(data, parsed, folder, offline)
    from_source = tested(data, parsed, folder)
    source.check(from_source)
    notes: list[str] = []
    total = 2 * len(source.pairs) + len(parsed)
    steps = iter(range(1, total + 1))

    carved: dict[Pair, _Carved] = {}
    valid: dict[Pair, Segments] = {}
    for pair in source.pairs:
        name = pair_name(pair)
        progress(step=next(steps), total=total, text=f"validation text {name}")
        carved[pair] = _carve(source, pair, [d for d in from_source if d.pair == pair], notes)
        given = source.valid(pair) if source.has_valid else carved[pair].valid
        valid[pair] = list(islice(_non_blank(given), source.limits.valid))
        for number, row in enumerate(valid[pair], start=1):
            if problem := next(filter(None, map(too_long, row)), None):
                raise DataError(f"Validation text {name}, segment {number}: {problem}.")
        if not valid[pair]:
            raise DataError(f"No validation text for {name}: all its lines are blank.")

    tests: dict[str, dict[Direction, Tests]] = {}
    records: dict[str, dict[str, Any]] = {}
    for direction in parsed:
        progress(step=next(steps), total=total, text=f"test sets {direction}")
        held = carved[direction.pair].test
        for name, kept in test_sets(data, source, direction, held, offline, folder, notes, records).items():
            tests.setdefault(name, {})[direction] = kept

    held_out = _hold_out(tests, valid)
    train: dict[Pair, Segments] = {}
    cleaning: dict[str, Any] = {}
    overlap: dict[str, Any] = {}
    settings = {**DEFAULTS, **data.get("cleaning", {})}
    dropping = bool(settings["enabled"] and settings["drop_test_overlap"])
    for pair in source.pairs:
        name = pair_name(pair)
        progress(step=next(steps), total=total, text=f"training text {name}")
        cleaner = Cleaner(settings, pair, held_out)
        left = carved[pair].train
        train[pair] = list(cleaner.filter(source.train(pair) if left is None else left, source.limits.train))
        cleaning[name] = cleaner.report.as_dict()
        overlap[name] = {**cleaner.report.overlap, "dropped": dropping}
        if in_test := sum(
            any(held_out.where(c, s) == "test" for c, s in zip(pair, row, strict=True)) for row in valid[pair]
        ):
            overlap[name]["valid_in_test"] = in_test
        if not train[pair]:
            counts = ", ".join(f"{reason} {n}" for reason, n in cleaning[name]["dropped"].items()) or "nothing read"
            raise DataError(f"No training pair is left for {name} ({counts}). See data.cleaning.")
        if not dropping and cleaner.report.overlap:
            counts = ", ".join(f"{n} in {split}" for split, n in sorted(cleaner.report.overlap.items()))
            notes.append(f"training text {name} overlaps held-out text: {counts} sets, kept as asked")

    languages = source.languages
    mono: dict[str, list[str]] = {}
    for code in languages:
        lines = source.mono(code)
        if lines is None:
            continue
        dropped: list[str] = []
        long: list[str] = []
        lines_kept = _apart(lines, code, held_out if dropping else None, dropped, long)
        mono[code] = list(islice(lines_kept, source.limits.mono))
        if long:
            notes.append(f"monolingual text {code}: {len(long)} lines above {LONGEST:,} characters are left out")
        overlap[f"mono {code}"] = {"lines": len(dropped), "dropped": dropping}
        if not mono[code]:
            raise DataError(f"No monolingual line is left in {code!r}: all are blank or occur in held-out sets.")

    return write_corpus(
        output,
        directions=parsed,
        train=train,
        valid=valid,
        tests=tests,
        mono=mono,
        mono_limit=source.limits.mono,
        cleaning=cleaning,
        overlap=overlap,
        notes=notes,
        benchmarks=records,
    )


class _Carved:
    """What was taken from the end of training; ``train`` is None when nothing was."""

    def __init__(self, train: Segments | None, valid: Segments, test: Segments | None) -> None:
        self.train, self.valid, self.test = train, valid, test


def _carve(source: Source, pair: Pair, wanted: Sequence[Direction], notes: list[str]) -> _Carved:
    """Take validation lines from the end of training, and test lines before those, where the source has none.

    The same number of lines goes for every pair, so that multi-parallel text stays multi-parallel.
    """
    no_valid, no_test = not source.has_valid, not source.has_tests and bool(wanted)
    if not no_valid and not no_test:
        return _Carved(None, [], None)
    for_valid, for_test = held_out_lines(source, wanted)
    rows = list(source.train(pair))
    name = pair_name(pair)
    check_enough(name, len(rows), for_valid, for_test)
    end_test = len(rows) - for_valid
    end_train = end_test - for_test
    if no_test:
        place = "lines from the end of training, before those of validation"
        notes.append(f"test set {HELD_OUT_TEST} {name}: {for_test} {place}")
    return _Carved(
        rows[:end_train],
        rows[end_test:],
        list(_non_blank(rows[end_train:end_test])) if no_test else None,
    )


def held_out_lines(source: Source, wanted: Sequence[Direction]) -> tuple[int, int]:
    """Lines that a pair's validation text and test set take from the end of its training text.

    ``wanted`` are the directions of the pair whose test set is to come from the source.
    """
    limits = source.limits
    for_test = (limits.test or limits.valid) if not source.has_tests and wanted else 0
    return (0 if source.has_valid else limits.valid), for_test


def check_enough(name: str, lines: int, for_valid: int, for_test: int) -> None:
    """Raises DataError where nothing would be left to train on."""
    if lines <= for_valid + for_test:
        raise DataError(
            f"{name}: training has {lines} lines, and {for_valid} for validation and {for_test} for the test set "
            f"are to be taken from its end. Give data.text.valid and data.text.test, or lower valid_sentences and "
            f"max_test_sentences."
        )


def test_sets(
    data: Mapping[str, Any],
    source: Source,
    direction: Direction,
    held: Segments | None,
    offline: bool,
    folder: Path | str,
    notes: list[str],
    records: dict[str, dict[str, Any]],
) -> dict[str, Tests]:
    """A direction's test sets by name: benchmarks and sacrebleu's, else lines ``held`` out, else the source's own.

    ``notes`` gets what a table should say of them, ``records`` what the corpus description keeps of benchmarks.
    Raises DataError when there is no segment.
    """
    sets = sacrebleu_sets.parse(data.get("sacrebleu", {}).get("sets", {}))
    found: dict[str, Tests] = {}
    limits: dict[str, int | None] = {}
    for name, read in benchmarks.read(data.get("benchmarks") or {}, direction, Path(folder), offline).items():
        found[name], limits[name] = read.rows, data["benchmarks"][name].get("max_sentences")
        notes.extend(read.told(name, direction))
        records.setdefault(name, {})[str(direction)] = read.record()
    for name, served in sets.items():
        if direction in served:
            found[name] = list(sacrebleu_sets.read(name, direction, offline))
    if not found and held is not None:
        swap = direction.pair != tuple(direction)
        found[HELD_OUT_TEST] = [(b, a) if swap else (a, b) for a, b in held]
    elif not found:
        found |= {name: list(rows) for name, rows in (source.tests(direction) or {}).items()}
    if not any(found.values()):
        raise DataError(f"No test segment for {direction}.")
    kept = {name: rows[: limits.get(name, source.limits.test)] for name, rows in found.items()}
    for name, rows in kept.items():
        if len(rows) < len(found[name]):
            notes.append(f"test set {name} {direction}: first {len(rows)} of {len(found[name])} segments")
    return kept


def _non_blank(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((a, b) for a, b in rows if a.strip() and b.strip())


def _hold_out(tests: Mapping[str, Mapping[Direction, Tests]], valid: Mapping[Pair, Segments]) -> HeldOut:
    held_out = HeldOut()
    for by_direction in tests.values():
        for direction, texts in by_direction.items():
            for side, code in enumerate(direction):
                whole = slice(1, None) if side else slice(1)  # all references
                held_out.add("test", code, (text for segment in texts for text in segment[whole]))
    for pair, segments in valid.items():
        for side, code in enumerate(pair):
            held_out.add("valid", code, (segment[side] for segment in segments))
    return held_out


def _apart(
    lines: Iterable[str], code: str, held_out: HeldOut | None, dropped: list[str], long: list[str]
) -> Iterator[str]:
    """Lines that are neither blank nor held out nor over-long; the last two are put into ``dropped`` and ``long``."""
    for line in lines:
        if not line.strip():
            continue
        if len(line) > LONGEST:
            long.append(line)
            continue
        if held_out is not None and held_out.where(code, line) is not None:
            dropped.append(line)
            continue
        yield line
