"""Test sets of directions that nothing is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.sources import check_tests
from mtsuite.errors import DataError
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.corpus import run

from .data_helpers import data, moses, sentence, sentences

DE_FR = Direction("de", "fr")


def build(settings: dict[str, object], directions: list[str], folder: Path, trained: Path) -> Corpus:
    spec = {"_data": settings, "directions": directions, "_folder": str(folder), "tests_only": True}
    summary = run(spec, {"corpus": trained}, folder / "tests", JobContext())
    assert summary["pairs"] == {}
    return Corpus.open(folder / "tests")


def test_of_the_microworld(tmp_path: Path) -> None:
    settings = data(
        {"source": "microworld", "train_sentences": 30, "mono_sentences": 0, "valid_sentences": 5, "test_sentences": 6}
    )
    spec = {"_data": settings, "directions": ["en-de", "en-fr"], "_folder": str(tmp_path)}
    run(spec, {}, tmp_path / "trained", JobContext())
    trained = Corpus.open(tmp_path / "trained")
    found = build(settings, ["de-fr", "fr-de"], tmp_path, tmp_path / "trained")
    german = [target for _, target in trained.test(Direction("en", "de"))]
    french = [target for _, target in trained.test(Direction("en", "fr"))]
    assert found.test(DE_FR, "microworld") == list(zip(german, french, strict=True)), "the same meanings"
    assert found.test(DE_FR.reversed, "microworld") == list(zip(french, german, strict=True))
    assert found.notes == ()
    with pytest.raises(DataError, match="no train text for de-fr"):
        found.pairs("train", DE_FR)


def test_of_files_with_what_occurs_in_training(tmp_path: Path) -> None:
    for other in ("de", "fr"):
        moses(tmp_path, f"train.{other}-en", **{other: sentences(other, 0, 6), "en": sentences("en", 0, 6)})
        moses(tmp_path, f"valid.{other}-en", **{other: sentences(other, 20, 2), "en": sentences("en", 20, 2)})
        moses(tmp_path, f"test.{other}-en", **{other: sentences(other, 30, 2), "en": sentences("en", 30, 2)})
    # Segment 0 has its German side in training (in other letters), segment 1 neither, segment 2 its French one.
    moses(
        tmp_path, "test.de-fr", de=[sentence("de", 3).upper() + "!", sentence("de", 40), sentence("de", 41)],
        fr=[sentence("fr", 43), sentence("fr", 40), sentence("fr", 5)],
    )  # fmt: skip
    settings = data(
        {
            "source": "files",
            "train": ["train.{pair}.{lang}"],
            "valid": ["valid.{pair}.{lang}"],
            "test": {"news": ["test.{pair}.{lang}"]},
        }
    )
    run({"_data": settings, "directions": ["en-de", "en-fr"], "_folder": str(tmp_path)}, {}, tmp_path / "trained",
        JobContext())  # fmt: skip
    found = build(settings, ["de-fr"], tmp_path, tmp_path / "trained")
    assert len(found.test(DE_FR)) == 3
    assert found.info["overlap"] == {"news de-fr": {"segments": 2, "of": 3}}
    assert found.notes == (
        "test set news de-fr: a side of 2 of 3 segments occurs in the training text of its language",
    )
    short = {**settings, "text": {**settings["text"], "max_test_sentences": 2}}
    assert "test set news de-fr: first 2 of 3 segments" in build(short, ["de-fr"], tmp_path, tmp_path / "trained").notes


def test_a_set_that_fails_names_its_direction(tmp_path: Path) -> None:
    settings = data(
        {"source": "microworld", "train_sentences": 5, "mono_sentences": 0, "valid_sentences": 2, "test_sentences": 2}
    )
    run({"_data": settings, "directions": ["en-de"], "_folder": str(tmp_path)}, {}, tmp_path / "trained", JobContext())
    (tmp_path / "hub").mkdir()
    hub = data({"source": "hub", "name": "hub"})
    check_tests(hub, ["de-fr"], tmp_path)  # a hub's sets are not known before they are loaded
    with pytest.raises(DataError, match=r"forgetting\.zero_shot_directions: de-fr: "):
        build(hub, ["de-fr"], tmp_path, tmp_path / "trained")


def test_what_can_be_known_before_anything_runs(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=["a"], de=["b"], fr=["c"])
    files = {"source": "files", "train": ["train.{lang}"]}
    with pytest.raises(DataError, match=r"de-fr has no test set: data\.text\.test is empty"):
        check_tests(data(files), ["de-fr"], tmp_path)
    with pytest.raises(DataError, match=r"data\.text\.test\.news\[0\]: no file matches"):
        check_tests(data({**files, "test": {"news": ["none.{lang}"]}}), ["de-fr"], tmp_path)
    moses(tmp_path, "news", de=["b"], fr=["c"])
    check_tests(data({**files, "test": {"news": ["news.{lang}"]}}), ["de-fr"], tmp_path)
    with pytest.raises(DataError, match="Direction en-fr: no test set in"):
        check_tests(data({**files, "test": {"news": ["news.{lang}"]}}), ["en-fr"], tmp_path)
    world = {"source": "microworld", "languages": ["en", "de"]}
    with pytest.raises(DataError, match="'fr' is not among the microworld's languages"):
        check_tests(data(world), ["de-fr"], tmp_path)
