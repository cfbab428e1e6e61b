"""The layouts of the sets: which files hold a direction, and how their rows are joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

from mtsuite.data.benchmarks.base import Benchmark, Found
from mtsuite.data.benchmarks.codes import resolve
from mtsuite.data.benchmarks.places import Hub, Web
from mtsuite.data.benchmarks.records import plain, records, text_of
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError

Side = dict[Any, tuple[str, bool]]  # segment by its id: text, and whether it had line breaks


class _ByFile(Benchmark):
    """A set whose files are found by patterns; group ``code`` of a match is the set's code.

    ``patterns`` hold ``{split}``; ``remote`` is the name that a file has on the hub, with ``{code}``.
    """

    patterns: Sequence[str] = ()
    remote = ""
    on_hub: Sequence[str] = ()  # codes that the hub has

    @cached_property
    def _matches(self) -> list[tuple[re.Match[str], str]]:
        """Matches and names of the files that are here; none for a set that is elsewhere."""
        whole = [re.compile(rf"(?:.*/)?{p.replace('{split}', re.escape(self.split))}") for p in self.patterns]
        found = [(m, name) for name in self.place.names() or [] for p in whole if (m := p.fullmatch(name))]
        if self.place.names() is not None and not found:
            raise DataError(
                f"{self.key}.path: {self.place.told()} is no copy of {self.name}: expected files such as "
                f"{self.example()}; found {', '.join((self.place.names() or [])[:6]) or 'nothing'}."
            )
        return found

    def example(self) -> str:
        """The name of a file, for messages."""
        return self.remote.replace("{split}", self.split).replace("{code}", self.on_hub[0])

    @property
    def _elsewhere(self) -> bool:
        return isinstance(self.place, Hub | Web)

    def offered(self) -> list[str]:
        return list(self.on_hub) if self._elsewhere else sorted({m["code"] for m, _ in self._matches})

    def _named(self, code: str) -> list[str]:
        """The files of one of the set's codes."""
        if self._elsewhere:
            return [self.remote.replace("{split}", self.split).replace("{code}", code)]
        return [name for m, name in self._matches if m["code"] == code][:1]


class MultiWay(_ByFile):
    """The same segments in every language, a file a language: FLORES."""

    column = "text"

    def codes(self, direction: Direction) -> tuple[str, str] | None:
        source, target = (resolve(code, self.offered()) for code in direction)
        return (source, target) if source and target and source != target else None

    def files(self, direction: Direction) -> list[str]:
        codes = self.codes(direction)
        assert codes is not None
        return [*self._named(codes[0]), *self._named(codes[1])]

    def _read(self, direction: Direction) -> Found:
        codes = self.codes(direction)
        assert codes is not None
        source, target = (self._side(self._named(code)[0]) for code in codes)
        return _joined(self, direction, codes, source, [target])

    def _side(self, name: str) -> Side:
        path = self.place.open(name)
        form = next((end for end in (".parquet", ".jsonl") if name.endswith(end)), None)
        if form is None:
            return {number: (line, False) for number, line in enumerate(plain(path), start=1)}
        rows = records(path, ["id", self.column], form)
        return {row["id"]: text_of(path, number, self.column, row[self.column]) for number, row in rows}


class FloresPlus(MultiWay):
    """``devtest/deu_Latn.parquet`` with columns ``id`` and ``text`` (``.jsonl`` in older releases)."""

    patterns = (r"{split}/(?P<code>[^/]+)\.(?:parquet|jsonl)",)
    remote = "{split}/{code}.parquet"


class Flores200(MultiWay):
    """``devtest/deu_Latn.devtest``, a segment a line, as first released; or ``deu_Latn/devtest/0000.parquet``."""

    patterns = (r"{split}/(?P<code>[^/]+)\.{split}", r"(?P<code>[^/]+)/{split}/0000\.parquet")
    remote = "{code}/{split}/0000.parquet"
    column = "sentence"


class Ntrex(_ByFile):
    """``newstest2019-src.eng.txt`` with ``newstest2019-ref.deu.txt``, and ``-ref-2.spa.txt`` where there are more.

    All were translated from English.
    """

    patterns = (r"newstest2019-(?P<kind>src|ref(?:-[0-9]+)?)\.(?P<code>[A-Za-z-]+)\.txt",)
    source = "eng"

    def example(self) -> str:
        return "newstest2019-src.eng.txt and newstest2019-ref.deu.txt"

    def offered(self) -> list[str]:
        if self._elsewhere:
            return list(self.on_hub)
        return sorted({m["code"] for m, _ in self._matches if m["kind"] != "src"})

    def codes(self, direction: Direction) -> tuple[str, str] | None:
        target = resolve(direction.target, self.offered())
        return (self.source, target) if resolve(direction.source, [self.source]) and target else None

    def form(self) -> str:
        return "It serves directions out of English, from which it was translated."

    def files(self, direction: Direction) -> list[str]:
        """The source file and the references' files.  Raises DataError when a copy has no source."""
        codes = self.codes(direction)
        assert codes is not None
        if self._elsewhere:
            more = [f"NTREX-128/newstest2019-ref-2.{codes[1]}.txt"] if codes[1] == "spa" else []
            return ["NTREX-128/newstest2019-src.eng.txt", f"NTREX-128/newstest2019-ref.{codes[1]}.txt", *more]
        sources = [name for m, name in self._matches if m["kind"] == "src" and m["code"] == self.source]
        if not sources:
            raise DataError(f"{self.key}.path: {self.place.told()} has no newstest2019-src.eng.txt.")
        found = sorted((m["kind"], name) for m, name in self._matches if m["kind"] != "src" and m["code"] == codes[1])
        return [sources[0], *(name for _, name in found)]

    def _read(self, direction: Direction) -> Found:
        codes = self.codes(direction)
        assert codes is not None
        names = self.files(direction)
        sides = [plain(self.place.open(name)) for name in names]
        if len(set(map(len, sides))) > 1:
            told = ", ".join(f"{name} {len(side)}" for name, side in zip(names, sides, strict=True))
            raise DataError(f"{self.key}: the files of {direction} have different numbers of lines: {told}.")
        first, *others = ({number: (line, False) for number, line in enumerate(side, start=1)} for side in sides)
        return _joined(self, direction, codes, first, others)


class Tico(_ByFile):
    """``test/test.en-fr.tsv`` with ``sourceString``, ``targetString`` and ``stringID``; all from English.

    Directions between two other languages, and into English, are joined by ``stringID``.
    """

    patterns = (r"{split}/{split}\.en-(?P<code>[A-Za-z-]+)\.tsv",)
    remote = "{split}/{split}.en-{code}.tsv"
    english = "en"
    regions: ClassVar[dict[str, str]] = {"es-LA": "es-419"}  # Latin America, not Laos

    def offered(self) -> list[str]:
        return [self.english, *super().offered()]

    def codes(self, direction: Direction) -> tuple[str, str] | None:
        known = {self.regions.get(code, code): code for code in self.offered()}
        source, target = (resolve(code, known) for code in direction)
        if source is None or target is None or source == target:
            return None
        return known[source], known[target]

    def files(self, direction: Direction) -> list[str]:
        codes = self.codes(direction)
        assert codes is not None
        return [name for code in codes if code != self.english for name in self._named(code)]

    def _read(self, direction: Direction) -> Found:
        codes = self.codes(direction)
        assert codes is not None
        other = next(code for code in codes if code != self.english)
        sides = [
            self._side(other, "sourceString") if code == self.english else self._side(code, "targetString")
            for code in codes
        ]
        return _joined(self, direction, codes, sides[0], [sides[1]])

    def _side(self, code: str, column: str) -> Side:
        path = self.place.open(self._named(code)[0])
        rows = records(path, ["stringID", column], ".tsv")
        return {row["stringID"]: text_of(path, number, column, row[column]) for number, row in rows}


class Wmt24pp(_ByFile):
    """``en-de_DE.jsonl`` with ``source``, ``target`` (the post-edited translation) and ``is_bad_source``."""

    patterns = (r"en-(?P<code>[a-z]+_[A-Z]+)\.jsonl",)
    remote = "en-{code}.jsonl"
    source = "en"

    def codes(self, direction: Direction) -> tuple[str, str] | None:
        target = resolve(direction.target, self.offered())
        return (self.source, target) if resolve(direction.source, [self.source]) and target else None

    def form(self) -> str:
        return "It serves directions out of English, in which its sources were written."

    def files(self, direction: Direction) -> list[str]:
        codes = self.codes(direction)
        assert codes is not None
        return self._named(codes[1])

    def _read(self, direction: Direction) -> Found:
        codes = self.codes(direction)
        assert codes is not None
        path = self.place.open(self.files(direction)[0])
        dropped: Counter[str] = Counter()
        rows: list[tuple[str, ...]] = []
        breaks = 0
        for number, row in records(path, ["source", "target", "is_bad_source"], ".jsonl"):
            if row["is_bad_source"]:
                dropped["bad source"] += 1
                continue
            (source, one), (target, two) = (text_of(path, number, c, row[c]) for c in ("source", "target"))
            breaks += one or two
            if not source or not target:
                raise DataError(f"{path}, row {number}: a blank side. Test sets are not filtered.")
            rows.append((source, target))
        return Found(rows, codes, dict(dropped), breaks)


def _joined(
    benchmark: Benchmark, direction: Direction, codes: tuple[str, str], source: Side, references: Sequence[Side]
) -> Found:
    """Segments with a source and all references, by number or in the order of the sources; the others are counted."""
    rows, breaks = [], 0
    numbered = all(isinstance(key, int) for key in source)
    for key in sorted(source) if numbered else source:
        segment = source[key]
        parts = list(_parts(key, segment, references))
        if len(parts) < 1 + len(references):
            continue
        if not all(text for text, _ in parts):
            where = f"{benchmark.key}: {benchmark.name} {direction}, segment {key}"
            raise DataError(f"{where}: blank on a side. Test sets are not filtered.")
        rows.append(tuple(text for text, _ in parts))
        breaks += any(broken for _, broken in parts)
    lost = len({key for side in (source, *references) for key in side}) - len(rows)
    if not rows:
        raise DataError(f"{benchmark.key}: no segment of {direction} has an id that both sides know.")
    return Found(rows, codes, {"no counterpart on the other side": lost} if lost else {}, breaks)


def _parts(key: Any, segment: tuple[str, bool], references: Sequence[Side]) -> Iterator[tuple[str, bool]]:
    yield segment
    yield from (side[key] for side in references if key in side)
