"""The whole suite on a miniature recipe, through the command line: outputs, repetition, kills, broken plug-ins."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from conftest import MINIATURE, Command, Miniature, environment, finished, script

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction

ROWS = ["zero-shot", "in-context", "full", "lora", "landermt", "mix-moe"]
DIRECTIONS = ["en-de", "de-en"]
PLAIN = ["--set", "metrics.names=[BLEU,chrF]", "--set", "report.page=false"]  # saves seconds of imports and drawing


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def head(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def scores_of(results: Path, method: str) -> list[tuple[str, str, str]]:
    found = rows(results / "scores.csv")
    return [
        (r["direction"], r["metric"], r["score"]) for r in found if (r["method"], r["trained_on"]) == (method, "all")
    ]


# -- what a run leaves ------------------------------------------------------------------------------


def test_results_folder_holds_what_the_design_lists(miniature: Miniature) -> None:
    results = miniature.results
    assert head(results / "scores.csv") == "method,seed,trained_on,direction,testset,metric,score,signature,n"
    assert head(results / "costs.csv") == (
        "method,seed,trainable_params,total_params,active_params_per_token,"
        "train_seconds,train_tokens_per_second,peak_memory_mb,translate_segments_per_second"
    )
    columns = "metric,direction,method,baseline,delta,p_value,test,n,testset,p_segments,p_seeds,seeds"
    assert head(results / "significance.csv") == columns
    assert head(results / "intervals.csv") == "metric,method,direction,low,high,level,test,n,testset"
    for name in ("recipe.yaml", "environment.json", "report.html", "report.json"):
        assert (results / name).stat().st_size > 100
    for ending in ("md", "tex", "csv", "html"):
        assert (results / "tables" / f"bleu.{ending}").is_file()
    for ending in ("csv", "md", "png", "svg"):
        assert (results / "matrices" / f"landermt-bleu-change.{ending}").is_file()
    assert list((results / "figures").glob("*.png"))
    assert list((results / "figures").glob("*.svg"))
    assert not re.search(r"""(src|href)=["']https?://""", (results / "report.html").read_text()), "needs a network"


def test_every_row_is_scored_by_every_metric(miniature: Miniature) -> None:
    found = rows(miniature.results / "scores.csv")
    expected = {(m, "all", d) for m in ["source-copy", *ROWS] for d in DIRECTIONS}
    expected |= {("landermt", on, d) for on in ["start", *DIRECTIONS] for d in DIRECTIONS}
    for metric in ("BLEU", "chrF", "COMET"):
        mine = [r for r in found if r["metric"] == metric]
        assert {(r["method"], r["trained_on"], r["direction"]) for r in mine} == expected
        assert len(mine) == len(expected)
        assert all(0 <= float(r["score"]) <= 100 and r["n"] == "8" for r in mine)
    trained = {r["method"]: r for r in rows(miniature.results / "costs.csv")}
    assert list(trained) == ["source-copy", *ROWS]
    for name in ROWS[2:]:
        numbers = trained[name]
        assert 0 < int(numbers["trainable_params"]) <= int(numbers["total_params"])
        assert float(numbers["train_seconds"]) > 0
        assert float(numbers["peak_memory_mb"]) > 0
    compared = rows(miniature.results / "significance.csv")
    assert {r["method"] for r in compared} == set(ROWS) - {"full"}
    assert {r["baseline"] for r in compared} == {"full"}


def test_scores_are_what_sacrebleu_says_about_the_translations(miniature: Miniature) -> None:
    corpus = Corpus.open(next((miniature.store / "corpus").iterdir()))
    found = rows(miniature.results / "scores.csv")
    checked, different = 0, set()
    for row in found:
        if row["metric"] == "COMET":
            continue
        folder = miniature.results / "translations" / row["method"] / row["seed"] / row["trained_on"]
        text = (folder / f"{row['direction']}.txt").read_text(encoding="utf-8")
        hypotheses = text.split("\n")[:-1]
        pairs = corpus.test(Direction.parse(row["direction"]), row["testset"])
        references = [target for _, target in pairs]
        if row["method"] == "source-copy":
            assert hypotheses == [source for source, _ in pairs]
        compute = sacrebleu.corpus_bleu if row["metric"] == "BLEU" else sacrebleu.corpus_chrf
        assert float(row["score"]) == pytest.approx(compute(hypotheses, [references]).score, abs=1e-6)
        checked += 1
        different.add((row["method"], text))
    assert checked == 2 * (2 * 7 + 4 + 2)
    # Two of the texts are the copied sources; models of six updates may well agree in some, not in all.
    assert len({text for _, text in different}) > 4, "the rows should not all say the same"


def test_environment_recipe_and_streams_are_recorded(miniature: Miniature) -> None:
    told = json.loads((miniature.results / "environment.json").read_text())
    assert {"mtsuite", "python", "packages", "cores", "system", "data"} <= set(told)
    assert {"torch", "transformers", "sacrebleu"} <= set(told["packages"])
    assert told["data"]["pairs"] == {"de-en": {"train": 300, "valid": 10}}
    assert os.path.expanduser("~") not in json.dumps(told)
    info = json.loads((miniature.results / "report.json").read_text())
    assert info["fairness"]["consistent"]
    streams = [s for s in info["fairness"]["streams"] if s["trained_on"] == "all"]
    of_text = {text: {s["fingerprint"] for s in streams if s["text"] == text} for text in ("parallel", "monolingual")}
    assert all(len(found) == 1 for found in of_text.values()), "all rows read the same batches"
    assert info["failed"] == []
    from mtsuite.recipe import read_recipe

    again, first = read_recipe(miniature.results / "recipe.yaml"), read_recipe(miniature.recipe)
    assert again.recipe == first.recipe


def test_padding_is_little(miniature: Miniature) -> None:
    shares = [status["summary"]["padding_share"] for _, status in miniature.jobs("train")]
    assert len(shares) == 7
    assert max(shares) <= 0.05


# -- again ------------------------------------------------------------------------------------------


def test_second_run_does_nothing_and_report_rebuilds_the_same_bytes(
    miniature: Miniature, tmp_path: Path, command: Command
) -> None:
    folder = miniature.copy(tmp_path / "again")
    shutil.copytree(miniature.results, folder / "results" / "mini")
    before = files(folder / "results" / "mini")
    stamps = {p: p.stat().st_mtime_ns for p in (folder / "results" / ".mtsuite").rglob("status.json")}
    done = command(folder, "run", "mini.yaml", "--jobs", "2")
    assert done.returncode == 0
    assert "nothing to do: all 55 jobs are already done" in done.stderr
    assert done.stdout.startswith((miniature.folder / "output.txt").read_text().split("jobs run")[0][:200])
    assert "0 jobs run." in done.stdout
    assert {p: p.stat().st_mtime_ns for p in (folder / "results" / ".mtsuite").rglob("status.json")} == stamps
    assert files(folder / "results" / "mini") == before
    for name in ("tables", "matrices", "figures"):
        shutil.rmtree(folder / "results" / "mini" / name)
    (folder / "results" / "mini" / "report.html").unlink()
    assert command(folder, "report", "results/mini").returncode == 0
    assert files(folder / "results" / "mini") == before


def test_two_runs_from_nothing_give_the_same_scores(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    (tmp_path / "mini.yaml").write_text(MINIATURE)
    words = ("run", "mini.yaml", "--jobs", "2", "--set", "report.page=false")
    done = command(tmp_path, *words, MTSUITE_HOME=str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "mini" / "scores.csv").read_bytes() == (
        miniature.results / "scores.csv"
    ).read_bytes()
    assert files(tmp_path / "results" / "mini" / "translations") == files(miniature.results / "translations")
    assert not (tmp_path / "results" / ".mtsuite").exists()


# -- kills ------------------------------------------------------------------------------------------

SLOW = '''
import time
from mtsuite.method import Method, Train

class Slow(Method):
    """Full fine-tuning that takes its time."""

    def phases(self):
        return [Train("translation")]

    def loss(self, model, batch):
        time.sleep({seconds})
        return super().loss(model, batch)
'''


def until(condition: Callable[[], Any], seconds: float = 600.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def test_killed_training_goes_on_from_its_checkpoint(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    folder = miniature.copy(tmp_path / "killed", "corpus", "base")
    (folder / "slow.py").write_text(SLOW.format(seconds=0.6))
    words = ["run", "mini.yaml", "--only", "slow", "--set", "methods.slow.use=slow.py:Slow",
             "--set", "train.checkpoint_seconds=0", "--set", "transfer=!remove", "--jobs", "1", *PLAIN]  # fmt: skip
    process = subprocess.Popen(
        [script("mtsuite"), *words], cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    counters = until(lambda: list((folder / "results/.mtsuite/train").glob("*.partial/checkpoint/counters.json")))[0]
    until(lambda: counters.is_file() and '"step": 2' in counters.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert counters.is_file(), "the job was to be killed in its middle"
    assert {path.name for path in (folder / "results" / "mini").iterdir()} <= {".run.lock"}, "nothing but the claim"
    done = command(folder, *words)
    assert done.returncode == 0, done.stderr
    (_, status), = finished(folder / "results" / ".mtsuite", "train")  # fmt: skip
    assert 2 <= status["summary"]["resumed_at"] < 6
    assert status["resumed"]
    assert len(status["summary"]["losses"]) == 6
    # Slow learns what `full` learns, and `full` was not interrupted.
    whole = next(s for spec, s in miniature.jobs("train") if spec["label"].startswith("full"))
    assert status["summary"]["losses"] == whole["summary"]["losses"]
    assert status["summary"]["fingerprint"] == whole["summary"]["fingerprint"]
    ours, theirs = scores_of(folder / "results" / "mini", "slow"), scores_of(miniature.results, "full")
    assert ours == [score for score in theirs if score[1] != "COMET"]
    assert not list((folder / "results" / ".mtsuite").rglob("checkpoint"))
