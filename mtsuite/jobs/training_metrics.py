"""The course of every training of a report, in one file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.train.track import METRICS, read_metrics

POINTS = 200  # of one phase; all steps are in its job's folder


def write_training_metrics(path: Path, trainings: list[dict[str, Any]], inputs: Mapping[str, Path]) -> None:
    """Write a line a step (of at most ``POINTS`` a phase, evenly spaced, the last among them): row, seed, what it was
    trained on, phase, step, loss, learning rate, gradient norm, tokens, tokens a second.

    Trainings of before there was such a file have step and loss alone.
    """
    with path.open("w", encoding="utf-8") as file:
        for training in trainings:
            of = {name: training[name] for name in ("method", "seed", "trained_on")}
            for phase, key in training["phases"]:
                if key in inputs:
                    for line in _thinned(_steps(inputs[key])):
                        file.write(json.dumps({**of, "phase": phase, **line}) + "\n")


def _steps(folder: Path) -> list[dict[str, Any]]:
    steps = read_metrics(folder / METRICS)
    if steps:
        return steps
    summary = json.loads((folder / "status.json").read_text(encoding="utf-8"))["summary"]
    return [{"step": step, "loss": loss} for step, loss in enumerate(summary.get("losses", []), start=1)]


def _thinned(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    every = max(1, -(-len(steps) // POINTS))
    return [step for step in steps if (steps[-1]["step"] - step["step"]) % every == 0]
