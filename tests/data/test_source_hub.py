"""Hugging Face data sets, from a local folder of Parquet files laid out like a hub repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.build import build_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.sources import check_source, open_source, source_fingerprint
from mtsuite.errors import DataError

from .data_helpers import data, sentences

pyarrow = pytest.importorskip("pyarrow", exc_type=ImportError)
datasets = pytest.importorskip("datasets", exc_type=ImportError)
EN_DE = Direction("en", "de")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf-cache")


def write_split(path: Path, first: int, count: int, flat: bool = False) -> None:
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    sides = {code: sentences(code, first, count) for code in ("de", "en")}
    rows = [dict(zip(sides, row, strict=True)) for row in zip(*sides.values(), strict=True)]
    parquet.write_table(pyarrow.table(sides if flat else {"translation": rows}), path)


def repository(folder: Path, flat: bool = False) -> Path:
    """A data set with the configuration de-en and the splits train, validation and test."""
    for number, split in enumerate(("train", "validation", "test")):
        write_split(folder / "de-en" / f"{split}-00000-of-00001.parquet", 10 * number, 6, flat)
    return folder


def hub(**text: Any) -> dict[str, Any]:
    return data({"source": "hub", **text})


@pytest.mark.parametrize("flat", [False, True])
def test_translation_records_and_columns(tmp_path: Path, flat: bool) -> None:
    repository(tmp_path / "opus", flat)
    settings = hub(name="./opus", max_test_sentences=2, valid_sentences=3)
    check_source(settings, ["en-de"], tmp_path)
    corpus = build_corpus(settings, ["en-de", "de-en"], tmp_path, tmp_path / "corpus", offline=True)
    assert [t for _, t in corpus.pairs("train", EN_DE)] == sentences("de", 0, 6)
    assert [s for s, _ in corpus.pairs("valid", EN_DE)] == sentences("en", 10, 3)
    assert [s for s, _ in corpus.test(EN_DE.reversed, "opus")] == sentences("de", 20, 2)


def test_configurations_named_in_the_card(tmp_path: Path) -> None:
    write_split(tmp_path / "opus" / "data" / "some.parquet", 0, 4)
    card = "---\nconfigs:\n- config_name: en-de\n  data_files:\n  - split: train\n    path: data/some.parquet\n---\n"
    (tmp_path / "opus" / "README.md").write_text(card)
    source = open_source(hub(name="opus"), ["de-en"], tmp_path)  # tries de-en, finds en-de
    assert len(list(source.train(("de", "en")))) == 4
    with pytest.raises(DataError, match=r"Unknown split.*data\.text\.train_split, valid_split or test_split"):
        list(source.valid(("de", "en")))
    other = open_source(hub(name="opus"), ["en-fr"], tmp_path)
    with pytest.raises(DataError, match=r"no configuration for en-fr\. Tried 'en-fr'.*'fr-en'"):
        list(other.train(("en", "fr")))


def test_a_missing_language_names_what_is_there(tmp_path: Path) -> None:
    repository(tmp_path / "opus")
    source = open_source(hub(name="opus", config="de-en"), ["en-fr"], tmp_path)
    with pytest.raises(DataError, match=r"no column 'fr'; found de, en"):
        list(source.train(("en", "fr")))


def test_offline_and_not_cached(tmp_path: Path) -> None:
    source = open_source(hub(name="nobody/nothing-of-mtsuite"), ["en-de"], tmp_path, offline=True)
    with pytest.raises(
        DataError, match=r"Cannot load nobody/nothing-of-mtsuite, configuration 'en-de', split 'train'"
    ) as caught:
        list(source.train(("de", "en")))
    message = str(caught.value)
    assert "the run is offline and it is not in the cache" in message
    assert "Run once with a network" in message


def refusing(error: Exception) -> Any:
    def load_dataset(*args: Any, **options: Any) -> Any:
        raise error

    return load_dataset


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("Dataset scripts are no longer supported, but found x.py"), r"loading script.*`source: files`"),
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), r"the hub cannot be reached.*Run once with a network"),
        (FileNotFoundError("Dataset 'a/b' doesn't exist on the Hub"), r"Check data\.text\.name"),
    ],
)
def test_what_the_library_says_is_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    monkeypatch.setattr(datasets, "load_dataset", refusing(error))
    source = open_source(hub(name="a/b"), ["en-de"], tmp_path)
    with pytest.raises(DataError, match=message):
        list(source.train(("de", "en")))


def test_the_fingerprint(tmp_path: Path) -> None:
    assert source_fingerprint(hub(name="a/b", revision="x")) != source_fingerprint(hub(name="a/b", revision="y"))
    repository(tmp_path / "one")
    repository(tmp_path / "two")
    first = source_fingerprint(hub(name="one"), tmp_path)
    assert first == source_fingerprint(hub(name="two"), tmp_path)
    write_split(tmp_path / "two" / "de-en" / "test-00000-of-00001.parquet", 50, 2)
    assert first != source_fingerprint(hub(name="two"), tmp_path)
    with pytest.raises(DataError, match=r"data\.text\.name: no such folder"):
        check_source(hub(name="./gone"), ["en-de"], tmp_path)
