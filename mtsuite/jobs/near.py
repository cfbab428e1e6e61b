"""Near-duplicates of test segments in training text, and what a translation memory of it would answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.data.corpus import Corpus
from mtsuite.jobs.context import JobContext, Summary

FILE = "near.json"


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> Summary:
    """Write ``near.json``: test set -> direction -> near on either side, and the memory's answers, by segment.

    ``inputs`` are the ``corpus`` that is trained on and, where there is one, the ``untrained`` one with further test
    sets.
    """
    from mtsuite.data.near_tests import near_tests

    trained = Corpus.open(inputs["corpus"])
    told: dict[str, dict[str, Any]] = {}
    for tests in [trained, *([Corpus.open(inputs["untrained"])] if "untrained" in inputs else [])]:
        for name, by_direction in near_tests(trained, tests, spec["similarity"], context.progress).items():
            for direction, found in by_direction.items():
                told.setdefault(name, {})[str(direction)] = {
                    "source": [int(flag) for flag in found.source],
                    "target": [int(flag) for flag in found.target],
                    "memory": found.memory,
                }
    (output / FILE).write_text(json.dumps(told, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"near": {name: {d: sum(near(entry)) for d, entry in of.items()} for name, of in told.items()}}


def read_near(folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """What the job wrote."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def near(entry: Mapping[str, Any]) -> list[bool]:
    """Of every segment, whether its source or a reference has a near-duplicate."""
    return [bool(a or b) for a, b in zip(entry["source"], entry["target"], strict=True)]
