"""Translations that another system made: a file, checked against the test set and copied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.text import read_lines
from mtsuite.errors import DataError
from mtsuite.jobs.context import JobContext


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``hypotheses.txt``, one line a segment, as a translate job does.

    Raises DataError, naming the file (and the line where there is one), when it is not UTF-8, does not have a line for
    every segment of the test set, or has nothing but empty lines.
    """
    path = Path(spec["_file"])
    expected = len(Corpus.open(inputs["corpus"]).test(Direction.parse(spec["direction"]), spec["test_set"]))
    lines = list(read_lines(path))
    if len(lines) != expected:
        raise DataError(
            f"{path}: expected {expected} lines, one for each segment of the test set {spec['test_set']!r} of "
            f"{spec['direction']}; found {len(lines)}. Translate the test set line by line, in its order."
        )
    empty = sum(not line for line in lines)
    if empty == expected:
        raise DataError(f"{path}: all {expected} lines are empty.")
    (output / "hypotheses.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return {"segments": expected, "empty": empty}
