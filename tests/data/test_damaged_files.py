"""Files that cannot be what they should be: each is an error with file and place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from mtsuite.data.build import build_corpus
from mtsuite.data.clean import Cleaner
from mtsuite.data.direction import Direction
from mtsuite.data.preview import check_text, segments
from mtsuite.data.sources.formats import read_moses, read_table, table_columns
from mtsuite.data.text import LONGEST, count_lines, read_lines
from mtsuite.errors import DataError


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_files_of_carriage_returns_alone(tmp_path: Path, end: bytes) -> None:
    path = put(tmp_path / "a.en", b"\r".join(b"line %d" % n for n in range(40)) + end)
    for read in (count_lines, lambda p: list(read_lines(p))):
        with pytest.raises(DataError, match=r"a\.en: lines must end with a line feed; found \d+ carriage.*tr "):
            read(path)


def test_windows_line_ends_and_a_stray_return_are_text(tmp_path: Path) -> None:
    path = put(tmp_path / "a.en", b"one\r\ntwo\rhalves\r\nthree\r\n")
    assert list(read_lines(path)) == ["one", "two halves", "three"]
    assert count_lines(path) == 3


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE"), ("utf-32", "UTF-32")],
)
def test_other_encodings_are_named_with_the_way_to_convert(tmp_path: Path, encoding: str, named: str) -> None:
    path = put(tmp_path / "a.en", "Hello there\nAnother line\n".encode(encoding))
    for read in (count_lines, lambda p: list(read_lines(p))):
        with pytest.raises(DataError, match=rf"a\.en.*{named}.*iconv -f {named.lower()} -t utf-8 a\.en"):
            read(path)


def test_a_zero_character_names_its_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.en", b"one\ntwo\0\n")
    for read in (count_lines, lambda p: list(read_lines(p))):
        with pytest.raises(DataError, match=r"a\.en, line 2: a zero character"):
            read(path)


@pytest.mark.parametrize("name", ["t.tsv", "t.jsonl", "t.parquet"])
def test_two_columns_of_one_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.parquet":
        table = pyarrow.table([["a"], ["b"], ["c"]], names=["en", "de", "en"])
        pyarrow.parquet.write_table(table, path)
    else:
        put(path, "en\tde\ten\na\tb\tc\n" if name == "t.tsv" else '{"en": "a", "de": "b", "en": "c"}\n')
    with pytest.raises(DataError, match=rf"{name}, line 1: .*'en'"):
        table_columns(path)


@pytest.mark.parametrize(
    ("content", "line"),
    [('"en"\t"de"\na\tb\n', 1), ('en\tde\na\tb\n"He said ""hi"""\tEr\n', 3), ('en\tde\n"a ""b"" c"\td\n', 2)],
)
def test_quoted_tables_are_refused(tmp_path: Path, content: str, line: int) -> None:
    path = put(tmp_path / "t.tsv", content)
    with pytest.raises(DataError, match=rf"t\.tsv, line {line}: cells in quotation marks"):
        list(read_table(path, "en", "de"))


def test_quotation_marks_of_a_sentence_stay(tmp_path: Path) -> None:
    path = put(tmp_path / "t.tsv", 'en\tde\n"Hello."\t"Hallo", rief "sie"\n')
    assert list(read_table(path, "en", "de")) == [(2, '"Hello."', '"Hallo", rief "sie"')]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"en": ' + "[" * 100_000, "line 1: brackets inside brackets"),
        ('{"en": "a\\ud800", "de": "b"}', "line 1, 'en': half of a surrogate pair .U.D800. at character 2"),
        ('{"en": "a\\u0000", "de": "b"}', "line 1, 'en': a zero character at character 2"),
    ],
)
def test_lines_of_json_that_are_no_text(tmp_path: Path, line: str, message: str) -> None:
    path = put(tmp_path / "t.jsonl", line + "\n")
    with pytest.raises(DataError, match=rf"t\.jsonl, {message}"):
        list(read_table(path, "en", "de"))


def test_damaged_parquet_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    texts = [f"sentence {n} {n * 7919}" for n in range(5000)]
    pyarrow.parquet.write_table(pyarrow.table({"en": texts, "de": texts}), path, compression="snappy")
    good = path.read_bytes()
    path.write_bytes(good[:100] + bytes(255 - b for b in good[100:4000]) + good[4000:])
    with pytest.raises(DataError, match=r"t\.parquet is damaged after row 0"):
        list(read_table(path, "en", "de"))
    path.write_bytes(good[:-20])
    with pytest.raises(DataError, match=r"t\.parquet cannot be read as Parquet"):
        list(read_table(path, "en", "de"))


def recipe(**text: Any) -> dict[str, Any]:
    return {"text": {"source": "files", "train": ["train.{lang}"], **text}}


def sides(folder: Path, name: str, lines: int, other: int | None = None) -> None:
    for code, count in (("en", lines), ("de", lines if other is None else other)):
        put(folder / f"{name}.{code}", "".join(f"{code} number {n}\n" for n in range(count)))


def test_ragged_files_are_told_before_anything_runs(tmp_path: Path) -> None:
    sides(tmp_path, "train", 100, 99)
    with pytest.raises(DataError, match=r"train\.\w\w has \d+ lines and .*train\.\w\w has \d+"):
        check_text(recipe(), ["en-de"], tmp_path)


def test_fewer_lines_than_are_held_out(tmp_path: Path) -> None:
    sides(tmp_path, "train", 300)
    with pytest.raises(DataError, match=r"de-en: training has 300 lines, and 500 for validation"):
        check_text(recipe(), ["en-de"], tmp_path)


def test_pairs_by_split(tmp_path: Path) -> None:
    sides(tmp_path, "train", 300)
    sides(tmp_path, "test", 60)
    data = recipe(valid_sentences=20, test={"mine": ["test.{lang}"]})
    (found,) = check_text(data, ["en-de"], tmp_path)
    assert (found.pair, found.train, found.valid, found.held_out) == ("de-en", 280, 20, 20)
    assert found.tests == {"en-de": {"mine": 60}}
    assert segments(data, Direction("en", "de"), "mine", tmp_path) == 60
    both = check_text(recipe(valid_sentences=20), ["en-de", "de-en"], tmp_path)
    assert [(one.train, one.held_out) for one in both] == [(260, 40)]


def test_packed_files_are_counted(tmp_path: Path) -> None:
    for code in ("en", "de"):
        (tmp_path / f"train.{code}.gz").write_bytes(gzip.compress(b"line\n" * 30))
    (found,) = check_text(recipe(valid_sentences=10), ["en-de"], tmp_path)
    assert (found.train, found.held_out) == (10, 20)


def test_over_long_segments(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    cleaner = Cleaner({"enabled": False}, ("de", "en"))
    assert list(cleaner.filter([(long, long), ("a", "b")])) == [("a", "b")]
    assert cleaner.report.dropped == {"too_long": 1}
    sides(tmp_path, "train", 50)
    put(tmp_path / "test.en", f"short\n{long}\n")
    put(tmp_path / "test.de", f"kurz\n{long}\n")
    data = recipe(valid_sentences=5, test={"mine": ["test.{lang}"]})
    message = rf"'mine', en-de, segment 2: a segment of 1,000,000 characters; at most {LONGEST:,}"
    with pytest.raises(DataError, match=message):
        check_text(data, ["en-de"], tmp_path)
    with pytest.raises(DataError, match=message):
        build_corpus(data, ["en-de"], tmp_path, tmp_path / "corpus")


def test_moses_sides_of_one_length(tmp_path: Path) -> None:
    sides(tmp_path, "train", 3)
    assert len(list(read_moses(tmp_path / "train.en", tmp_path / "train.de"))) == 3
    assert json.dumps(segments(recipe(), Direction("en", "de"), "held-out", tmp_path)) == "null"
