"""Test sets by sacrebleu's names, out of a cache that the test fills."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sacrebleu.dataset import DATASETS

from mtsuite.data.build import build_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.sources import check_source, sacrebleu_sets, source_fingerprint
from mtsuite.errors import DataError

from .data_helpers import data, moses, put, sentences

EN_DE, DE_EN = Direction("en", "de"), Direction("de", "en")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """wmt16 in a cache of the test's own; whatever would go to the network fails."""
    folder = tmp_path / "sacrebleu" / "wmt16"
    monkeypatch.setattr(DATASETS["wmt16"], "_outdir", str(folder))
    monkeypatch.setattr(DATASETS["wmt16"], "_rawdir", str(folder / "raw"))
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path / "sacrebleu"))

    def refuse(*args: Any, **options: Any) -> Any:
        raise OSError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return folder


def fill(cache: Path, direction: Direction, sources: list[str], references: list[str]) -> None:
    names = DATASETS["wmt16"].fieldnames(str(direction))
    for name in names:
        lines = {"src": sources, "ref": references}.get(name, ["meta"] * len(sources))
        put(cache / f"wmt16.{direction}.{name}", *lines)


def settings(tmp_path: Path, sets: dict[str, list[str]], **text: Any) -> dict[str, Any]:
    moses(tmp_path, "train", en=sentences("en", 0, 20), de=sentences("de", 0, 20))
    return data({"source": "files", "train": ["train.{lang}"], "valid_sentences": 3, **text}, sacrebleu={"sets": sets})


def test_they_replace_the_sources_own_for_the_directions_named(tmp_path: Path, cache: Path) -> None:
    fill(cache, EN_DE, ["one", "two", "the cat"], ["eins", "zwei", "die Katze"])
    both = settings(tmp_path, {"wmt16": ["en-de"]})
    check_source(both, ["en-de", "de-en"], tmp_path)
    corpus = build_corpus(both, ["en-de", "de-en"], tmp_path, tmp_path / "corpus", offline=True)
    assert corpus.test_sets_for(EN_DE) == ["wmt16"]
    assert corpus.test_sets_for(DE_EN) == ["held-out"]
    assert corpus.test(EN_DE) == [("one", "eins"), ("two", "zwei"), ("the cat", "die Katze")]


def test_no_test_lines_are_taken_from_training_when_all_directions_are_named(tmp_path: Path, cache: Path) -> None:
    fill(cache, EN_DE, ["one", "two"], ["eins", "zwei"])
    corpus = build_corpus(
        settings(tmp_path, {"wmt16": ["en-de"]}, max_test_sentences=1), ["en-de"], tmp_path, tmp_path / "corpus"
    )
    assert corpus.test_sets == ("wmt16",)
    assert len(corpus.pairs("train", EN_DE)) == 17
    assert corpus.notes == ("test set wmt16 en-de: first 1 of 2 segments",)


def test_offline_and_not_cached(tmp_path: Path, cache: Path) -> None:
    before = urllib.request.urlopen
    with pytest.raises(
        DataError, match=r"wmt16 en-de is not in sacrebleu's cache.*the run is offline.*URLError"
    ) as error:
        sacrebleu_sets.read("wmt16", EN_DE, offline=True)
    assert "sacrebleu -t wmt16 -l en-de --echo src" in str(error.value)
    assert urllib.request.urlopen is before
    with pytest.raises(DataError, match=r"the download failed: OSError: no network in tests"):
        sacrebleu_sets.read("wmt16", EN_DE)


def test_sides_of_different_length(cache: Path) -> None:
    fill(cache, EN_DE, ["one", "two"], ["eins"])
    with pytest.raises(DataError, match=r"2 sources and 1 references"):
        sacrebleu_sets.read("wmt16", EN_DE)


def test_names_are_checked_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no test set 'wmt61'\. Did you mean"):
        check_source(settings(tmp_path, {"wmt61": ["en-de"]}), ["en-de"], tmp_path)
    with pytest.raises(DataError, match=r"wmt16 has no en-fr"):
        check_source(settings(tmp_path, {"wmt16": ["en-fr"]}), ["en-fr"], tmp_path)
    with pytest.raises(DataError, match=r"names de-en, which is not among the recipe's directions"):
        check_source(settings(tmp_path, {"wmt16": ["de-en"]}), ["en-de"], tmp_path)
    found = source_fingerprint(settings(tmp_path, {"wmt16": ["en-de"]}), tmp_path, ["en-de"])
    assert found["sacrebleu"]["wmt16"]["directions"] == ["en-de"]
    assert found["sacrebleu"]["wmt16"]["md5"]
