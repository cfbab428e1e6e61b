"""The choice between learning rates, and the training that takes the chosen one over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import MetricError
from mtsuite.jobs import choose, chosen
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.train import _settings

SPEC: dict[str, Any] = {
    "learning_rates": [1e-4, 1e-3, 1e-2],
    "metric": "BLEU",
    "lower_is_better": False,
    "directions": ["en-de", "de-en"],
    "seed": 1,
}
SCORES = {1e-4: (10.0, 20.0), 1e-3: (14.0, 20.0), 1e-2: (2.0, 30.0)}


def candidates(folder: Path, scores: dict[float, tuple[float, float]]) -> dict[str, Path]:
    inputs = {}
    for rate, pair in scores.items():
        trained = folder / f"trained-{rate}"
        (trained / "part").mkdir(parents=True)
        (trained / "weights").write_text(f"weights of {rate}")
        (trained / "part" / "more").write_text("more")
        status = {"summary": {"train_seconds": 2.5, "rate": rate}}
        (trained / "status.json").write_text(json.dumps(status))
        inputs[choose.candidate_role(rate, "all")] = trained
        for direction, score in zip(SPEC["directions"], pair, strict=True):
            place = folder / f"scored-{rate}-{direction}"
            place.mkdir()
            (place / "scores.json").write_text(json.dumps({"BLEU": {"score": score}}))
            inputs[f"score:{rate!r}:{direction}"] = place
    return inputs


def made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def test_the_best_average_is_chosen_and_its_cost_counted(tmp_path: Path) -> None:
    output = made(tmp_path, "out")
    found = choose.run(SPEC, candidates(tmp_path, SCORES), output, JobContext())
    assert found["learning_rate"] == 1e-3
    assert found["averages"] == [[1e-4, 15.0], [1e-3, 17.0], [1e-2, 16.0]]
    assert (found["trainings"], found["train_seconds"]) == (3, 7.5)
    assert choose.read_choice(output) == json.loads(json.dumps(found))
    assert choose.choice_told(found) == (
        "learning rate 0.001 chosen by BLEU on validation text (seed 1; 0.0001: 15.00, 0.001: 17.00, 0.01: 16.00; "
        "3 trainings, 8 s)"
    )


def test_an_error_rate_is_chosen_by_its_smallest_and_an_edge_is_told(tmp_path: Path) -> None:
    spec = {**SPEC, "lower_is_better": True}
    found = choose.run(spec, candidates(tmp_path, SCORES), made(tmp_path, "out"), JobContext())
    assert found["learning_rate"] == 1e-4
    assert choose.choice_told(found).endswith("; the choice is at the edge of the rates searched")


def test_of_equal_averages_the_smaller_rate(tmp_path: Path) -> None:
    inputs = candidates(tmp_path, {1e-2: (5.0, 5.0), 1e-3: (5.0, 5.0)})
    found = choose.run({**SPEC, "learning_rates": [1e-2, 1e-3]}, inputs, made(tmp_path, "out"), JobContext())
    assert found["learning_rate"] == 1e-3


def test_a_metric_that_failed_chooses_nothing(tmp_path: Path) -> None:
    inputs = candidates(tmp_path, SCORES)
    (inputs["score:0.001:de-en"] / "scores.json").write_text(json.dumps({"BLEU": {"error": "no tokenizer"}}))
    with pytest.raises(MetricError, match="BLEU of validation text in de-en, which chooses: no tokenizer"):
        choose.run(SPEC, inputs, made(tmp_path, "out"), JobContext())


def test_the_chosen_training_is_taken_over_and_others_have_its_rate(tmp_path: Path) -> None:
    inputs = candidates(tmp_path, SCORES)
    choice, output = made(tmp_path, "choice"), made(tmp_path, "out")
    choose.run(SPEC, inputs, choice, JobContext())
    roles = {f"candidate:{rate!r}": inputs[choose.candidate_role(rate, "all")] for rate in SCORES}
    summary = chosen.run({}, {"choice": choice, **roles}, output, JobContext())
    assert summary["rate"] == 1e-3
    assert sorted(p.relative_to(output).as_posix() for p in output.rglob("*")) == ["part", "part/more", "weights"]
    assert (output / "weights").read_text() == "weights of 0.001"
    budget = {"train": {"learning_rate": None, "steps": 3}}
    assert _settings(budget, {"choice": choice}) == {"learning_rate": 1e-3, "steps": 3}
    assert _settings({"train": {"learning_rate": 0.5}}, {}) == {"learning_rate": 0.5}
