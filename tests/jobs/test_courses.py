"""The course of trainings in a report: curves, validation, epochs, kept weights, remarks; and the job that makes it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Miniature

from mtsuite.jobs import train as train_job
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.courses import courses, kept_notes
from mtsuite.jobs.text_notes import text_notes
from mtsuite.plan.build import make_plan
from mtsuite.recipe import read_recipe
from mtsuite.report.figures import base as figures
from mtsuite.report.tables.transfer_tables import _budget


def summary(kept: int, **more: Any) -> dict[str, Any]:
    measured = [{"step": s, "loss": 3.0 - s / 10, "directions": {"en-de": 2.0, "de-en": 4.0 - s / 5}} for s in (2, 4)]
    return {"text": "parallel", "losses": [5.0, 4.0, 3.0, 2.0], "updates": 4, "pairs_by_direction": {"en-de": 30},
            "pairs_there": {"en-de": 20, "de-en": 20}, "validation": measured, "kept_step": kept, "keep": "best",
            **more}  # fmt: skip


def spec_of(tmp_path: Path, *found: tuple[str, int, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Path]]:
    trainings, inputs = [], {}
    for number, (method, seed, told) in enumerate(found):
        inputs[f"k{number}"] = tmp_path / f"k{number}"
        inputs[f"k{number}"].mkdir()
        (inputs[f"k{number}"] / "status.json").write_text(json.dumps({"summary": told}))
        trainings.append({"method": method, "seed": seed, "trained_on": "all", "transfer": False,
                          "phases": [["translation", f"k{number}"]]})  # fmt: skip
    return {"trainings": trainings, "seeds": [1, 2], "directions": ["en-de", "de-en"], "lines": [],
            "perplexities": []}, inputs  # fmt: skip


def test_curves_of_the_first_seed_with_validation_and_epochs(tmp_path: Path) -> None:
    spec, inputs = spec_of(tmp_path, ("full", 1, summary(4)), ("full", 2, summary(2)))
    told = courses(spec, inputs)
    assert told["learning_curves"] == {"full": [[1, 5.0], [2, 4.0], [3, 3.0], [4, 2.0]]}
    assert told["validation_curves"]["full"] == {
        "points": [[2, 2.8], [4, 2.6]],
        "directions": {"en-de": [[2, 2.0], [4, 2.0]], "de-en": [[2, 3.6], [4, 3.2]]},
        "kept": 4,
    }
    assert told["epochs"] == {"full": {"steps": 4, "pairs": 30, "epochs": 0.75}}


def test_trainings_of_earlier_versions_have_their_curves_alone(tmp_path: Path) -> None:
    old = {"text": "parallel", "losses": [2.0], "updates": 1}
    spec, inputs = spec_of(tmp_path, ("full", 1, old))
    assert courses(spec, inputs) == {"learning_curves": {"full": [[1, 2.0]]}}
    assert kept_notes(spec, inputs, {"full": "adamw"}) == {"full": "adamw"}


def test_notes_say_which_weights_were_kept(tmp_path: Path) -> None:
    spec, inputs = spec_of(
        tmp_path,
        ("full", 1, summary(4)),
        ("full", 2, summary(2)),
        ("lora", 1, summary(2)),
        ("adapter", 1, summary(4, keep="last")),
    )
    assert kept_notes(spec, inputs, {"full": "adamw 0.1"}) == {
        "full": "adamw 0.1; weights of steps 2 to 4 of 4 (lowest validation loss)",
        "lora": "weights of step 2 of 4 (lowest validation loss)",
    }


def test_remarks_stand_under_the_table_once_for_all_rows(tmp_path: Path) -> None:
    told = summary(4, left_out={}, remarks=["in 1 of 8 cases it is dead"])
    spec, inputs = spec_of(tmp_path, ("a", 1, told), ("a", 2, told), ("b", 1, told))
    assert text_notes(spec, inputs) == ["a, b: in 1 of 8 cases it is dead."]


def test_the_figure_shows_both_losses_and_the_epochs() -> None:
    curve = [(1.0, 5.0), (2.0, 4.0)]
    with figures.style():
        plain = figures.learning_curves({"full": curve, "lora": curve})
        both = figures.learning_curves({"full": curve, "lora": curve}, {"full": [(2.0, 4.5)]}, "2 steps are 0.5 epochs")
    assert len(both.axes[0].lines) == len(plain.axes[0].lines) + 1
    added = both.axes[0].lines[1]
    assert (list(added.get_xdata()), list(added.get_ydata())) == ([2.0], [4.5])
    assert added.get_color() == both.axes[0].lines[0].get_color()
    assert both.axes[0].get_xlabel() == "Step (2 steps are 0.5 epochs)"


def test_the_budget_of_single_directions_stands_under_the_matrix() -> None:
    info = {"transfer": {"steps": 400, "joint_steps": 400}, "directions": ["en-de", "de-en"]}
    [note] = _budget(SimpleNamespace(info=info))  # type: ignore[arg-type]
    assert "400 steps on its direction: 2 times a direction's share of the joint training (400 steps in 2" in note.text
    assert _budget(SimpleNamespace(info={"transfer": {}, "directions": ["en-de"]})) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", ["last", "best"])
def test_the_job_measures_and_keeps(keep: str, miniature: Miniature, tmp_path: Path) -> None:
    overrides = ["train.evaluate_every=2", f"train.keep={keep}", "train.evaluate_pairs=4"]
    planned = make_plan(read_recipe(miniature.recipe, overrides))
    job = next(job for job in planned.plan if job.label == "full: translation (seed 1)")
    inputs = {role: miniature.store / role / key for role, key in job.inputs.items()}
    told = train_job.run(job.spec, inputs, tmp_path, JobContext(keys=job.inputs))
    plain = next(status["summary"] for spec, status in miniature.jobs("train") if spec["label"] == job.label)
    assert told["losses"] == pytest.approx(plain["losses"], abs=1e-4), "it trains as without"
    assert [found["step"] for found in told["validation"]] == [2, 4, 6]
    assert set(told["validation"][0]["directions"]) == {"en-de", "de-en"}
    losses = {found["step"]: found["loss"] for found in told["validation"]}
    assert told["kept_step"] == (6 if keep == "last" else min(losses, key=lambda step: losses[step]))
    assert sum(told["pairs_by_direction"].values()) > 0
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert ["validation_loss" in line for line in lines] == [False, True] * 3
    assert lines[1]["validation_loss/en-de"] == told["validation"][0]["directions"]["en-de"]
