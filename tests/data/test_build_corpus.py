"""From a recipe's data section to a corpus folder, through the corpus job."""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data import sources
from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.sources import check_source, open_source, source_fingerprint
from mtsuite.errors import DataError
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.corpus import run

from .data_helpers import data, moses, put, sentence, sentences

EN_DE, DE_EN = Direction("en", "de"), Direction("de", "en")


def build(settings: Mapping[str, Any], directions: list[str], folder: Path) -> tuple[Corpus, dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    context = JobContext(progress=lambda **values: seen.append(values))
    spec = {"_data": settings, "directions": directions, "_folder": str(folder)}
    summary = run(spec, {}, folder / "corpus", context)
    assert summary is not None
    assert json.loads(json.dumps(summary)) == summary
    assert [values["step"] for values in seen] == list(range(1, seen[0]["total"] + 1))
    corpus = Corpus.open(folder / "corpus")
    for direction in corpus.directions:  # the plan counts on these names before the corpus is made
        assert corpus.test_sets_for(direction) == sources.test_set_names(settings, direction, folder)
    return corpus, summary


def test_files_with_all_sets(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=[*sentences("en", 0, 10), "", "Copy"], de=[*sentences("de", 0, 10), "leer", "Copy"])
    moses(tmp_path, "valid", en=sentences("en", 8, 4), de=sentences("de", 8, 4))  # 8 and 9 are in training
    moses(tmp_path, "test", en=[sentence("en", 0).upper(), "x"], de=["anders", "y"])  # 0 is too, in English
    put(tmp_path / "news.de", "Nachricht", "", sentence("de", 8) + "!", "Nachricht")
    settings = data(
        {
            "source": "files",
            "train": ["train.{lang}"],
            "valid": ["valid.{lang}"],
            "test": {"news": ["test.{lang}"]},
            "mono": {"de": ["news.de"]},
        }
    )
    corpus, summary = build(settings, ["en-de", "de-en"], tmp_path)
    assert corpus.pairs("train", EN_DE) == [(sentence("en", n), sentence("de", n)) for n in range(1, 8)]
    assert corpus.pairs("valid", DE_EN)[0] == (sentence("de", 8), sentence("en", 8))
    assert corpus.test(DE_EN) == [("anders", sentence("en", 0).upper()), ("y", "x")]
    assert corpus.monolingual("de") == ["Nachricht", "Nachricht"]
    assert corpus.monolingual("en") == sentences("en", 1, 7)
    assert summary["dropped"] == {"de-en": {"empty": 1, "copy": 1, "overlap": 3}}
    assert summary["overlap"]["de-en"] == {"test": 1, "valid": 2, "dropped": True}
    assert summary["overlap"]["mono de"] == {"lines": 1, "dropped": True}
    report = corpus.info["cleaning"]["de-en"]
    assert (report["read"], report["kept"]) == (12, 7)


def test_overlap_can_be_kept_and_is_noted(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=sentences("en", 0, 4), de=sentences("de", 0, 4))
    settings = data(
        {"source": "files", "train": ["train.{lang}"], "valid": ["train.{lang}"], "test": {"x": ["train.{lang}"]}},
        cleaning={"drop_test_overlap": False},
    )
    corpus, summary = build(settings, ["en-de"], tmp_path)
    assert len(corpus.pairs("train", EN_DE)) == 4
    assert summary["overlap"]["de-en"] == {"test": 4, "dropped": False, "valid_in_test": 4}
    assert corpus.notes == ("training text de-en overlaps held-out text: 4 in test sets, kept as asked",)
    dropping = {**settings, "cleaning": {}}
    with pytest.raises(DataError, match=r"No training pair is left for de-en \(overlap 4\)"):
        build(dropping, ["en-de"], tmp_path)


def test_held_out_text_is_taken_from_the_end_of_training(tmp_path: Path) -> None:
    sides = {code: sentences(code, 0, 30) for code in ("en", "de", "fr")}
    moses(tmp_path, "train", **sides)
    text = {"source": "files", "train": ["train.{lang}"], "valid_sentences": 4, "max_test_sentences": 6}
    corpus, _ = build(data(text), ["en-de", "de-en", "en-fr"], tmp_path)
    english = [s for s, _ in corpus.pairs("train", EN_DE)]
    assert english == sides["en"][:20]
    assert [s for s, _ in corpus.test(EN_DE, "held-out")] == sides["en"][20:26]
    assert [s for s, _ in corpus.test(DE_EN)] == sides["de"][20:26]
    assert corpus.multi_parallel_valid() == {code: side[26:] for code, side in sides.items()}
    assert corpus.valid_is_multi_parallel
    assert "6 lines from the end of training" in corpus.notes[0]
    with pytest.raises(DataError, match=r"de-en: training has 30 lines, and 20 for validation and 20"):
        build(data({**text, "valid_sentences": 20, "max_test_sentences": None}), ["en-de"], tmp_path)


def test_limits(tmp_path: Path) -> None:
    moses(tmp_path, "train", en=["", *sentences("en", 0, 9)], de=["", *sentences("de", 0, 9)])
    moses(tmp_path, "held", en=sentences("en", 20, 9), de=sentences("de", 20, 9))
    moses(tmp_path, "test", en=sentences("en", 40, 9), de=sentences("de", 40, 9))
    text = {
        "source": "files",
        "train": ["train.{lang}"],
        "valid": ["held.{lang}"],
        "test": {"t": ["test.{lang}"]},
        "max_train_sentences": 5,
        "max_mono_sentences": 3,
        "valid_sentences": 2,
        "max_test_sentences": 4,
    }
    corpus, _ = build(data(text), ["en-de"], tmp_path)
    assert corpus.pairs("train", EN_DE)[-1] == (sentence("en", 4), sentence("de", 4))  # 5 that were kept
    assert (len(corpus.pairs("valid", EN_DE)), len(corpus.test(EN_DE)), len(corpus.monolingual("de"))) == (2, 4, 3)
    assert corpus.notes == ("test set t en-de: first 4 of 9 segments",)


def test_the_real_mini_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(os.environ.get("MTSUITE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / "mini" / "tatoeba").is_dir():
        pytest.skip("no MTSUITE_DATA with mini/")
    monkeypatch.setenv("MTSUITE_DATA", str(root))
    text = {
        "source": "files",
        "train": ["$MTSUITE_DATA/mini/tatoeba/{pair}/train.{lang}", "$MTSUITE_DATA/mini/software/train.{lang}"],
        "valid": ["$MTSUITE_DATA/mini/tatoeba/{pair}/valid.{lang}", "$MTSUITE_DATA/mini/software/valid.{lang}"],
        "test": {
            "tatoeba": ["$MTSUITE_DATA/mini/tatoeba/{pair}/test.{lang}"],
            "software": ["$MTSUITE_DATA/mini/software/test.{lang}"],
        },
    }
    corpus, summary = build(data(text), ["en-de", "zh-en", "ar-en", "en-it"], tmp_path)
    assert corpus.test_sets_for(EN_DE) == ["tatoeba", "software"]
    assert corpus.test_sets_for(Direction("en", "it")) == ["software"]
    assert len(corpus.test(EN_DE, "tatoeba")) == 200
    assert len(corpus.pairs("train", EN_DE)) > 2500
    # The filters are lenient: of clean text they take next to nothing, and the splits do not overlap.
    assert all(sum(reasons.values()) < 15 for reasons in summary["dropped"].values())
    assert not any("overlap" in reasons for reasons in summary["dropped"].values())


@pytest.fixture
def tiny_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the microworld: row n of a split is sentence n, from another range for every split."""

    def generate(split: str, count: int, seed: int) -> list[dict[str, str]]:
        first = {"train": 0, "valid": 5000, "test": 6000}[split]
        codes = ("en", "de", "fr", "ar", "zh")
        return [{**{c: sentence(c, n) for c in codes}, "it": f"il cane {n}"} for n in range(first, first + count)]

    stand_in = types.ModuleType("mtsuite.data.microworld")
    stand_in.generate, stand_in.VERSION = generate, 7  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mtsuite.data.microworld", stand_in)


def test_the_microworld_as_a_source(tmp_path: Path, tiny_world: None) -> None:
    text = {"train_sentences": 10, "mono_sentences": 4, "valid_sentences": 3, "test_sentences": 2}
    settings = data({"source": "microworld", **text})
    corpus, _ = build(settings, ["en-de", "zh-en"], tmp_path)
    assert corpus.languages == ("en", "de", "zh")
    assert corpus.pairs("train", EN_DE) == [(sentence("en", n), sentence("de", n)) for n in range(10)]
    assert corpus.test(Direction("zh", "en")) == [(sentence("zh", n), sentence("en", n)) for n in (6000, 6001)]
    assert corpus.test_sets == ("microworld",)
    assert corpus.valid_is_multi_parallel
    # meaning 10 + 6 i + j: another one for every line of every language (en is language 0 of six, de 1)
    assert corpus.monolingual("en") == [sentence("en", 10 + 6 * i) for i in range(4)]
    assert corpus.monolingual("de") == [sentence("de", 11 + 6 * i) for i in range(4)]
    without, _ = build(data({"source": "microworld", **text, "mono_sentences": 0}), ["en-de"], tmp_path)
    assert without.monolingual("en") == sentences("en", 0, 10)
    assert source_fingerprint(settings)["text"]["version"] == 7
    with pytest.raises(DataError, match=r"Direction en-es: 'es' is not among the microworld's languages here"):
        check_source(settings, ["en-es"])
    with pytest.raises(DataError, match=r"does not speak 'ger'"):
        check_source(data({"source": "microworld", "languages": ["en", "ger"]}), ["en-de"])


def test_the_microworld_itself(tmp_path: Path) -> None:
    text = {"train_sentences": 300, "mono_sentences": 20, "valid_sentences": 20, "test_sentences": 20}
    directions = [f"en-{code}" for code in ("de", "it", "fr", "ar", "zh")]
    corpus, summary = build(data({"source": "microworld", **text}), directions, tmp_path)
    assert corpus.valid_is_multi_parallel
    assert not any(summary["dropped"].values())  # its splits are disjoint and its text is clean
    assert all(counts == {"train": 300, "valid": 20} for counts in summary["pairs"].values())


def test_an_unknown_source() -> None:
    with pytest.raises(DataError, match=r"unknown source 'file'\. Did you mean 'files'"):
        open_source({"text": {"source": "file"}}, ["en-de"])


def test_importing_the_data_floor_is_cheap() -> None:
    import subprocess

    code = (
        "import sys, mtsuite.data.build, mtsuite.data.prompts, mtsuite.jobs.corpus;"
        "print({'torch', 'datasets', 'pandas', 'sacrebleu', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
