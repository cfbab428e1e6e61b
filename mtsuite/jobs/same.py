"""Results of a start that are the base's: where surgery leaves the base as it is, nothing is computed twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

START, SAME = "start", "same"  # roles of inputs: a start job, and the base's result that serves where both are equal
FILE = "start.json"  # what a start job writes


def serves_base(inputs: Mapping[str, Path]) -> bool:
    """Whether a job is about a start that computes what the base does, and has the base's result at hand."""
    if START not in inputs or SAME not in inputs:
        return False
    return bool(read_start(inputs[START])["same"])


def read_start(folder: Path) -> dict[str, Any]:
    """What a start job found: ``same`` (as the base), the relative ``difference`` of logits, texts compared."""
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def copied(source: Path, output: Path, *names: str) -> dict[str, Any]:
    """Take files over from the base's finished job; its summary, marked as such."""
    for name in names:
        shutil.copyfile(source / name, output / name)
    summary: dict[str, Any] = json.loads((source / "status.json").read_text(encoding="utf-8"))["summary"]
    return {**summary, "of_base": True}
