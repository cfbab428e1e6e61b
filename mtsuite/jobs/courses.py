"""How the trainings of a table went: losses by step, on training and validation text, and epochs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

POINTS = 120  # of a learning curve


def courses(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Of the first seed's joint trainings on parallel text, by row.

    ``learning_curves``: the training loss by step, ``validation_curves``: that on validation text where it was
    measured (points, the same by direction, the step whose weights were kept), ``epochs``: steps, pairs seen and
    passes over the training pairs.
    """
    turn = len(spec["directions"])
    curves, measured, epochs = {}, {}, {}
    for name, summary in _joint(spec, inputs):
        curves[name] = _averaged(summary["losses"], turn)
        if "validation" in summary:
            found = summary["validation"]
            measured[name] = {
                "points": [[one["step"], one["loss"]] for one in found],
                "directions": {d: [[one["step"], one["directions"][d]] for one in found] for d in spec["directions"]},
                "kept": summary["kept_step"],
            }
        if "pairs_by_direction" in summary:  # models of earlier versions lack it
            seen, there = sum(summary["pairs_by_direction"].values()), sum(summary["pairs_there"].values())
            epochs[name] = {"steps": summary["updates"], "pairs": seen, "epochs": round(seen / there, 3)}
    more = {"validation_curves": measured, "epochs": epochs}
    return {"learning_curves": curves, **{key: value for key, value in more.items() if value}}


def kept_notes(spec: dict[str, Any], inputs: Mapping[str, Path], notes: Mapping[str, str]) -> dict[str, str]:
    """The rows' notes, with the steps whose weights were kept where those are the best and not the last."""
    kept: dict[str, list[int]] = {}
    budget: dict[str, int] = {}
    for training in spec["trainings"]:
        summary = _parallel(training, inputs)
        if not training["transfer"] and summary is not None and summary.get("keep") == "best":
            kept.setdefault(training["method"], []).append(summary["kept_step"])
            budget[training["method"]] = summary["updates"]
    told = dict(notes)
    for name, steps in kept.items():
        which = f"step {steps[0]}" if len(set(steps)) == 1 else f"steps {min(steps)} to {max(steps)}"
        said = f"weights of {which} of {budget[name]} (lowest validation loss)"
        told[name] = "; ".join(filter(None, [told.get(name, ""), said]))
    return told


def _parallel(training: Mapping[str, Any], inputs: Mapping[str, Path]) -> dict[str, Any] | None:
    """Summary of a training's last phase on parallel text; None when there is none."""
    phases = [_summary(inputs[key]) for _, key in training["phases"] if key in inputs]
    learned = [phase for phase in phases if phase.get("text") == "parallel"]
    return learned[-1] if learned else None


def _joint(spec: dict[str, Any], inputs: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Row and summary of the last phase on parallel text of each joint training of the first seed."""
    for training in spec["trainings"]:
        if training["trained_on"] != "all" or training["transfer"] or training["seed"] != spec["seeds"][0]:
            continue
        summary = _parallel(training, inputs)
        if summary is not None:
            yield training["method"], summary


def _averaged(losses: list[float], turn: int) -> list[list[float]]:
    """Losses averaged in at most ``POINTS`` pieces, each with its last step.

    Directions take turns, and some are harder: where there are steps enough, a piece is of whole turns.
    """
    width = max(1, -(-len(losses) // POINTS))
    if len(losses) >= 20 * turn:
        width = turn * -(-width // turn)
    chunks = [losses[start : start + width] for start in range(0, len(losses), width)]
    return [[min(len(losses), (i + 1) * width), sum(chunk) / len(chunk)] for i, chunk in enumerate(chunks)]


def _summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))["summary"]
    return summary
