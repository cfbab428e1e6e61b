"""The choice of a row's learning rate: the best average on validation text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import MetricError
from mtsuite.jobs.context import JobContext

CHOICE = "choice"  # role of the choose job in trainings
CANDIDATE, SCORE = "candidate:", "score:"  # prefixes of roles: a training under one rate, its score in a direction
FILE = "choice.json"


def candidate_role(rate: float, trained_on: str) -> str:
    return f"{CANDIDATE}{rate!r}:{trained_on}"


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``choice.json``: the chosen ``learning_rate``, each rate's average over the directions, what it all cost.

    Of equal averages the smaller rate is chosen.  Raises MetricError when the metric could not be computed.
    """
    averages = {rate: _average(spec, inputs, rate) for rate in spec["learning_rates"]}
    sign = 1 if spec["lower_is_better"] else -1
    chosen = min(averages, key=lambda rate: (sign * averages[rate], rate))
    trained = {path for role, path in inputs.items() if role.startswith(CANDIDATE)}
    found = {
        "learning_rate": chosen,
        "metric": spec["metric"],
        "seed": spec["seed"],
        "averages": [[rate, average] for rate, average in averages.items()],
        "trainings": len(trained),
        "train_seconds": sum(_seconds(path) for path in trained),
    }
    (output / FILE).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found


def read_choice(folder: Path) -> dict[str, Any]:
    """What a choose job found."""
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def choice_told(found: Mapping[str, Any]) -> str:
    """The choice in words, for the notes of a row."""
    told = ", ".join(f"{rate:g}: {average:.2f}" for rate, average in found["averages"])
    edge = found["learning_rate"] in (min(r for r, _ in found["averages"]), max(r for r, _ in found["averages"]))
    return (
        f"learning rate {found['learning_rate']:g} chosen by {found['metric']} on validation text (seed "
        f"{found['seed']}; {told}; {found['trainings']} trainings, {found['train_seconds']:.0f} s)"
        + "; the choice is at the edge of the rates searched"
        * edge
    )


def _average(spec: Mapping[str, Any], inputs: Mapping[str, Path], rate: float) -> float:
    scores = []
    for direction in spec["directions"]:
        path = inputs[f"{SCORE}{rate!r}:{direction}"] / "scores.json"
        entry = json.loads(path.read_text(encoding="utf-8"))[spec["metric"]]
        if "error" in entry:
            raise MetricError(f"{spec['metric']} of validation text in {direction}, which chooses: {entry['error']}")
        scores.append(float(entry["score"]))
    return sum(scores) / len(scores)


def _seconds(folder: Path) -> float:
    summary = json.loads((folder / "status.json").read_text(encoding="utf-8"))["summary"]
    return float(summary.get("train_seconds", 0.0))
