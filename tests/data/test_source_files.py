"""Local files: every form, every path notation, and what is said about bad input."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.sources import check_source, open_source, source_fingerprint
from mtsuite.errors import DataError

from .data_helpers import data, moses, put

EN = ["one", "two"]
DE = ["eins", "zwei"]
FR = ["un", "deux"]


def files(**text: Any) -> dict[str, Any]:
    return data({"source": "files", **text})


def train(folder: Path, paths: list[str], pair: tuple[str, str] = ("de", "en"), **text: Any) -> list[tuple[str, str]]:
    source = open_source(files(train=paths, **text), ["-".join(pair)], folder)
    source.check([])
    return list(source.train(pair))


def write_tsv(folder: Path) -> str:
    put(folder / "x.tsv", "en\tfr\tde", 'one\tun\t"eins', "two\t\tzwei")
    return "x.tsv"


def write_jsonl(folder: Path) -> str:
    rows = [{"en": "one", "de": '"eins'}, {"translation": {"en": "two", "de": "zwei"}}]
    put(folder / "x.jsonl", *map(json.dumps, rows))
    return "x.jsonl"


def write_packed_tsv(folder: Path) -> str:
    write_tsv(folder)
    (folder / "y.tsv.gz").write_bytes(gzip.compress((folder / "x.tsv").read_bytes()))
    return "y.tsv.gz"


def write_moses(folder: Path) -> str:
    moses(folder, "x", en=EN, de=['"eins', "zwei"])
    return "x.{lang}"


def write_packed_moses(folder: Path) -> str:
    (folder / "x.en.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    (folder / "x.de").write_bytes('\ufeff"eins\r\nzwei'.encode())  # byte-order mark, CRLF, no last line end
    return "x.{lang}"


def write_parquet(folder: Path) -> str:
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"en": EN, "de": ['"eins', "zwei"]}), folder / "x.parquet")
    return "x.parquet"


def write_nested_parquet(folder: Path) -> str:
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    from pyarrow import parquet

    rows = [{"en": "one", "de": '"eins'}, {"en": "two", "de": "zwei"}]
    parquet.write_table(pyarrow.table({"id": [1, 2], "translation": rows}), folder / "n.parquet")
    return "n.parquet"


@pytest.mark.parametrize(
    "write",
    [write_tsv, write_packed_tsv, write_jsonl, write_moses, write_packed_moses, write_parquet, write_nested_parquet],
)
def test_every_form_gives_the_same_pairs(tmp_path: Path, write: Any) -> None:
    name = write(tmp_path)
    assert train(tmp_path, [name]) == [('"eins', "one"), ("zwei", "two")]
    assert train(tmp_path, [name, name]) == [('"eins', "one"), ("zwei", "two")] * 2  # one after the other


def test_pair_in_a_path_is_the_order_that_exists(tmp_path: Path) -> None:
    moses(tmp_path / "de-en", "train", en=EN, de=DE)
    moses(tmp_path / "en-fr", "train", en=EN, fr=FR)
    source = open_source(files(train=["{pair}/train.{lang}"]), ["en-de", "fr-en"], tmp_path)
    source.check([])
    assert list(source.train(("de", "en"))) == list(zip(DE, EN, strict=True))
    assert list(source.train(("en", "fr"))) == list(zip(EN, FR, strict=True))


def test_the_language_may_stand_in_a_path_twice(tmp_path: Path) -> None:
    put(tmp_path / "en" / "x.en", *EN)
    put(tmp_path / "de" / "x.de", *DE)
    assert train(tmp_path, ["{lang}/x.{lang}"]) == list(zip(DE, EN, strict=True))
    with pytest.raises(DataError, match=r"Direction en-fr.*Pairs there: de-en\."):
        train(tmp_path, ["{lang}/x.{lang}"], ("en", "fr"))


def test_test_sets_may_differ_by_direction(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=EN, de=DE)
    moses(tmp_path / "en-de", "t", en=["a"], de=["b"])
    moses(tmp_path / "de-en", "t", en=["c"], de=["d"])
    source = open_source(
        files(train=["train.{lang}"], test={"news": ["{pair}/t.{lang}"]}), ["en-de", "de-en"], tmp_path
    )
    assert [source.tests(d) for d in source.directions] == [{"news": [("a", "b")]}, {"news": [("d", "c")]}]


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moses(tmp_path / "corpora", "train", en=EN, de=DE)
    monkeypatch.delenv("MY_TEXT", raising=False)
    for notation in ("$MY_TEXT/train.{lang}", "${MY_TEXT}/train.{lang}"):
        with pytest.raises(DataError) as caught:
            check_source(files(train=[notation]), ["en-de"], tmp_path)
        message = str(caught.value)
        assert "data.text.train[0]" in message
        assert "MY_TEXT, which is not set" in message
        assert "the folder that holds train.{lang}" in message
        assert "export MY_TEXT=" in message
        assert "--set 'data.text.train=" in message
        with monkeypatch.context() as patch:
            patch.setenv("MY_TEXT", str(tmp_path / "corpora"))
            assert train(tmp_path, [notation])[0] == ("eins", "one")


def test_a_variable_that_points_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpora").mkdir()
    monkeypatch.setenv("MY_TEXT", str(tmp_path / "corpra"))
    with pytest.raises(DataError, match=r"no such file: .*corpra.* holds corpora/"):
        check_source(files(train=["$MY_TEXT/train.{lang}"]), ["en-de"], tmp_path)


def test_misaligned_files_give_both_counts_and_a_likely_place(tmp_path: Path) -> None:
    moses(tmp_path, "x", en=["one", "", "three"], de=["eins", "zwei", "drei", "vier"])
    with pytest.raises(
        DataError, match=r"Not aligned: .*x\.de has 4 lines and .*x\.en has 3.*Line 2 is empty in x\.en only"
    ):
        train(tmp_path, ["x.{lang}"])


def test_an_empty_file(tmp_path: Path) -> None:
    moses(tmp_path, "x", en=[], de=DE)
    with pytest.raises(DataError, match=r"x\.en is empty"):
        train(tmp_path, ["x.{lang}"])
    put(tmp_path / "x.tsv", "en\tde")
    with pytest.raises(DataError, match=r"x\.tsv is empty: it has columns \(en, de\) and no rows"):
        train(tmp_path, ["x.tsv"])
    put(tmp_path / "x.jsonl")
    with pytest.raises(DataError, match=r"x\.jsonl is empty"):
        train(tmp_path, ["x.jsonl"])


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    moses(tmp_path, "x", en=EN, de=DE)
    (tmp_path / "x.de").write_bytes("eins\nfünf\n".encode("latin1"))
    with pytest.raises(DataError, match=r"x\.de, line 2: not UTF-8 at byte offset 6 \(0xfc\)"):
        train(tmp_path, ["x.{lang}"])


def test_a_damaged_archive(tmp_path: Path) -> None:
    write_packed_tsv(tmp_path)
    packed = tmp_path / "y.tsv.gz"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"y\.tsv\.gz: not a complete gzip file"):
        train(tmp_path, ["y.tsv.gz"])


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    write_tsv(tmp_path)
    with pytest.raises(DataError, match=r"data\.text\.train\[0\]: no such file: .*xx\.tsv.* holds x\.tsv"):
        train(tmp_path, ["xx.tsv"])
    moses(tmp_path, "train", en=EN, de=DE)
    with pytest.raises(DataError, match=r"no file matches .*trian\.\{lang\}.* holds train\.de, train\.en"):
        train(tmp_path, ["trian.{lang}"])
    moses(tmp_path / "en-de", "train", en=EN)
    with pytest.raises(DataError, match=r"train\.en is there without its other side: no such file: .*en-de/train\.de"):
        train(tmp_path, ["{pair}/train.{lang}"])


def test_paths_that_make_no_sense(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=EN, de=DE)
    with pytest.raises(DataError, match=r"nor a Moses prefix.*There is train\.de, train\.en: write train\.\{lang\}"):
        train(tmp_path, ["train"])
    with pytest.raises(DataError, match=r"has \{language\}; a path may have \{pair\} and \{lang\}"):
        train(tmp_path, ["train.{language}"])
    with pytest.raises(DataError, match=r"a table has one column per language"):
        train(tmp_path, ["train.{lang}.tsv"])
    with pytest.raises(DataError, match=r"data\.text\.train is empty"):
        train(tmp_path, [])


def test_missing_columns(tmp_path: Path) -> None:
    put(tmp_path / "en-de.tsv", "en\tge", "one\teins")
    with pytest.raises(DataError, match=r"en-de\.tsv, line 1: no column 'de'; found 'en', 'ge'"):
        train(tmp_path, ["{pair}.tsv"])
    put(tmp_path / "x.jsonl", '{"en": "one", "de": "eins"}', '{"en": "two", "fr": "deux"}')
    with pytest.raises(DataError, match=r"x\.jsonl, line 2: no column 'de'; found 'en', 'fr'"):
        train(tmp_path, ["x.jsonl"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"en": "one"', "line 2: not JSON"),
        ("[1]", "line 2: expected an object"),
        ('{"en": "one", "de": null}', "line 2: 'de' is not a text but None"),
    ],
)
def test_bad_records(tmp_path: Path, line: str, message: str) -> None:
    put(tmp_path / "x.jsonl", '{"en": "one", "de": "eins"}', line)
    with pytest.raises(DataError, match=message):
        train(tmp_path, ["x.jsonl"])


def test_a_row_with_too_many_cells(tmp_path: Path) -> None:
    put(tmp_path / "x.tsv", "en\tde", "one\teins", "two\tzwei\tdrei")
    with pytest.raises(DataError, match=r"x\.tsv, line 3: 3 cells, and the header has 2 \(en, de\)"):
        train(tmp_path, ["x.tsv"])


def test_parquet_faults(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"en": EN, "de": ["eins", None]}), tmp_path / "en-de.parquet")
    with pytest.raises(DataError, match=r"row 2: 'de' is not a text but None"):
        train(tmp_path, ["{pair}.parquet"])
    parquet.write_table(pyarrow.table({"en": EN, "text": DE}), tmp_path / "en-de.parquet")
    with pytest.raises(DataError, match=r"no column 'de'; found 'en', 'text'"):
        train(tmp_path, ["{pair}.parquet"])
    (tmp_path / "en-de.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"cannot be read as Parquet"):
        train(tmp_path, ["{pair}.parquet"])


def test_a_direction_that_the_files_cannot_serve(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=EN, de=DE, ids=EN)
    moses(tmp_path / "en-fr", "train", en=EN, fr=FR)
    both = files(train=["train.{lang}", "{pair}/train.{lang}"])
    check_source(both, ["en-de", "fr-en"], tmp_path)
    with pytest.raises(DataError, match=r"Direction de-fr: no training text.*Pairs there: de-en, en-fr\."):
        check_source(both, ["de-fr"], tmp_path)
    with pytest.raises(DataError, match=r"Direction en-fr: no validation text in data\.text\.valid"):
        check_source(files(train=both["text"]["train"], valid=["train.{lang}"]), ["en-de", "en-fr"], tmp_path)
    with pytest.raises(DataError, match=r"Direction en-fr: no test set in data\.text\.test"):
        check_source(files(train=both["text"]["train"], test={"x": ["train.{lang}"]}), ["en-fr"], tmp_path)
    with pytest.raises(DataError, match=r"'fr' is not in data\.text\.languages \(en, de\)"):
        check_source(files(train=both["text"]["train"], languages=["en", "de"]), ["en-fr"], tmp_path)


def test_blank_test_lines_are_named(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=EN, de=DE)
    moses(tmp_path, "test", en=["one", "two"], de=["eins", "  "])
    settings = files(train=["train.{lang}"], test={"news": ["test.{lang}"]})
    for direction in ("en-de", "de-en"):
        source = open_source(settings, [direction], tmp_path)
        with pytest.raises(DataError, match=r"test\.de, line 2: blank de segment in test set 'news'"):
            source.tests(source.directions[0])


def test_the_fingerprint_follows_contents_not_places(tmp_path: Path) -> None:
    for name in ("a", "b"):
        moses(tmp_path / name, "train", en=EN, de=DE, ids=EN)
    settings = files(train=["train.{lang}"], mono={"en": ["train.en"]})
    first = source_fingerprint(settings, tmp_path / "a", ["en-de"])
    assert first == source_fingerprint(settings, tmp_path / "b", ["en-de"])
    assert source_fingerprint(settings, tmp_path / "a") == source_fingerprint(settings, tmp_path / "b")
    moses(tmp_path / "b", "train", ids=["other"])  # not read for en-de
    assert first == source_fingerprint(settings, tmp_path / "b", ["en-de"])
    moses(tmp_path / "b", "train", de=["eins", "drei", "vier"])
    assert first != source_fingerprint(settings, tmp_path / "b", ["en-de"])
    json.dumps(first)
    with pytest.raises(DataError, match="no file matches"):
        source_fingerprint(files(train=["gone.{lang}"]), tmp_path / "a", ["en-de"])
    with pytest.raises(DataError, match=r"data\.text\.mono\.en: no such file"):
        check_source(files(train=["train.{lang}"], mono={"en": ["gone.txt"]}), ["en-de"], tmp_path / "a")
