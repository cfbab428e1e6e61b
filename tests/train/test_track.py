"""The course of a training on disk and in trackers: no step twice, and no tracker that costs a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from mtsuite.data.batches import ParallelStream
from mtsuite.testing import tiny_model, tiny_text
from mtsuite.train import track
from mtsuite.train.loop import LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings, learning_rate_scale
from mtsuite.train.track import METRICS, TrackedRun, TrainingLog, lacking, read_metrics


class Fake:
    """A tracker that remembers what it was told, or fails where it is told to."""

    told: list[tuple[int, dict[str, float]]]
    fails: str

    def __init__(self, fails: str = "") -> None:
        self.told, self.fails, self.finished = [], fails, False

    def log(self, values: dict[str, float], step: int) -> None:
        if self.fails == "log":
            raise ConnectionError("no network\nsecond line")
        self.told.append((step, values))

    def finish(self) -> None:
        if self.fails == "finish":
            raise ConnectionError("no network")
        self.finished = True


def run(folder: Path) -> TrackedRun:
    return TrackedRun("project", "full: translation (seed 1)", "0123456789", folder / "tracking")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(track, "open_tracker", lambda *_: made)
    return made


def write(folder: Path, after: int, steps: range, *, trackers: tuple[str, ...] = ("wandb",)) -> TrainingLog:
    log = TrainingLog(folder, trackers, run(folder))
    with log:
        log.begin(after)
        for step in steps:
            log.record(step, {"loss": 1.0 / step})
    return log


def test_a_job_that_goes_on_writes_no_step_twice(tmp_path: Path, fake: Fake) -> None:
    write(tmp_path, 0, range(1, 8))
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 8, "lo')  # killed while it wrote
    write(tmp_path, 5, range(6, 11))  # the last checkpoint was that of step 5
    assert [line["step"] for line in read_metrics(tmp_path / METRICS)] == list(range(1, 11))
    assert [step for step, _ in fake.told] == list(range(1, 11))
    write(tmp_path, 0, range(1, 3), trackers=())  # no checkpoint that is whole: from the beginning
    assert [line["step"] for line in read_metrics(tmp_path / METRICS)] == [1, 2]


@pytest.mark.parametrize("fails", ["log", "finish"])
def test_a_tracker_that_fails_is_left_out_with_a_warning(
    tmp_path: Path, fake: Fake, fails: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.fails = fails
    log = write(tmp_path, 0, range(1, 4))
    assert log.failed == {"wandb": "ConnectionError: no network"}
    assert capsys.readouterr().out.count("the training goes on without it") == 1
    assert len(read_metrics(tmp_path / METRICS)) == 3


def test_a_tracker_that_cannot_be_opened_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "open_tracker", lambda *_: 1 / 0)
    assert write(tmp_path, 0, range(1, 3)).failed == {"wandb": "ZeroDivisionError: division by zero"}


def test_numbers_that_are_none_are_null(tmp_path: Path, fake: Fake) -> None:
    with TrainingLog(tmp_path, ("mlflow",), None) as log:
        log._names = ()
        log.begin(0)
        log.record(1, {"loss": 2.0, "gradient_norm": float("inf")})
    assert (tmp_path / METRICS).read_text() == '{"step": 1, "loss": 2.0, "gradient_norm": null}\n'


@pytest.mark.parametrize("clip", [None, 1.0, 1e-6])
def test_the_loop_records_every_update(tmp_path: Path, clip: float | None) -> None:
    torch.set_num_threads(1)
    text = tiny_text(tmp_path / "corpus")
    settings = LoopSettings(6, OptimizerSettings(learning_rate=1e-2), warmup_steps=2, max_grad_norm=clip)
    from mtsuite.methods.full import FullFineTuning

    with TrainingLog(tmp_path) as log:
        stream = ParallelStream(text, seed=0, tokens_per_batch=128)
        result = fit(FullFineTuning(), tiny_model("llama"), stream, settings, make_accelerator("no"), log=log)
    lines = read_metrics(tmp_path / METRICS)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["loss"] for line in lines] == pytest.approx(result.losses, abs=1e-5)
    rates = [1e-2 * learning_rate_scale(step, schedule="cosine", warmup=2, total=6) for step in range(6)]
    assert [line["learning_rate"] for line in lines] == pytest.approx(rates)
    assert all(line["gradient_norm"] > 1e-3 for line in lines), "the norm before it is clipped"
    assert lines[-1]["tokens"] == result.tokens


def test_tensorboard_gets_every_step(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from accelerate import PartialState
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    PartialState(cpu=True)
    log = TrainingLog(tmp_path, ("tensorboard",), run(tmp_path))
    with log:
        log.begin(0)
        for step in (1, 2, 3):
            log.record(step, {"loss": 1.0 / step})
    assert not log.failed
    (folder,) = (tmp_path / "tracking" / "tensorboard" / "project").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("loss")] == [(1, 1.0), (2, 0.5), (3, 0.333)]


def test_a_missing_package_is_told_before_anything_trains(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mtsuite.errors import RecipeError
    from mtsuite.plan.build import make_plan
    from mtsuite.recipe import read_recipe

    (here / "r.yaml").write_text("directions: [en-de]\nmethods: {full: }\ntracking: [mlflow]\n")
    monkeypatch.setitem(track.TRACKERS, "mlflow", ("no_such_package",))
    assert "pip install no_such_package" in lacking("mlflow")
    with pytest.raises(RecipeError, match=r"r.yaml:3:12: tracking\[0\]: mlflow is not installed: pip install"):
        make_plan(read_recipe(here / "r.yaml"))
    monkeypatch.setitem(track.TRACKERS, "mlflow", ("json",))
    tracked = make_plan(read_recipe(here / "r.yaml"))
    plain = make_plan(read_recipe(here / "r.yaml", ["tracking=[]"]))
    assert set(tracked.plan.jobs) == set(plain.plan.jobs), "tracking is no part of any key"
    (job,) = [job for job in tracked.plan if job.kind == "train"]
    assert job.spec["_tracking"] == {"trackers": ["mlflow"], "project": "r", "run": "full: translation (seed 1)"}


def test_results_hold_the_course_of_every_training(tmp_path: Path) -> None:
    from mtsuite.jobs.training_metrics import POINTS, write_training_metrics

    (tmp_path / "new").mkdir()
    lines = [json.dumps({"step": step, "loss": 1.0}) + "\n" for step in range(1, 1001)]
    (tmp_path / "new" / METRICS).write_text("".join(lines))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "status.json").write_text(json.dumps({"summary": {"losses": [3.0, 2.0]}}))
    trainings: list[dict[str, Any]] = [
        {"method": "full", "seed": 1, "trained_on": "all", "phases": [["translation", "new"], ["late", "failed"]]},
        {"method": "lora", "seed": 1, "trained_on": "en-de", "phases": [["translation", "old"]]},
    ]
    write_training_metrics(tmp_path / "m.jsonl", trainings, {key: tmp_path / key for key in ("new", "old")})
    found = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    full = [line["step"] for line in found if line["method"] == "full"]
    assert len(full) == POINTS
    assert full[-1] == 1000
    old = {"method": "lora", "seed": 1, "trained_on": "en-de", "phase": "translation"}
    assert found[-2:] == [{**old, "step": 1, "loss": 3.0}, {**old, "step": 2, "loss": 2.0}]
