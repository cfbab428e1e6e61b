"""The canonical corpus: one folder that every later job reads, wherever the text came from.

::

    corpus.json                              what is there: counts, fingerprints, cleaning and overlap reports
    train/<a>-<b>.<lang>                     aligned lines; the pair in alphabetical order (de-en serves en-de too)
    valid/<a>-<b>.<lang>
    test/<set>/<source>-<target>.<lang>      by direction, since a test set may differ by direction (WMT since 2019)
    test/<set>/<source>-<target>.<lang>.2    further references of the same segments, where there are
    mono/<lang>.txt                          monolingual training text
    mono_valid/<lang>.txt                    held-out monolingual text: the sides of the validation pairs

UTF-8, LF, one segment a line; line breaks inside a segment are replaced by blanks on the way in.
``corpus.json`` is written last: a folder without it is not finished.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mtsuite.data.direction import Direction
from mtsuite.data.text import one_line, too_long, write_lines
from mtsuite.errors import DataError, StoreError
from mtsuite.names import safe_name

SCHEMA = 1
Pair = tuple[str, str]
Segments = Sequence[tuple[str, str]]
Tests = Sequence[tuple[str, ...]]  # source, reference, further references
Split = Literal["train", "valid"]
VALIDATION = "validation"  # stands for the validation pairs where a test set is named


class Corpus:
    """A reader of a finished corpus folder.  Files are read on first use and kept.

    Attributes: ``languages`` (in the order of the recipe), ``directions`` it was made for,
    ``test_sets`` (names as in the recipe), ``fingerprint`` (SHA-256 over all files), ``notes`` (what a
    table should mention, such as a shortened test set), ``info`` (the whole of ``corpus.json``).
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder = folder
        self.info = info
        self.languages: tuple[str, ...] = tuple(info["languages"])
        self.directions: tuple[Direction, ...] = tuple(Direction.parse(text) for text in info["directions"])
        self.test_sets: tuple[str, ...] = tuple(info["test_sets"])
        self.fingerprint: str = info["fingerprint"]
        self.notes: tuple[str, ...] = tuple(info["notes"])
        self._lines: dict[str, list[str]] = {}

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        """Open a corpus folder.  Raises StoreError when it is missing, unfinished or of another schema."""
        folder = Path(folder)
        path = folder / "corpus.json"
        if not path.is_file():
            raise StoreError(f"{folder} is not a finished corpus: it has no corpus.json. Run its corpus job again.")
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
            schema, files = info["schema"], info["files"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} cannot be read as a corpus description: {error!r}.") from None
        if schema != SCHEMA:
            raise StoreError(f"{path} has schema {schema}; this mtsuite reads {SCHEMA}. Make the corpus again.")
        for name, entry in files.items():
            found = (folder / name).stat().st_size if (folder / name).is_file() else None
            if found != entry["bytes"]:
                state = "is missing" if found is None else f"has {found} bytes"
                expected = f"corpus.json says {entry['bytes']} bytes"
                raise StoreError(f"{folder / name} {state}; {expected}. Make the corpus again.")
        return cls(folder, info)

    def verify(self) -> None:
        """Compare every file with its fingerprint.  Raises StoreError naming the first that differs."""
        for name, entry in self.info["files"].items():
            if hashlib.sha256((self.folder / name).read_bytes()).hexdigest() != entry["sha256"]:
                raise StoreError(f"{self.folder / name} was changed after the corpus was made.")

    def fingerprint_of(self, direction: Direction) -> str:
        """SHA-256 over what a model may learn a direction from: its training pairs, monolingual text of both sides."""
        pair = pair_name(direction.pair)
        names = [f"train/{pair}.{code}" for code in direction] + [f"mono/{code}.txt" for code in direction]
        parts = [f"{name}={self.info['files'].get(name, {}).get('sha256')}" for name in names]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def pairs(self, split: Split, direction: Direction) -> list[tuple[str, str]]:
        """``(source, target)`` segments of a split, in file order.

        Raises DataError naming the direction and the pairs that exist when the corpus cannot serve it.
        """
        if split not in ("train", "valid"):
            raise ValueError(f"split is 'train' or 'valid'; found {split!r} (test sets: Corpus.test)")
        name = pair_name(direction.pair)
        if f"{split}/{name}.{direction.source}" not in self.info["files"]:
            there = ", ".join(p for p, counts in self.info["pairs"].items() if split in counts) or "none"
            raise DataError(f"The corpus {self.folder} has no {split} text for {direction}; its pairs: {there}.")
        source, target = (self._read(f"{split}/{name}.{code}") for code in direction)
        return list(zip(source, target, strict=True))

    def test(self, direction: Direction, test_set: str | None = None) -> list[tuple[str, str]]:
        """``(source, reference)`` segments of a test set, in its order; without a name, the direction's first set.

        ``VALIDATION`` names the held-out pairs.  Raises DataError when the direction has no such test set.
        """
        if test_set == VALIDATION:
            return self.pairs("valid", direction)
        names = self.test_sets_for(direction)
        if not names:
            served = ", ".join(sorted({d for entry in self.info["test_sets"].values() for d in entry["directions"]}))
            raise DataError(f"The corpus {self.folder} has no test set for {direction}; tested: {served or 'none'}.")
        chosen = names[0] if test_set is None else test_set
        if chosen not in names:
            raise DataError(f"No test set {chosen!r} for {direction}; there is {', '.join(names)}.")
        folder = self.info["test_sets"][chosen]["folder"]
        source, target = (self._read(f"{folder}/{direction}.{code}") for code in direction)
        return list(zip(source, target, strict=True))

    def references(self, direction: Direction, test_set: str) -> list[list[str]]:
        """All references of a test set: lists as long as the set, the first being that of `test`."""
        found = [[reference for _, reference in self.test(direction, test_set)]]
        folder = self.info["test_sets"].get(test_set, {}).get("folder")
        while (name := f"{folder}/{direction}.{direction.target}.{len(found) + 1}") in self.info["files"]:
            found.append(self._read(name))
        return found

    def test_sets_for(self, direction: Direction) -> list[str]:
        """Names of the test sets that serve a direction, in the order of the recipe."""
        return [n for n, entry in self.info["test_sets"].items() if str(direction) in entry["directions"]]

    def monolingual(self, language: str, split: Split = "train") -> list[str]:
        """Monolingual segments; ``valid`` gives held-out ones.  Raises DataError for a language without any."""
        name = f"{'mono' if split == 'train' else 'mono_valid'}/{language}.txt"
        if name not in self.info["files"]:
            there = ", ".join(self.languages)
            raise DataError(f"The corpus {self.folder} has no monolingual text in {language!r}; languages: {there}.")
        return list(self._read(name))

    @property
    def valid_is_multi_parallel(self) -> bool:
        """Whether line N of the held-out monolingual text is the same segment in every language."""
        return bool(self.info["valid_multi_parallel"])

    def multi_parallel_valid(self) -> dict[str, list[str]] | None:
        """Held-out segments by language.

        When ``valid_is_multi_parallel``, all lists have one length and line N is the same segment in
        every language.  Otherwise each list holds the distinct validation sides of that language over
        all its pairs, and lines of different languages have nothing to do with one another.  None when
        the corpus has no validation text.
        """
        if not any(name.startswith("mono_valid/") for name in self.info["files"]):
            return None
        return {code: self.monolingual(code, "valid") for code in self.languages}

    def _read(self, name: str) -> list[str]:
        if name not in self._lines:
            text = (self.folder / name).read_text(encoding="utf-8")
            # not splitlines(), which knows more line breaks than LF
            self._lines[name] = text.split("\n")[:-1]
        return self._lines[name]


def pair_name(pair: Pair) -> str:
    return "-".join(sorted(pair))


def write_corpus(
    folder: Path,
    *,
    directions: Sequence[Direction],
    train: Mapping[Pair, Segments],
    valid: Mapping[Pair, Segments],
    tests: Mapping[str, Mapping[Direction, Tests]],
    mono: Mapping[str, Iterable[str]] | None = None,
    mono_limit: int | None = None,
    cleaning: Mapping[str, Any] | None = None,
    overlap: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    benchmarks: Mapping[str, Any] | None = None,
) -> Corpus:
    """Write a corpus folder and open it.

    ``train`` and ``valid`` map a pair of languages in alphabetical order to ``(first, second)``
    segments; ``tests`` maps a set's name to directions to ``(source, reference)`` with further references behind
    them; ``benchmarks`` is kept as it is.  A language that is
    not in ``mono`` gets the distinct training sides of its pairs, at most ``mono_limit``.
    Raises DataError for a test segment that is blank.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corpus.json").unlink(missing_ok=True)
    languages = list(dict.fromkeys(code for d in directions for code in d))
    files: dict[str, dict[str, int | str]] = {}

    def put(name: str, lines: Iterable[str]) -> int:
        files[name] = write_lines(folder / name, lines)
        return int(files[name]["lines"])

    pairs: dict[str, dict[str, int]] = {}
    for split, texts in (("train", train), ("valid", valid)):
        for pair, segments in texts.items():
            if tuple(sorted(pair)) != pair:
                raise ValueError(f"pairs are in alphabetical order; found {pair}")
            for side, code in enumerate(pair):
                count = put(f"{split}/{pair_name(pair)}.{code}", (segment[side] for segment in segments))
            pairs.setdefault(pair_name(pair), {})[split] = count

    test_sets: dict[str, Any] = {}
    for name, by_direction in tests.items():
        place = f"test/{safe_name(name)}"
        test_sets[name] = {"folder": place, "directions": {}}
        for direction, sides in by_direction.items():
            for number, segment in enumerate(sides, start=1):
                where = f"Test set {name!r}, {direction}, segment {number}"
                if not all(map(one_line, segment)):
                    raise DataError(f"{where} is blank on a side: {segment!r}.")
                if problem := next(filter(None, map(too_long, segment)), None):
                    raise DataError(f"{where}: {problem}.")
            for side in range(len(sides[0]) if sides else 2):
                file = f"{place}/{direction}.{direction[min(side, 1)]}" + (f".{side}" if side > 1 else "")
                count = put(file, (segment[side] for segment in sides))
            test_sets[name]["directions"][str(direction)] = count

    held_out, aligned = _held_out(valid, languages)
    given = mono or {}
    monolingual: dict[str, dict[str, int]] = {}
    for code in languages:
        lines = given[code] if code in given else _sides(train, code)[:mono_limit]
        monolingual[code] = {"train": put(f"mono/{code}.txt", lines)}
        if code in held_out:
            monolingual[code]["valid"] = put(f"mono_valid/{code}.txt", held_out[code])

    seal = hashlib.sha256()
    for name in sorted(files):
        seal.update(f"{name} {files[name]['sha256']}\n".encode())
    info = {
        "schema": SCHEMA,
        "fingerprint": seal.hexdigest(),
        "languages": languages,
        "directions": [str(d) for d in directions],
        "pairs": pairs,
        "test_sets": test_sets,
        "monolingual": monolingual,
        "valid_multi_parallel": aligned,
        "cleaning": dict(cleaning or {}),
        "overlap": dict(overlap or {}),
        "notes": list(notes),
        "files": dict(sorted(files.items())),
    }
    if benchmarks:
        info["benchmarks"] = dict(benchmarks)
    unfinished = folder / "corpus.json.part"
    unfinished.write_text(json.dumps(info, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    os.replace(unfinished, folder / "corpus.json")
    return Corpus.open(folder)


def _sides(texts: Mapping[Pair, Segments], code: str) -> list[str]:
    """The distinct segments of a language over all its pairs, in order of first appearance."""
    of_language = [(pair.index(code), segments) for pair, segments in texts.items() if code in pair]
    return list(dict.fromkeys(segment[side] for side, segments in of_language for segment in segments))


def _held_out(valid: Mapping[Pair, Segments], languages: Sequence[str]) -> tuple[dict[str, list[str]], bool]:
    """Held-out text by language, and whether its lines are aligned over all languages.

    They are when every pair gives a language the very same lines and the pairs connect all languages.
    """
    sides: dict[str, list[str]] = {}
    aligned = bool(valid)
    reached: set[str] = set()
    waiting = [pair for pair, segments in valid.items() if segments]
    for pair in waiting:
        for side, code in enumerate(pair):
            lines = [one_line(segment[side]) for segment in valid[pair]]
            aligned = aligned and sides.setdefault(code, lines) == lines
    if waiting:
        reached = set(waiting[0])
        while more := {code for pair in waiting if reached & set(pair) for code in pair} - reached:
            reached |= more
    aligned = aligned and reached >= set(languages)
    if aligned:
        return {code: sides[code] for code in languages}, True
    return {code: lines for code in languages if (lines := _sides(valid, code))}, False
