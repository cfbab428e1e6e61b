"""What the line about fairness says: which trainings were compared, and which could not be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mtsuite.jobs.report import _fairness


def told(tmp_path: Path, *trainings: tuple[str, str, str | None], seed: int = 1) -> dict[str, Any]:
    """Trainings as (method, kind of text, fingerprint); None: the job failed."""
    inputs, planned = {}, []
    for number, (method, text, fingerprint) in enumerate(trainings):
        key = f"k{number}"
        planned.append(
            {"method": method, "seed": seed, "trained_on": "all", "transfer": False, "phases": [[text, key]]}
        )
        if fingerprint is not None:
            inputs[key] = tmp_path / key
            inputs[key].mkdir()
            summary = {"text": text, "fingerprint": fingerprint, "target_tokens": 5, "updates": 2}
            (inputs[key] / "status.json").write_text(json.dumps({"summary": summary}))
    return _fairness({"trainings": planned}, inputs)


def test_equal_streams(tmp_path: Path) -> None:
    said = told(tmp_path, ("a", "parallel", "x"), ("b", "parallel", "x"))
    assert said["consistent"]
    assert said["message"].endswith("batch by batch: 2 training phases compared (a, b; seed 1).")


def test_failed_trainings_are_named_and_nothing_is_claimed_of_them(tmp_path: Path) -> None:
    said = told(tmp_path, ("a", "parallel", "x"), ("b", "parallel", None))
    assert "same stream" not in said["message"]
    assert said["message"].endswith("Not compared: 1 training(s) that failed or are missing (b).")
    assert "same stream" not in told(tmp_path, ("a", "parallel", None))["message"]


def test_monolingual_streams_are_compared(tmp_path: Path) -> None:
    both = [("a", "parallel", "x"), ("b", "parallel", "x")]
    said = told(tmp_path, *both, ("a", "monolingual", "m"), ("b", "monolingual", "n"))
    assert not said["consistent"]
    assert "DIFFERENT streams of monolingual text" in said["message"]
