"""Which learning rate a training job gets: the row's, then the recipe's, then the method's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.plan.build import make_plan
from mtsuite.plan.planned import Planned
from mtsuite.plan.report import report_plan
from mtsuite.recipe import read_recipe

RECIPE = """
directions: [en-de, de-en]
methods:
  full:
  lora: {train: {learning_rate: 0.02, optimizer: muon}}
  landermt: {config: {k: 1}, train: {learning_rate: 0.03}}
  mix-moe: {config: {stage1_learning_rate: 0.004}, train: {learning_rate: 0.05}}
transfer: {methods: [landermt], base: full}
"""


def planned(folder: Path, text: str) -> Planned:
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return make_plan(read_recipe(path))


def rates(plan: Planned) -> dict[str, float]:
    return {job.label: job.spec["train"]["learning_rate"] for job in plan.plan if job.kind == "train"}


def test_a_rows_learning_rate_reaches_its_training_job(tmp_path: Path) -> None:
    found = rates(planned(tmp_path, "train: {learning_rate: 1e-3}" + RECIPE))
    assert found["full: translation (seed 1)"] == 1e-3
    assert found["lora: translation (seed 1)"] == 0.02
    assert found["landermt: translation (seed 1)"] == 0.03
    assert found["landermt: translation on en-de (seed 1)"] == 0.03
    assert found["mix-moe: mt-experts (seed 1)"] == 0.05
    assert found["mix-moe: lm-experts (seed 1)"] == 0.004, "the row's rate is that of its last phase"


def test_the_main_phase_is_the_last_on_parallel_text(tmp_path: Path) -> None:
    text = "directions: [en-de, de-en]\nmethods:\n  moe-lpr: {train: {learning_rate: 0.06}}\n"
    found = rates(planned(tmp_path, text))
    assert found["moe-lpr: experts (seed 1)"] == 0.06
    assert found["moe-lpr: review (seed 1)"] != 0.06, "the review on monolingual text comes after and has its own"


def test_without_a_rate_in_the_recipe_the_methods_own_counts(tmp_path: Path) -> None:
    found = rates(planned(tmp_path, RECIPE))
    assert found["full: translation (seed 1)"] == 5e-5  # LANDeRMT §4.2


@pytest.mark.parametrize(
    ("row", "note"),
    [
        ("full", "adamw 0.001"),
        ("lora", "muon 0.02"),
        ("mix-moe", "adamw 0.004 (lm-experts), adamw 0.05 (mt-experts); also reads monolingual text (stage 1)"),
    ],
)
def test_the_tables_notes_say_what_the_jobs_do(tmp_path: Path, row: str, note: str) -> None:
    plan = planned(tmp_path, "train: {learning_rate: 1e-3}" + RECIPE)
    available = set(plan.plan.jobs)
    report = list(report_plan(plan, available, [], results=tmp_path, environment={}, command=""))[-1]
    assert report.spec["report"]["method_notes"][row] == note
