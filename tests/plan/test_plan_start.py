"""Jobs of rows before their first training step: where there are any, what they read, what they share."""

from __future__ import annotations

from pathlib import Path

from mtsuite.plan.build import make_plan
from mtsuite.plan.planned import Planned
from mtsuite.recipe import read_recipe

HEAD = """\
directions: [en-de, de-en]
seeds: [1, 2]
train: {max_steps: 40, learning_rate: 1e-3}
methods:
  zero-shot:
  full:
  landermt: {config: {k: 1}}
  mix-moe:
  alone: {use: lora, one_model_per_direction: true}
"""
TRANSFER = "transfer: {methods: [full, landermt, mix-moe], directions: [en-de], max_steps: 3}\n"


def planned(folder: Path, more: str = "") -> Planned:
    path = folder / "r.yaml"
    path.write_text(HEAD + more, encoding="utf-8")
    return make_plan(read_recipe(path))


def test_a_table_without_changes_has_no_starts_and_other_jobs_keep_their_keys(tmp_path: Path) -> None:
    plain, more = planned(tmp_path), planned(tmp_path, TRANSFER + "forgetting: {perplexity: true}\n")
    assert plain.starts == []
    assert "start" not in {job.kind for job in plain.plan} | {line.trained_on for line in plain.lines}
    assert {key for key, job in plain.plan.jobs.items() if job.kind != "comet"} <= set(more.plan.jobs)


def test_every_seed_and_tested_direction_has_a_line(tmp_path: Path) -> None:
    plan = planned(tmp_path, TRANSFER)
    lines = [(x.method, x.seed, x.direction) for x in plan.lines if x.trained_on == "start"]
    assert sorted(lines) == sorted(
        (method, seed, direction)
        for method in ("full", "landermt", "mix-moe")
        for seed in (1, 2)
        for direction in ("en-de", "de-en")
    )
    assert len({s.job for s in plan.starts}) == 3 * 2, "what surgery draws depends on the seed"


def test_a_start_is_before_the_first_training_and_waits_for_none(tmp_path: Path) -> None:
    plan = planned(tmp_path, TRANSFER)
    trains = {key for key, job in plan.plan.jobs.items() if job.kind == "train"}
    starts = {s.method: plan.plan.jobs[s.job] for s in plan.starts}
    assert {name: job.spec["start"] for name, job in starts.items()} == {
        "full": "translation", "landermt": "translation", "mix-moe": "lm-experts",
    }  # fmt: skip
    assert set(starts["landermt"].inputs) == {"corpus", "base", "phase:detection"}
    for line in plan.lines:
        if line.trained_on == "start":
            job = plan.plan.jobs[line.translations]
            assert not trains & {*job.inputs.values(), *plan.plan.jobs[job.inputs["start"]].inputs.values()}


def test_what_serves_a_start_that_is_the_base_are_the_base_rows_own_jobs(tmp_path: Path) -> None:
    plan = planned(tmp_path, TRANSFER + "forgetting: {perplexity: true}\n")
    base = {x.direction: x for x in plan.lines if x.method == "zero-shot"}
    for line in plan.lines:
        if line.trained_on == "start":
            assert plan.plan.jobs[line.translations].inputs["same"] == base[line.direction].translations
            assert plan.plan.jobs[line.scores].inputs["same"] == base[line.direction].scores
    measured = {(p.method, p.seed): p.job for p in plan.perplexities if p.trained_on == "start"}
    assert set(measured) == {(m, s) for m in ("full", "landermt", "mix-moe") for s in (1, 2)}, (
        "alone has no joint model"
    )
    assert {plan.plan.jobs[key].inputs["same"] for key in measured.values()} == {plan.perplexities[0].job}
