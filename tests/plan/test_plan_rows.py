"""What rows can ask for beyond a method: sweeps, one model a direction, replay, looks at the trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import RecipeError
from mtsuite.plan.build import make_plan
from mtsuite.plan.planned import Planned
from mtsuite.plan.report import report_plan
from mtsuite.recipe import read_recipe

HEAD = "directions: [en-de, de-en]\ntrain: {max_steps: 100, learning_rate: 1e-3}\nmethods:\n"
PLUGIN = '''
import torch
from mtsuite.method import Method, Probe, Train


class Look(Probe):
    name = "look"
    looks_at = "trained"

    def run(self, model, text):
        return {"norm": torch.zeros(1)}


class Shown(Method):
    """Trains everything and looks at it."""

    def phases(self):
        return [Train("translation"), Look()]
'''


def planned(folder: Path, rows: str, more: str = "") -> Planned:
    path = folder / "r.yaml"
    path.write_text(HEAD + rows + more, encoding="utf-8")
    return make_plan(read_recipe(path))


def jobs(plan: Planned, kind: str) -> list[Any]:
    return [job for job in plan.plan if job.kind == kind]


def notes(plan: Planned, folder: Path) -> dict[str, str]:
    made = report_plan(plan, set(plan.plan.jobs), [], results=folder, environment={}, command="")
    found: dict[str, str] = list(made)[-1].spec["report"]["method_notes"]
    return found


def test_a_sweep_shares_the_detection(tmp_path: Path) -> None:
    one = planned(tmp_path, "  landermt: {config: {k: 1}}\n")
    three = planned(tmp_path, "  landermt: {config: {k: 1}, sweep: {epsilon: [0.5, 0.9, 1.0]}}\n")
    at_base = [{job.key for job in jobs(plan, "probe") if "seed" not in job.spec} for plan in (one, three)]
    assert at_base[0] == at_base[1] != set()
    assert len(jobs(three, "train")) == 3


def test_one_model_a_direction(tmp_path: Path) -> None:
    plan = planned(tmp_path, "  full:\n  alone: {use: full, one_model_per_direction: true}\n")
    alone = [job for job in jobs(plan, "train") if job.label.startswith("alone")]
    assert [job.spec["directions"] for job in alone] == [["en-de"], ["de-en"]]
    assert [job.spec["train"]["steps"] for job in alone] == [50, 50], "each has its share of the joint updates"
    lines = [line for line in plan.lines if line.method == "alone"]
    assert [(line.trained_on, line.direction) for line in lines] == [("own", "en-de"), ("own", "de-en")]
    for line, job in zip(lines, alone, strict=True):
        assert job.key in plan.plan.jobs[line.translations].inputs.values()
    assert "one model per direction, 50 steps each" in notes(plan, tmp_path)["alone"]


def test_a_transfer_run_of_the_same_row_is_another_training(tmp_path: Path) -> None:
    rows = "  zero-shot:\n  alone: {use: full, one_model_per_direction: true}\n"
    plan = planned(tmp_path, rows, "transfer: {methods: [alone], max_steps: 10}\n")
    steps = {(t.trained_on, t.transfer): plan.plan.jobs[t.phases[-1][1]].spec["train"]["steps"] for t in plan.trainings}
    assert steps == {("en-de", False): 50, ("de-en", False): 50, ("en-de", True): 10, ("de-en", True): 10}


def test_a_row_that_trains_nothing_has_no_models(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"methods\.zero-shot\.one_model_per_direction: 'zero-shot' trains nothing"):
        planned(tmp_path, "  zero-shot: {one_model_per_direction: true}\n")


def test_replay_reaches_the_phases_on_parallel_text_alone(tmp_path: Path) -> None:
    rows = "  plain: {use: full}\n  full: {train: {monolingual_replay: 0.05}}\n"
    rows += "  mix-moe: {train: {monolingual_replay: 0.1}}\n"
    plan = planned(tmp_path, rows)
    shares = {job.label: job.spec["train"].get("monolingual_replay") for job in jobs(plan, "train")}
    assert shares["plain: translation (seed 1)"] is None
    assert shares["full: translation (seed 1)"] == 0.05
    assert shares["mix-moe: mt-experts (seed 1)"] == 0.1
    assert shares["mix-moe: lm-experts (seed 1)"] is None
    assert "5% of the tokens are monolingual text on top" in notes(plan, tmp_path)["full"]


def test_validation_text_stands_for_the_test_sets_and_shares_the_training(tmp_path: Path) -> None:
    on_test = planned(tmp_path, "  full:\n")
    on_valid = planned(tmp_path, "  full:\n", "data: {evaluate_on: validation}\n")
    assert on_test.corpus == on_valid.corpus
    assert [job.key for job in jobs(on_test, "train")] == [job.key for job in jobs(on_valid, "train")]
    assert {line.test_set for line in on_valid.lines} == {"validation"}
    assert not {job.key for job in jobs(on_test, "translate")} & {job.key for job in jobs(on_valid, "translate")}


def test_a_look_at_the_trained_model_follows_training_and_holds_up_no_translation(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(PLUGIN, encoding="utf-8")
    rows = f"  zero-shot:\n  mine: {{use: '{tmp_path / 'shown.py'}:Shown'}}\n"
    plan = planned(tmp_path, rows, "seeds: [1, 2]\ntransfer: {methods: [mine], max_steps: 10}\n")
    looks = jobs(plan, "probe")
    assert [job.label for job in looks] == ["mine: look (seed 1)", "mine: look (seed 2)"], "none for transfer runs"
    trained = {job.key for job in jobs(plan, "train")}
    for job in looks:
        assert trained & set(job.inputs.values())
        assert not any(job.key in other.inputs.values() for other in plan.plan)
    joint = [t for t in plan.trainings if t.trained_on == "all"]
    assert [[name for name, _ in t.phases] for t in joint] == [["translation", "look"]] * 2


def test_the_base_of_the_other_family_is_another_base(tmp_path: Path) -> None:
    bloom = planned(tmp_path, "  full:\n")
    said = planned(tmp_path, "  full:\n", "model: {pretrain: {family: bloom}}\n")
    llama = planned(tmp_path, "  full:\n", "model: {pretrain: {family: llama}}\n")
    assert bloom.base == said.base != llama.base


def test_a_look_before_training_is_for_the_report_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, "  landermt: {config: {k: 1}}\n")
    (start,) = [job for job in jobs(plan, "probe") if job.spec["phase"] == "start"]
    (train,) = jobs(plan, "train")
    assert start.spec["seed"] == train.spec["seed"]
    assert start.key not in train.inputs.values()
    assert all(start.key not in job.inputs.values() for job in jobs(plan, "translate"))
    training = plan.trainings[-1]
    assert dict(training.phases)["start"] == start.key
    assert not any(key == train.key for key in start.inputs.values())


def test_an_option_about_replayed_text_needs_some(tmp_path: Path) -> None:
    row = "  mix-moe: {config: {group_prior_coef: 0.1}%s}\n"
    with pytest.raises(
        RecipeError, match=r"r.yaml:4:40: .*group_prior_coef: .*replays none: set train.monolingual_replay"
    ):
        planned(tmp_path, row % "")
    with pytest.raises(RecipeError, match="replays none"):
        planned(tmp_path, row % ", train: {monolingual_replay: 0}")
    assert planned(tmp_path, row % ", train: {monolingual_replay: 0.05}").methods
    assert planned(tmp_path, row.replace("0.1", "0.0") % "").methods
