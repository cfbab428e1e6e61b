"""The training of a searched row under the first seed: the candidate with the chosen learning rate, taken over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.jobs.choose import CANDIDATE, CHOICE, read_choice
from mtsuite.jobs.context import JobContext

_OF_THE_STORE = frozenset({"status.json", "spec.json", "log.txt"})  # each job has its own


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Copy what the chosen candidate's training left; its summary is this one's."""
    source = inputs[f"{CANDIDATE}{read_choice(inputs[CHOICE])['learning_rate']!r}"]
    for path in sorted(source.iterdir()):
        if path.name in _OF_THE_STORE:
            continue
        if path.is_dir():
            shutil.copytree(path, output / path.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, output / path.name)
    summary: dict[str, Any] = json.loads((source / "status.json").read_text(encoding="utf-8"))["summary"]
    return summary
