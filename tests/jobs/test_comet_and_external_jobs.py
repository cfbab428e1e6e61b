"""COMET over a recipe's texts and rows of other systems, as jobs and in runs of the miniature recipe."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Command, Miniature, finished

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError, MetricError
from mtsuite.jobs import comet as comet_job
from mtsuite.jobs import external as external_job
from mtsuite.jobs.context import INCOMPLETE, JobContext
from mtsuite.metrics.comet_files import text_hash

pytest.importorskip("comet", reason="unbabel-comet is not installed")

FEW_ROWS = (
    "--exclude", "in-context,landermt,mix-moe", "--set", "transfer=!remove",
    "--set", "report.page=false", "--jobs", "1",
)  # fmt: skip


def scores_of(results: Path, metric: str = "COMET") -> dict[tuple[str, ...], str]:
    with (results / "scores.csv").open(encoding="utf-8", newline="") as file:
        return {
            (r["method"], r["trained_on"], r["direction"]): r["score"]
            for r in csv.DictReader(file)
            if r["metric"] == metric
        }


@pytest.fixture
def told(miniature: Miniature) -> tuple[dict[str, Any], dict[str, Path]]:
    """Specification and inputs of the miniature's COMET job."""
    spec, _ = next(iter(miniature.jobs("comet")))
    kinds = {"corpus": "corpus"}
    inputs = {role: miniature.store / kinds.get(role, "translate") / key for role, key in spec["inputs"].items()}
    return spec["spec"], inputs


class Known:
    """A checkpoint that scores a segment by the length of its hypothesis."""

    def __init__(self) -> None:
        self.asked = 0

    def describe(self) -> dict[str, Any]:
        return {"references": True, "version": "0", "revision": "", "device": "cpu"}

    def score(self, sources: list[str], hypotheses: list[str], references: list[str], batch_size: int) -> list[float]:
        self.asked += len(sources)
        return [len(h) / 1000 for h in hypotheses]


def test_a_failed_translation_is_a_hole_and_a_known_text_needs_no_checkpoint(
    told: tuple[dict[str, Any], dict[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, inputs = told
    known, loads = Known(), []

    def load(self: Any) -> Known:
        loads.append(self.checkpoint)
        return known

    monkeypatch.setattr(comet_job.Comet, "scorer", load)
    lost = next(iter(spec["texts"]))
    some = {role: path for role, path in inputs.items() if role != lost}
    context = JobContext(cache={"model:x": object()}, shared=tmp_path / "store")
    summary = comet_job.run(spec, some, tmp_path, context)
    assert summary["texts"] == len(spec["texts"]) - 1
    assert summary["scored"] == summary["distinct"] == known.asked
    assert not context.cache, "models make room for the checkpoint"
    results, problem = comet_job.read_results(tmp_path)
    assert set(results) == set(spec["texts"]) - {lost}
    assert problem == ""
    key, result = next(iter(results.items()))
    lines = (inputs[key] / "hypotheses.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert result.segments == pytest.approx([len(line.strip()) / 10 for line in lines])
    assert result.score == pytest.approx(sum(result.segments or []) / 8)
    again = comet_job.run(spec, some, tmp_path, context)
    assert again["scored"] == 0
    assert again["signature"] == summary["signature"]
    assert len(loads) == 1


def test_a_comet_that_cannot_run_gives_its_reason_and_is_tried_again(
    told: tuple[dict[str, Any], dict[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, inputs = told

    def refuse(self: Any) -> None:
        raise MetricError("There is no COMET here.")

    monkeypatch.setattr(comet_job.Comet, "scorer", refuse)
    summary = comet_job.run(spec, inputs, tmp_path, JobContext(shared=tmp_path / "store"))
    assert summary == {INCOMPLETE: "There is no COMET here."}
    assert comet_job.read_results(tmp_path) == ({}, "There is no COMET here.")


def from_files(
    told: tuple[dict[str, Any], dict[str, Path]], folder: Path, contents: dict[int, str]
) -> tuple[dict[str, Any], dict[str, Path]]:
    spec, inputs = told
    keys = list(spec["texts"])
    files = {key: folder / f"{number}.txt" for number, key in enumerate(keys)}
    for number, content in contents.items():
        files[keys[number]].write_text(content, encoding="utf-8")
    digests = {key: "x" if path.is_file() else None for key, path in files.items()}
    given = {key: spec[key] for key in ("metric", "texts", "untrained")}
    return {
        **given,
        "checkpoint": None,
        "files": digests,
        "_files": {key: str(path) for key, path in files.items()},
    }, inputs


def test_scores_from_files_say_what_they_are_and_which_are_missing(
    told: tuple[dict[str, Any], dict[str, Path]], tmp_path: Path
) -> None:
    about = "# checkpoint: Unbabel/wmt22-comet-da\n# version: unbabel-comet 2.2.7\n"
    key = next(iter(told[0]["texts"]))
    lines = (told[1][key] / "hypotheses.txt").read_text(encoding="utf-8").split("\n")[:-1]
    sure = about + f"# hypotheses: {text_hash(lines)}\n" + "0.5\n" * 8
    spec, inputs = from_files(told, tmp_path, {0: sure})
    summary = comet_job.run(spec, inputs, tmp_path, JobContext())
    assert (summary["texts"], summary["missing"]) == (1, len(spec["texts"]) - 1)
    results, problem = comet_job.read_results(tmp_path)
    assert results[key].score == 50.0
    assert results[key].signature == (
        "COMET-wmt22-comet-da (scores from files; unbabel-comet 2.2.7; checked against the translations)"
    )
    assert f"{len(spec['texts']) - 1} of {len(spec['texts'])} files of scores are not there, the first: " in problem
    spec, inputs = from_files(told, tmp_path, {0: sure, 1: about + "0.5\n" * 8})
    comet_job.run(spec, inputs, tmp_path, JobContext())
    assert "not all files say which translations they are of" in comet_job.read_results(tmp_path)[0][key].signature
    for other, message in ((about.replace("da", "x"), "must be of one checkpoint"), ("", "must be of one checkpoint")):
        spec, inputs = from_files(told, tmp_path, {1: other + "0.5\n" * 8})
        with pytest.raises(MetricError, match=message):
            comet_job.run(spec, inputs, tmp_path, JobContext())
    spec, inputs = from_files(told, tmp_path, {1: about + "0.5\n" * 8})
    with pytest.raises(MetricError, match="says its checkpoint is Unbabel/wmt22-comet-da, the recipe names a/kiwi"):
        comet_job.run({**spec, "checkpoint": "a/kiwi"}, inputs, tmp_path, JobContext())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\n", r"g.txt: expected 8 lines, one for each segment of the test set .* of en-de; found 2"),
        (b"a\n" * 3 + b"\xff\n" + b"a\n" * 4, r"g.txt, line 4: not UTF-8"),
        (b"\n" * 8, r"g.txt: all 8 lines are empty"),
    ],
)
def test_a_file_that_is_no_translation_is_refused(
    miniature: Miniature, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "g.txt").write_bytes(content)
    spec = {"direction": "en-de", "test_set": "microworld", "_file": str(tmp_path / "g.txt")}
    inputs = {"corpus": next((miniature.store / "corpus").iterdir())}
    with pytest.raises(DataError, match=message):
        external_job.run(spec, inputs, tmp_path, JobContext())


def test_an_external_row_in_a_run(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    """One row more: its segments alone are scored; it stands in tables, is tested, and has no costs."""
    folder = miniature.copy(tmp_path / "run")
    corpus = Corpus.open(next((miniature.store / "corpus").iterdir()))
    pairs = corpus.test(Direction("en", "de"), corpus.test_sets[0])
    perfect = "".join(target + "\r\n" for _, target in pairs)
    (folder / "google.en-de.txt").write_bytes(perfect.encode())
    row = 'external.google={label: "Google (2024)", translations: "google.{direction}.txt", note: "May 2024"}'
    done = command(folder, "run", "mini.yaml", "--set", row, *FEW_ROWS)
    assert done.returncode == 0, done.stderr
    results = folder / "results" / "mini"
    assert float(scores_of(results, "BLEU")["google", "all", "en-de"]) == pytest.approx(100)
    assert ("google", "all", "de-en") not in scores_of(results)
    summaries = [status["summary"] for _, status in finished(folder / "results" / ".mtsuite", "comet")]
    assert sorted(summary["texts"] for summary in summaries) == [9, 20]  # with those of the start
    more = next(summary for summary in summaries if summary["texts"] == 9)
    assert more["scored"] == len({s for s, _ in pairs})
    assert "google" not in (results / "costs.csv").read_text()
    assert "google" in (results / "significance.csv").read_text()
    assert (results / "translations/google/1/all/en-de.txt").read_text(encoding="utf-8") == perfect.replace("\r", "")
    for ending in ("md", "html", "tex"):
        table = (results / "tables" / f"comet.{ending}").read_text(encoding="utf-8")
        assert "COMET-embedded (unbabel-comet" in table
        assert "Kendall tau" in table, "what is known of the embedded checkpoint"
        assert "made outside of this comparison" in table
        assert "there is no file of its translations" in table
    lines = [json.loads(line) for line in (results / "metrics.jsonl").read_text().splitlines()]
    assert {"full", "lora"} == {line["method"] for line in lines}
    assert all(line["loss"] > 0 and line["gradient_norm"] > 0 for line in lines)


def test_a_run_without_comet_says_why_and_the_next_one_tries_again(
    miniature: Miniature, tmp_path: Path, command: Command
) -> None:
    folder = miniature.copy(tmp_path / "run")
    shutil.rmtree(folder / "results" / ".mtsuite" / "comet-cache")
    (folder / "tiny" / "checkpoints").mkdir(parents=True)
    for file in ("hparams.yaml", "checkpoints/model.ckpt"):  # a checkpoint to look at, and none to open
        (folder / "tiny" / file).write_text("{}")
    for path in ("./tiny", "./tiny"):
        done = command(folder, "run", "mini.yaml", "--set", f"metrics.comet.checkpoint={path}", *FEW_ROWS)
        assert done.returncode == 0, done.stderr
        assert "COMET: 8 texts" in done.stderr, "made, and made again"
        results = folder / "results" / "mini"
        assert scores_of(results) == {}
        assert len(scores_of(results, "BLEU")) == 8
        assert "tiny is not a COMET checkpoint" in (results / "tables" / "bleu.md").read_text()
    assert SimpleNamespace(**json.loads((results / "report.json").read_text())).failed == []
