"""Which rows are compared for interference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.plan.build import make_plan
from mtsuite.plan.interference import interference_pairs
from mtsuite.recipe import read_recipe
from mtsuite.recipe.find import find_recipe

HEAD = "directions: [en-de, de-en]\ntrain: {max_steps: 100, learning_rate: 1e-3}\nmethods:\n"


def pairs(folder: Path, rows: str) -> list[dict[str, Any]]:
    path = folder / "r.yaml"
    path.write_text(HEAD + rows, encoding="utf-8")
    planned = make_plan(read_recipe(path))
    return interference_pairs(planned.recipe, planned.methods)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("full:\n  own: {use: full, one_model_per_direction: true}", [("full", "own", True)]),
        ("own: {use: full, one_model_per_direction: true}\n  full:", [("full", "own", True)]),
        ("lora: {config: {rank: 4}}\n  own: {use: lora, one_model_per_direction: true}", []),
        ("full:\n  own: {use: lora, one_model_per_direction: true}", []),
        (
            "fast: {use: full, train: {learning_rate: 1e-2}}\n  slow: {use: full, train: {learning_rate: 1e-4}}\n"
            "  own: {use: full, one_model_per_direction: true, train: {learning_rate: 1e-4}}",
            [("slow", "own", True)],
        ),
        (
            "full:\n  own: {use: full, one_model_per_direction: true, train: {learning_rate: 1e-4}}",
            [("full", "own", False)],
        ),
        ("full:\n  lora:", []),
    ],
)
def test_a_row_alone_is_compared_with_the_joint_row_of_its_configuration(
    tmp_path: Path, rows: str, expected: list[tuple[str, str, bool]]
) -> None:
    found = pairs(tmp_path, f"  {rows}\n")
    assert [(p["joint"], p["alone"], p["same_training"]) for p in found] == expected


def test_the_recipe_pairs_all_its_rows_and_gives_both_the_same_text() -> None:
    planned = make_plan(read_recipe(find_recipe("interference")))
    found = interference_pairs(planned.recipe, planned.methods)
    assert [(p["joint"], p["alone"]) for p in found] == [
        (name, f"{name}-alone") for name in ("full", "lora", "landermt", "mix-moe")
    ]
    assert all(p["same_training"] for p in found)
    updates = {
        t.method: job.spec["train"]["steps"]
        for t in planned.trainings
        for job in [planned.plan.jobs[key] for _, key in t.phases]
        if t.trained_on in ("all", "zh-en") and job.kind == "train"
    }
    assert updates == {f"{p[which]}": n for p in found for which, n in (("joint", 400), ("alone", 40))}
