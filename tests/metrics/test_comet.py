"""COMET on a tiny random checkpoint: against unbabel-comet itself, moved, silent, in another process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import comet as comet_module
from mtsuite.metrics import comet_worker, make_metric

from . import world

pytest.importorskip("comet", reason="unbabel-comet is not installed")

EN_DE = Direction("en", "de")
MEANINGS = world.generate("test", 40, 1)
SOURCES = [meaning["en"] for meaning in MEANINGS]
REFERENCES = [meaning["de"] for meaning in MEANINGS]
HYPOTHESES = [line if place % 3 else " ".join(line.split()[::-1]) for place, line in enumerate(REFERENCES)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    from mtsuite.metrics.comet_embedded.build import make_encoder, make_model, save_checkpoint

    folder = tmp_path_factory.mktemp("comet") / "tiny"
    make_encoder(SOURCES + REFERENCES, folder / "encoder", vocabulary=200, hidden=32, layers=2)
    torch.manual_seed(1)
    model = make_model(folder, hidden_sizes=[16], learning_rate=1e-3)
    for name, parameter in model.named_parameters():  # random weights would give the same score everywhere
        if parameter.ndim > 1:
            parameter.data *= 10 if "embeddings" in name else 2
    save_checkpoint(model, folder)
    return folder


def test_segments_are_those_of_comets_own_predict(checkpoint: Path) -> None:
    model = comet_worker.load_model(comet_worker.import_comet(), checkpoint / "checkpoints" / "model.ckpt")
    samples = [{"src": s, "mt": h, "ref": r} for s, h, r in zip(SOURCES, HYPOTHESES, REFERENCES, strict=True)]
    with comet_worker.quiet():
        expected = model.predict(samples, gpus=0, accelerator="cpu", num_workers=0, progress_bar=False)
    result = make_metric("COMET", {"checkpoint": str(checkpoint), "device": "cpu"}).score(
        EN_DE, SOURCES, HYPOTHESES, REFERENCES
    )
    assert result.segments == pytest.approx([100 * score for score in expected.scores], abs=1e-3)
    assert result.score == pytest.approx(100 * expected.system_score, abs=1e-3)
    assert len(set(result.segments or [])) > 10
    assert result.n == 40


def comet_score(folder: Path, checkpoint: Path, *words: str, references: bool = True) -> list[float]:
    """What the command prints for every segment and, last, for the system: four decimals, from half precision."""
    for name, lines in (("src", SOURCES), ("hyp", HYPOTHESES), ("ref", REFERENCES)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = ["-s", str(folder / "src"), "-t", str(folder / "hyp"), *(["-r", str(folder / "ref")] if references else [])]
    code = "from comet.cli.score import score_command; score_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, *files, "--gpus", "0", "--model", "checkpoints/model.ckpt", "--quiet", *words],
        cwd=checkpoint,  # the encoder's path in the checkpoint is relative
        capture_output=True,
        text=True,
        check=True,
    )
    (folder / "printed").write_text(done.stdout, encoding="utf-8")
    return [float(line.split()[-1]) for line in done.stdout.splitlines() if "score:" in line]


@pytest.fixture(scope="module")
def commands(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], Path]:
    """What the command says of the tiny checkpoint, and the folder with what it printed and wrote as JSON."""
    folder = tmp_path_factory.mktemp("command")
    return comet_score(folder, checkpoint, "--batch_size", "1", "--to_json", str(folder / "json")), folder


def test_the_score_is_that_of_the_comet_score_command(checkpoint: Path, commands: tuple[list[float], Path]) -> None:
    """The command computes in half precision and rounds to four decimals; batches change nothing that it shows."""
    said, _ = commands
    options = {"checkpoint": str(checkpoint), "device": "cpu"}
    exact = make_metric("COMET", options).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    halves = make_metric("COMET", options | {"precision": "float16"}).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    assert halves.score / 100 == pytest.approx(said[-1], abs=1e-4)
    assert exact.score / 100 == pytest.approx(said[-1], abs=1e-4)
    assert halves.segments == pytest.approx([100 * score for score in said[:-1]], abs=0.11)


@pytest.fixture(scope="module")
def reference_free(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that reads source and hypothesis alone, around the same encoder."""
    import shutil

    import torch

    from mtsuite.metrics.comet_embedded.build import _inside, make_model, save_checkpoint

    folder = tmp_path_factory.mktemp("comet") / "tiny-kiwi"
    shutil.copytree(checkpoint / "encoder", folder / "encoder")
    torch.manual_seed(2)
    options = dict(make_model(folder, hidden_sizes=[16], learning_rate=1e-3).hparams)
    options.pop("class_identifier", None)
    with comet_worker.quiet(), _inside(folder):
        from comet.models import ReferencelessRegression

        model = ReferencelessRegression(**options)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.data *= 10 if "embeddings" in name else 2
    save_checkpoint(model, folder)
    return folder


def test_every_segment_is_that_of_the_comet_score_command(checkpoint: Path, commands: tuple[list[float], Path]) -> None:
    """To all four decimals that it prints, in its precision and with its batches."""
    from mtsuite.metrics.comet_files import read_scores

    said, folder = commands
    options = {"checkpoint": str(checkpoint), "device": "cpu", "precision": "float16", "batch_size": 1}
    ours = make_metric("COMET", options).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    assert [round(score / 100, 4) for score in ours.segments or []] == said[:-1]
    assert round(ours.score / 100, 4) == said[-1]
    printed, as_json = read_scores(folder / "printed"), read_scores(folder / "json")
    assert printed.scores == said[:-1]
    assert as_json.scores == pytest.approx(printed.scores, abs=5e-5)
    assert [text["mt"] for text in as_json.texts] == HYPOTHESES


def test_a_reference_free_checkpoint_reads_no_references(reference_free: Path, tmp_path: Path) -> None:
    said = comet_score(tmp_path, reference_free, "--batch_size", "1", references=False)
    options = {"checkpoint": str(reference_free), "device": "cpu", "precision": "float16", "batch_size": 1}
    ours = make_metric("COMET", options).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    assert [round(score / 100, 4) for score in ours.segments or []] == said[:-1]
    assert len(set(said)) > 10
    other = make_metric("COMET", options).score(EN_DE, SOURCES, HYPOTHESES, ["x"] * len(SOURCES))
    assert other.segments == ours.segments
    assert ours.signature.startswith("COMET-tiny-kiwi (")
    assert "reference-free" in ours.signature


def test_a_moved_checkpoint_finds_its_encoder(checkpoint: Path, tmp_path: Path) -> None:
    moved = checkpoint.rename(tmp_path / "moved")
    try:
        engine = comet_worker.CometEngine(str(moved / "checkpoints" / "model.ckpt"), device="cpu")
        assert len(engine.score(SOURCES[:3], HYPOTHESES[:3], REFERENCES[:3])) == 3
    finally:
        moved.rename(checkpoint)


def test_equal_triples_are_scored_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = comet_worker.CometEngine(str(checkpoint), device="cpu")
    seen: list[int] = []
    prepare = engine.model.prepare_for_inference

    def counting(samples: list[dict[str, str]]) -> Any:
        seen.append(len(samples))
        return prepare(samples)

    monkeypatch.setattr(engine.model, "prepare_for_inference", counting)
    alone = engine.score(SOURCES[:2], HYPOTHESES[:2], REFERENCES[:2])
    seen.clear()
    order = [0, 1, 1, 0, 1]
    scores = engine.score([SOURCES[i] for i in order], [HYPOTHESES[i] for i in order], [REFERENCES[i] for i in order])
    assert seen == [2]
    assert scores == pytest.approx([alone[i] for i in order], abs=1e-6)


def test_spaces_around_a_line_do_not_count(checkpoint: Path) -> None:
    engine = comet_worker.CometEngine(str(checkpoint), device="cpu")
    spaced = engine.score([SOURCES[0] + " "], [" " + HYPOTHESES[0] + "  "], [REFERENCES[0] + "\n"])
    assert spaced == engine.score(SOURCES[:1], HYPOTHESES[:1], REFERENCES[:1])


def test_scores_do_not_depend_on_batches(checkpoint: Path) -> None:
    engine = comet_worker.CometEngine(str(checkpoint), device="cpu")
    assert engine.score(SOURCES, HYPOTHESES, REFERENCES, batch_size=1) == pytest.approx(
        engine.score(SOURCES, HYPOTHESES, REFERENCES, batch_size=64), abs=1e-5
    )
    assert not engine.model.training


def test_a_checkpoint_is_loaded_once_and_silently(
    checkpoint: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comet_module, "_LOADED", {})
    metrics = [make_metric("COMET", {"checkpoint": str(checkpoint), "device": "cpu"}) for _ in range(2)]
    assert not comet_module._LOADED  # nothing is read before it is needed
    for metric in metrics:
        metric.score(EN_DE, SOURCES[:4], HYPOTHESES[:4], REFERENCES[:4])
    assert len(comet_module._LOADED) == 1
    out, err = capfd.readouterr()
    assert out + err == ""


def test_the_signature_names_checkpoint_and_software(checkpoint: Path) -> None:
    from importlib.metadata import version

    metric = make_metric("COMET", {"checkpoint": str(checkpoint), "device": "cpu"})
    assert metric.signature(EN_DE) == f"COMET-tiny (unbabel-comet {version('unbabel-comet')})"
    file = make_metric("COMET", {"checkpoint": str(checkpoint / "checkpoints" / "model.ckpt")})
    assert file.label() == "COMET-tiny"
    hub = make_metric("COMET", {"checkpoint": "Unbabel/wmt22-comet-da"})
    assert hub.label() == "COMET-wmt22-comet-da"


def test_another_python_gives_the_same_scores(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comet_module, "_LOADED", {})
    options = {"checkpoint": str(checkpoint), "device": "cpu"}
    here = make_metric("COMET", options).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    elsewhere = make_metric("COMET", options | {"python": sys.executable}).score(EN_DE, SOURCES, HYPOTHESES, REFERENCES)
    assert elsewhere.segments == pytest.approx(here.segments, abs=1e-4)
    assert elsewhere.signature == here.signature
    with pytest.raises(MetricError, match="no COMET checkpoint at /nowhere"):
        comet_module.CometProcess(sys.executable, "/nowhere/model.ckpt", "cpu", "float32")
    for scorer in comet_module._LOADED.values():
        if isinstance(scorer, comet_module.CometProcess):
            scorer.close()


@pytest.mark.parametrize(
    ("checkpoint_name", "message"),
    [("./missing", "no COMET checkpoint at ./missing"), ("/tmp/none/model.ckpt", "no COMET checkpoint")],
)
def test_a_missing_checkpoint_says_where(checkpoint_name: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        make_metric("COMET", {"checkpoint": checkpoint_name}).score(EN_DE, ["a"], ["b"], ["c"])


def test_a_hub_name_that_cannot_be_fetched_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    models = comet_worker.import_comet()

    def offline(name: str) -> str:
        raise KeyError(name)

    monkeypatch.setattr(models, "download_model", offline)
    with pytest.raises(MetricError, match=r"'Unbabel/wmt22-comet-da' is neither.*a folder downloaded before"):
        make_metric("COMET", {"checkpoint": "Unbabel/wmt22-comet-da"}).score(EN_DE, ["a"], ["b"], ["c"])


def test_a_folder_without_hparams_is_not_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "model.ckpt").write_bytes(b"x")
    with pytest.raises(MetricError, match=r"hparams.yaml is not usable"):
        make_metric("COMET", {"checkpoint": str(tmp_path)}).score(EN_DE, ["a"], ["b"], ["c"])


def test_wrong_options_are_refused() -> None:
    with pytest.raises(MetricError, match="batch_size is at least 1"):
        make_metric("COMET", {"batch_size": 0})
    with pytest.raises(MetricError, match="float32 or float16"):
        make_metric("COMET", {"precision": "int8"})


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({}, "needs unbabel-comet, which this Python does not have; install it with `pip install 'mtsuite"),
        ({"unbabel-comet": "2.2.7", "transformers": "5.2.0"}, "does not run on transformers 5.2.0"),
    ],
)
def test_a_missing_or_broken_comet_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], message: str
) -> None:
    import importlib.metadata

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(comet_module, "_LOADED", {})
    with pytest.raises(MetricError, match=message) as caught:
        make_metric("COMET", {"checkpoint": "hub/name"}).score(EN_DE, ["a"], ["b"], ["c"])
    assert "\n" not in str(caught.value)


def test_an_import_that_fails_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comet", None)
    monkeypatch.setitem(sys.modules, "comet.models", None)
    with pytest.raises(comet_worker.CometError, match=r"cannot be imported.*setuptools<81"):
        comet_worker.import_comet()


def test_a_python_without_comet_says_so(tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = next(path for folder in ("bin", "Scripts") for path in (tmp_path / "bare" / folder).glob("python*"))
    with pytest.raises(MetricError, match="this Python does not have"):
        comet_module.CometProcess(str(python), "hub/name", "cpu", "float32")


def test_a_worker_that_dies_says_so(tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho out of memory >&2\nexit 3\n", encoding="utf-8")
    script.chmod(0o755)
    with pytest.raises(MetricError, match="ended with code 3: out of memory"):
        comet_module.CometProcess(str(script), "/x", "cpu", "float32")
    with pytest.raises(MetricError, match="cannot start"):
        comet_module.CometProcess(str(tmp_path / "nothing"), "/x", "cpu", "float32")
