"""The canonical corpus folder: what is written is what is read."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.data.corpus import Corpus, write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.text import one_line
from mtsuite.errors import DataError, StoreError

EN_DE, DE_EN, EN_FR = Direction("en", "de"), Direction("de", "en"), Direction("en", "fr")


def small(folder: Path) -> Corpus:
    return write_corpus(
        folder,
        directions=[EN_DE, DE_EN, EN_FR],
        train={("de", "en"): [("eins", "one"), ("zwei", "two")], ("en", "fr"): [("one", "un")]},
        valid={("de", "en"): [("drei", "three")], ("en", "fr"): [("three", "trois")]},
        tests={
            "wmt14/full": {EN_DE: [("four", "vier")]},
            "wmt14 full": {EN_DE: [("five", "fünf")], DE_EN: [("sechs", "six")], EN_FR: [("five", "cinq")]},
        },
        notes=["a note"],
    )


def test_layout_and_directions(tmp_path: Path) -> None:
    corpus = small(tmp_path)
    assert (tmp_path / "train/de-en.en").read_bytes() == b"one\ntwo\n"
    assert corpus.languages == ("en", "de", "fr")
    assert corpus.pairs("train", EN_DE) == [("one", "eins"), ("two", "zwei")]
    assert corpus.pairs("train", DE_EN) == [("eins", "one"), ("zwei", "two")]
    assert corpus.pairs("valid", EN_FR) == [("three", "trois")]
    assert corpus.monolingual("en") == ["one", "two"]  # distinct sides over both pairs
    assert corpus.monolingual("fr", "valid") == ["trois"]
    assert corpus.notes == ("a note",)
    corpus.verify()


def test_test_sets_are_kept_apart_by_name_and_direction(tmp_path: Path) -> None:
    corpus = small(tmp_path)
    assert corpus.test_sets == ("wmt14/full", "wmt14 full")
    assert corpus.test_sets_for(EN_DE) == ["wmt14/full", "wmt14 full"]
    assert corpus.test(EN_DE) == [("four", "vier")]
    assert corpus.test(EN_DE, "wmt14 full") == [("five", "fünf")]
    assert corpus.test(DE_EN) == [("sechs", "six")]  # not the reverse of en-de
    with pytest.raises(DataError, match=r"'wmt14/full' for de-en; there is wmt14 full"):
        corpus.test(DE_EN, "wmt14/full")


def test_a_direction_that_is_not_there(tmp_path: Path) -> None:
    corpus = small(tmp_path)
    with pytest.raises(DataError, match="no train text for de-fr; its pairs: de-en, en-fr"):
        corpus.pairs("train", Direction("de", "fr"))
    with pytest.raises(DataError, match="no test set for fr-en; tested: de-en, en-de, en-fr"):
        corpus.test(Direction("fr", "en"))
    with pytest.raises(DataError, match="no monolingual text in 'it'"):
        corpus.monolingual("it")


def test_valid_is_aligned_only_when_it_is(tmp_path: Path) -> None:
    aligned = small(tmp_path / "a")
    assert aligned.valid_is_multi_parallel
    assert aligned.multi_parallel_valid() == {"en": ["three"], "de": ["drei"], "fr": ["trois"]}
    apart = write_corpus(
        tmp_path / "b",
        directions=[EN_DE, EN_FR],
        train={("de", "en"): [("eins", "one")], ("en", "fr"): [("one", "un")]},
        valid={("de", "en"): [("drei", "three"), ("III", "three")], ("en", "fr"): [("four", "quatre")]},
        tests={},
    )
    assert not apart.valid_is_multi_parallel
    assert apart.multi_parallel_valid() == {"en": ["three", "four"], "de": ["drei", "III"], "fr": ["quatre"]}


def test_unfinished_damaged_and_foreign_folders(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no corpus\.json"):
        Corpus.open(tmp_path)
    corpus = small(tmp_path)
    (tmp_path / "train/de-en.en").write_text("one\ntwx\n")
    with pytest.raises(StoreError, match="was changed"):
        corpus.verify()
    (tmp_path / "train/de-en.en").write_text("one\n")
    with pytest.raises(StoreError, match=r"has 4 bytes; corpus\.json says 8"):
        Corpus.open(tmp_path)
    (tmp_path / "train/de-en.en").unlink()
    with pytest.raises(StoreError, match="is missing"):
        Corpus.open(tmp_path)
    info = json.loads((tmp_path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps({**info, "schema": 99}))
    with pytest.raises(StoreError, match="schema 99"):
        Corpus.open(tmp_path)


def test_blank_test_segments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'news', en-de, segment 2 is blank"):
        write_corpus(
            tmp_path,
            directions=[EN_DE],
            train={("de", "en"): [("a", "b")]},
            valid={("de", "en"): [("c", "d")]},
            tests={"news": {EN_DE: [("x", "y"), ("x", "\n ")]}},
        )


def test_the_fingerprint_follows_the_text_only(tmp_path: Path) -> None:
    first, second = small(tmp_path / "a"), small(tmp_path / "elsewhere")
    assert first.fingerprint == second.fingerprint
    (tmp_path / "c").mkdir()
    third = write_corpus(
        tmp_path / "c", directions=[EN_DE], train={("de", "en"): [("a", "b")]}, valid={("de", "en"): []}, tests={}
    )
    assert third.fingerprint != first.fingerprint
    assert third.multi_parallel_valid() is None


segment = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(segment, segment), max_size=8))
def test_round_trip(rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), directions=[EN_DE], train={("de", "en"): rows}, valid={("de", "en"): rows}, tests={})
        corpus = Corpus.open(Path(folder))
        assert corpus.pairs("train", DE_EN) == [(one_line(a), one_line(b)) for a, b in rows]
        assert len(corpus.pairs("valid", EN_DE)) == len(rows)


@given(segment)
def test_one_line_has_no_line_breaks_and_is_stable(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
