"""Failure modes on their way through the jobs: measured beside the scores, gathered for the report.

A score job leaves ``failures.json`` beside its ``scores.json``; a folder without one (made by other means) leaves
holes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics.failures import Failures, failures

FILE = "failures.json"


def write_failures(
    output: Path,
    direction: Direction,
    languages: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    hypotheses: Sequence[str],
    translations: Path,
) -> None:
    """Measure one file of translations; ``translations`` is the folder of the job that made it."""
    cut, limit = _stopped(translations)
    sources, references = [s for s, _ in pairs], [t for _, t in pairs]
    try:
        told = failures(
            direction, sources, hypotheses, references, languages=languages, at_limit=cut, limit=limit
        ).to_dict()
    except MetricError as error:
        told = {"error": str(error)}
    (output / FILE).write_text(json.dumps(told) + "\n", encoding="utf-8")


def _stopped(translations: Path) -> tuple[int | None, int | None]:
    """How many outputs were cut off at the limit, and the limit; None where the job did not decode."""
    status = json.loads((translations / "status.json").read_text(encoding="utf-8"))
    cut = status["summary"].get("stopped_at_limit")
    if cut is None:
        return None, None
    spec = json.loads((translations / "spec.json").read_text(encoding="utf-8"))["spec"]
    return cut, spec["translate"]["max_new_tokens"]


class FailureModes:
    """What the score jobs of a report found, by line of its specification."""

    def __init__(self, lines: Iterable[Mapping[str, Any]], inputs: Mapping[str, Path]) -> None:
        self._found: list[tuple[Mapping[str, Any], Failures]] = []
        self._notes: list[str] = []
        for line in lines:
            folder = inputs.get(line["scores"])
            if folder is None or not (folder / FILE).is_file():
                continue
            value = json.loads((folder / FILE).read_text(encoding="utf-8"))
            if "error" in value:
                self._notes.append(value["error"])
            else:
                self._found.append((line, Failures.from_dict(value)))

    def rows(self) -> Iterable[list[Any]]:
        """Rows of failures.csv; ``off-target:fr`` are the segments written in French instead."""
        for line, found in self._found:
            where = [line[key] for key in ("method", "seed", "trained_on", "direction", "test_set")]
            for m in found.with_languages():
                yield [*where, m.name, f"{m.value:.6f}", m.n, m.signature]

    def flags(self, direction: str, test_set: str, trained_on: Iterable[str]) -> dict[str, Any]:
        """Row -> seed -> measure -> indices of the segments that show it, of models trained on ``trained_on``."""
        flags: dict[str, Any] = {}
        wanted = set(trained_on)
        for line, found in self._found:
            if (line["direction"], line["test_set"]) == (direction, test_set) and line["trained_on"] in wanted:
                shown = {m.name: m.segments for m in found.measures if m.segments}
                flags.setdefault(line["method"], {})[str(line["seed"])] = shown
        return flags

    def notes(self) -> list[str]:
        """What could not be measured, each once."""
        return sorted({*self._notes, *(note for _, found in self._found for note in found.notes)})
