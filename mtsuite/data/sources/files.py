"""Parallel text in local files: Moses prefixes, TSV, JSONL and Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.fingerprints import file_hash
from mtsuite.data.languages import is_usual
from mtsuite.data.sources.base import Pair, Source
from mtsuite.data.sources.formats import (
    Numbered,
    aligned_lines,
    count_rows,
    form_of,
    read_moses,
    read_table,
    table_columns,
)
from mtsuite.data.sources.paths import expand, fill, matches
from mtsuite.data.text import missing_file, read_lines
from mtsuite.errors import DataError


class Entry:
    """One line of ``train:``, ``valid:`` or ``test:``: a pattern that serves some pairs.

    ``key`` is its dotted key in the recipe, such as ``data.text.train[0]``.
    """

    def __init__(self, raw: str, folder: Path, key: str) -> None:
        self.raw, self.key = raw, key
        self.pattern = expand(raw, folder, key)
        self.form = form_of(self.pattern)
        self.by_pair = "{pair}" in self.pattern
        if self.form == "moses" and "{lang}" not in self.pattern:
            siblings = [path for path, _, _ in matches(self.pattern + ".{lang}")]
            found = f" There is {', '.join(p.name for p in siblings)}: write {raw}.{{lang}}." if siblings else ""
            raise DataError(
                f"{key}: {raw!r} is neither a table (.tsv, .jsonl, .parquet) nor a Moses prefix with {{lang}}, "
                f"such as path/train.{{lang}}.{found}"
            )
        if self.form != "moses" and "{lang}" in self.pattern:
            raise DataError(f"{key}: {raw!r}: a table has one column per language, so its path has no {{lang}}.")

    def check_exists(self) -> None:
        """Raises DataError when no file at all matches the pattern."""
        if not self.existing():
            named = Path(self.pattern)
            if "{" in self.pattern:
                fixed = Path(self.pattern[: self.pattern.index("{")] + "x").parent
                if fixed.is_dir():
                    inside = ", ".join(sorted(p.name for p in fixed.iterdir())[:8]) or "nothing"
                    raise DataError(f"{self.key}: no file matches {self.pattern}. {fixed} holds {inside}.")
                named = fixed
            raise missing_file(named, self.key)

    def existing(self) -> list[Path]:
        """All files that match the pattern, for whatever pair or language."""
        return list(dict.fromkeys(path for path, _, _ in matches(self.pattern)))

    def files(self, pair: Sequence[str]) -> list[Path]:
        """The files that hold a pair (two, or one table), or an empty list when the entry does not serve it.

        With ``{pair}``, the order of ``pair`` is tried first, then the other.
        """
        first, second = pair
        for name in (f"{first}-{second}", f"{second}-{first}") if self.by_pair else ("",):
            if self.form == "moses":
                paths = [fill(self.pattern, name, code) for code in pair]
                there = [path for path in paths if path.is_file()]
                if len(there) == 2:
                    return paths
                if self.by_pair and there:
                    lost = next(path for path in paths if path not in there)
                    raise missing_file(lost, f"{self.key}: {there[0].name} is there without its other side")
            else:
                path = fill(self.pattern, name)
                if path.is_file() and (self.by_pair or {first, second} <= set(table_columns(path))):
                    return [path]
        return []

    def rows(self, pair: Sequence[str]) -> Numbered:
        """``(line, first, second)`` of a pair that the entry serves."""
        paths = self.files(pair)
        return read_moses(paths[0], paths[1]) if len(paths) == 2 else read_table(paths[0], pair[0], pair[1])

    def count(self, pair: Sequence[str]) -> int:
        """Lines that the entry has of a pair that it serves.  Raises DataError where its two files differ."""
        paths = self.files(pair)
        return aligned_lines(paths[0], paths[1]) if len(paths) == 2 else count_rows(paths[0])

    def offered(self) -> set[str]:
        """The pairs that exist, as text, for error messages."""
        found = matches(self.pattern)
        if self.by_pair:
            return {pair_name(pair) for _, pair, _ in found if pair}
        if self.form == "moses":
            named = {code for _, _, code in found if code}
        else:
            named = {code for path, _, _ in found for code in table_columns(path)}
        codes = sorted(code for code in named if is_usual(code))  # not train.ids
        return {f"{a}-{b}" for i, a in enumerate(codes) for b in codes[i + 1 :]}


def pair_name(text: str) -> str:
    """A pair as it stands in a path, in alphabetical order; as it is where it cannot be read."""
    try:
        return "-".join(Direction.parse(text).pair)
    except DataError:
        return text


class FilesSource(Source):
    """Local files; several entries that serve one pair are read one after the other, in their order."""

    def __init__(
        self, settings: Mapping[str, Any], directions: Sequence[Direction], folder: Path, offline: bool = False
    ) -> None:
        super().__init__(settings, directions, folder, offline)
        self.train_entries = self._entries(self.settings.get("train", []), "train")
        self.valid_entries = self._entries(self.settings.get("valid", []), "valid")
        tests: Mapping[str, Sequence[str]] = self.settings.get("test", {})
        self.test_entries = {name: self._entries(paths, f"test.{name}") for name, paths in tests.items()}
        self.has_valid, self.has_tests = bool(self.valid_entries), bool(self.test_entries)
        mono: Mapping[str, Sequence[str]] = self.settings.get("mono", {})
        self.mono_paths = {
            code: [fill(expand(p, self.folder, f"data.text.mono.{code}[{i}]"), "", code) for i, p in enumerate(paths)]
            for code, paths in mono.items()
        }

    def _entries(self, paths: Sequence[str], key: str) -> list[Entry]:
        return [Entry(raw, self.folder, f"data.text.{key}[{i}]") for i, raw in enumerate(paths)]

    def _all_entries(self) -> Iterator[Entry]:
        yield from self.train_entries
        yield from self.valid_entries
        for entries in self.test_entries.values():
            yield from entries

    def _order(self, pair: Pair) -> Sequence[str]:
        """The pair as the recipe's first direction of it has it: what ``{pair}`` is tried with first."""
        return next((tuple(d) for d in self.directions if d.pair == pair), pair)

    def check(self, tested: Sequence[Direction]) -> None:
        """Raises DataError when a file, a column or a language that the directions need is missing."""
        if not self.train_entries:
            raise DataError("data.text.train is empty; name at least one file, such as path/train.{lang}.")
        languages = self.settings.get("languages") or self.languages
        for direction in self.directions:
            for code in direction:
                if code not in languages:
                    chosen = ", ".join(languages)
                    raise DataError(f"Direction {direction}: {code!r} is not in data.text.languages ({chosen}).")
        for entry in self._all_entries():
            entry.check_exists()
        for code, paths in self.mono_paths.items():
            for path in paths:
                if not path.is_file():
                    raise missing_file(path, f"data.text.mono.{code}")
        for direction in self.directions:
            self._served(direction, self.train_entries, "training text", "data.text.train")
            if self.has_valid:
                self._served(direction, self.valid_entries, "validation text", "data.text.valid")
            if self.has_tests and direction in tested:
                entries = [entry for group in self.test_entries.values() for entry in group]
                self._served(direction, entries, "test set", "data.text.test")

    def check_tests(self, tested: Sequence[Direction]) -> None:
        entries = [entry for group in self.test_entries.values() for entry in group]
        for entry in entries:
            entry.check_exists()
        for direction in tested:
            self._served(direction, entries, "test set", "data.text.test")

    def _served(self, direction: Direction, entries: Sequence[Entry], what: str, key: str) -> None:
        if not any(entry.files(direction) for entry in entries):
            there = sorted(set().union(*(entry.offered() for entry in entries)))
            near = [name for name in there if any(code in name for code in direction)]
            raise DataError(
                f"Direction {direction}: no {what} in {key} ({', '.join(entry.raw for entry in entries)}). "
                f"Pairs there: {', '.join(there) or 'none'}."
                + (f" Nearest: {', '.join(near)}." if near and near != there else "")
            )

    def fingerprint(self) -> dict[str, Any]:
        """Hashes by recipe key and role (``train[0] de-en 0``), whatever the folders are called."""
        found: dict[str, str] = {}
        for entry in self._all_entries():
            entry.check_exists()
            if not self.directions:  # not known: everything that the pattern could mean
                for number, path in enumerate(entry.existing()):
                    found[f"{entry.key} {number}"] = file_hash(path)
            is_test = entry.key.startswith("data.text.test.")
            wanted: Iterable[Sequence[str]] = self.directions if is_test else map(self._order, self.pairs)
            for pair in wanted:
                for code, path in zip(pair, entry.files(pair), strict=False):
                    found[f"{entry.key} {'-'.join(pair)} {code}"] = file_hash(path)
        for code, paths in self.mono_paths.items():
            for number, path in enumerate(paths):
                found[f"data.text.mono.{code}[{number}]"] = file_hash(path)
        return {"source": "files", "files": found}

    def _rows(self, entries: Sequence[Entry], pair: Pair) -> Iterator[tuple[str, str]]:
        order = self._order(pair)
        swap = tuple(order) != pair
        for entry in entries:
            if entry.files(order):
                for _, first, second in entry.rows(order):
                    yield (second, first) if swap else (first, second)

    def train(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._rows(self.train_entries, pair)

    def valid(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._rows(self.valid_entries, pair)

    def tests(self, direction: Direction) -> dict[str, list[tuple[str, str]]]:
        """Test sets by name.  Raises DataError at a blank segment, with file and line."""
        sets: dict[str, list[tuple[str, str]]] = {}
        for name, entries in self.test_entries.items():
            for entry in entries:
                paths = entry.files(direction)
                if not paths:
                    continue
                for line, source, target in entry.rows(direction):
                    if not source or not target:
                        side, path = (direction.target, paths[-1]) if source else (direction.source, paths[0])
                        raise DataError(
                            f"{path}, line {line}: blank {side} segment in test set {name!r}, {direction}. "
                            f"Test sets are not filtered; take the line out of both sides."
                        )
                    sets.setdefault(name, []).append((source, target))
        return sets

    def test_names(self, direction: Direction) -> list[str]:
        return [name for name, group in self.test_entries.items() if any(entry.files(direction) for entry in group)]

    def mono(self, language: str) -> Iterator[str] | None:
        paths = self.mono_paths.get(language)
        if not paths:
            return None
        return (line for path in paths for line in read_lines(path) if line)
