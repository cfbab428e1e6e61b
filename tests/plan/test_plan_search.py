"""Learning rates searched on validation text: candidates, the choice, and what reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.errors import RecipeError
from mtsuite.plan.build import make_plan
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.plan.show import beside
from mtsuite.recipe import read_recipe

HEAD = """\
directions: [en-de, de-en]
seeds: [1, 2]
train: {max_steps: 40}
metrics: {names: [COMET, BLEU, chrF]}
"""
ROW = "methods:\n  zero-shot:\n  full: {search: {learning_rate: [1e-4, 1e-3]}}\n"


def planned(folder: Path, text: str) -> Planned:
    path = folder / "r.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return make_plan(read_recipe(path))


def main_jobs(plan: Planned, row: str) -> dict[tuple[int, str], Job]:
    return {(t.seed, t.trained_on): plan.plan.jobs[t.phases[-1][1]] for t in plan.trainings if t.method == row}


def test_candidates_are_trainings_of_the_first_seed_under_their_rates(tmp_path: Path) -> None:
    plan = planned(tmp_path, ROW)
    fixed = planned(tmp_path, "methods:\n  full: {train: {learning_rate: 1e-3}}\n")
    trained = {key: job for key, job in plan.plan.jobs.items() if job.kind == "train"}
    rates = sorted((job.spec["seed"], job.spec["train"]["learning_rate"] or 0.0) for job in trained.values())
    assert rates == [(1, 1e-4), (1, 1e-3), (2, 0.0)]
    assert main_jobs(fixed, "full")[1, "all"].key in trained, "a candidate is the job of a row with that rate"


def test_no_candidate_reads_test_text(tmp_path: Path) -> None:
    plan = planned(tmp_path, ROW)
    choose = plan.plan.jobs[plan.searches["full"].choice]
    scores = [plan.plan.jobs[key] for role, key in choose.inputs.items() if role.startswith("score:")]
    assert len(scores) == 2 * 2
    assert {job.spec["test_set"] for job in scores} == {"validation"}
    assert {plan.plan.jobs[job.inputs["translations"]].spec["test_set"] for job in scores} == {"validation"}
    assert {tuple(job.spec["metrics"]) for job in scores} == {("BLEU",)}, "the first metric that is not COMET"
    assert not {job.key for job in scores} & {line.scores for line in plan.lines}


def test_the_first_seed_takes_the_candidate_over_and_others_read_the_choice(tmp_path: Path) -> None:
    plan = planned(tmp_path, ROW)
    choice = plan.searches["full"].choice
    jobs = main_jobs(plan, "full")
    assert (jobs[1, "all"].kind, jobs[2, "all"].kind) == ("chosen", "train")
    assert {job.inputs["choice"] for job in jobs.values()} == {choice}
    candidates = {key for role, key in jobs[1, "all"].inputs.items() if role.startswith("candidate:")}
    assert {plan.plan.jobs[key].spec["train"]["learning_rate"] for key in candidates} == {1e-4, 1e-3}


def test_other_rates_are_another_training(tmp_path: Path) -> None:
    one = main_jobs(planned(tmp_path, ROW), "full")
    two = main_jobs(planned(tmp_path, ROW.replace("1e-3", "3e-3")), "full")
    assert all(one[place].key != two[place].key for place in one)


def test_transfer_trains_with_the_choice_of_the_joint_model(tmp_path: Path) -> None:
    plan = planned(tmp_path, ROW + "transfer: {methods: [full], max_steps: 3}\n")
    jobs = main_jobs(plan, "full")
    assert {jobs[1, on].kind for on in ("en-de", "de-en")} == {"train"}
    assert {job.inputs["choice"] for job in jobs.values()} == {plan.searches["full"].choice}


def test_models_per_direction_are_searched_together(tmp_path: Path) -> None:
    row = "methods:\n  own: {use: full, one_model_per_direction: true, search: {learning_rate: [1e-4, 1e-3]}}\n"
    plan = planned(tmp_path, row)
    assert plan.searches["own"].trainings == 4
    jobs = main_jobs(plan, "own")
    assert {jobs[1, on].kind for on in ("en-de", "de-en")} == {"chosen"}
    for on in ("en-de", "de-en"):
        keys = [key for role, key in jobs[1, on].inputs.items() if role.startswith("candidate:")]
        assert [plan.plan.jobs[key].spec["directions"] for key in keys] == [[on], [on]]


def test_a_search_of_the_recipe_is_for_rows_that_train_and_set_no_rate(tmp_path: Path) -> None:
    text = "search: {learning_rate: [1e-4, 1e-3]}\nmethods:\n  zero-shot:\n  full:\n  mix-moe:\n"
    plan = planned(tmp_path, text + "  lora: {train: {learning_rate: 1e-2}}\n")
    assert set(plan.searches) == {"full", "mix-moe"}
    stage1 = {key for t in plan.trainings if t.method == "mix-moe" for name, key in t.phases if name == "lm-experts"}
    assert len(stage1) == 2, "the first stage does not depend on the rate: one per seed, shared by the candidates"
    assert main_jobs(plan, "lora")[1, "all"].spec["train"]["learning_rate"] == 1e-2


def test_rows_without_a_search_keep_their_keys(tmp_path: Path) -> None:
    plain = planned(tmp_path, "methods:\n  lora:\n  full:\n")
    more = planned(tmp_path, "methods:\n  lora:\n  full: {search: {learning_rate: [1e-4, 1e-3]}}\n")
    assert main_jobs(plain, "lora")[1, "all"].key == main_jobs(more, "lora")[1, "all"].key


def test_a_plan_tells_what_is_searched(tmp_path: Path) -> None:
    told = beside(planned(tmp_path, ROW))
    expected = "Search: full; 2 trainings under seed 1, learning rates 0.0001, 0.001, chosen by BLEU on validation text"
    assert expected in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("methods:\n  zero-shot: {search: {learning_rate: [1e-4, 1e-3]}}\n", r"r.yaml:6:.*trains nothing"),
        ("methods:\n  full: {train: {learning_rate: 1}, search: {learning_rate: [1e-4, 1e-3]}}\n", "take one of them"),
        ("methods:\n  full: {search: {learning_rate: [1e-4]}}\n", "at least 2"),
        ("methods:\n  full: {search: {learning_rate: [1e-4, 1e-4]}}\n", "a rate is named twice"),
        ("methods:\n  full: {search: {learning_rate: [1e-4, -1]}}\n", "greater than 0|above 0|> 0"),
        ("methods:\n  full: {search: {rank: [1, 2]}}\n", "rank: unknown key"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        planned(tmp_path, text)


def test_comet_alone_cannot_choose(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(HEAD.replace(", BLEU, chrF", "") + ROW, encoding="utf-8")
    with pytest.raises(RecipeError, match="other than COMET"):
        make_plan(read_recipe(tmp_path / "r.yaml"))
