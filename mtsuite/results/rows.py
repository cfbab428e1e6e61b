"""What a results folder holds, read leniently: for notes before a run replaces it."""

from __future__ import annotations

import csv
from pathlib import Path

from mtsuite.errors import StoreError
from mtsuite.results.files import Files

_FLOOR = "source-copy"  # is in every folder


def scored_rows(folder: Path) -> tuple[list[str], list[str]]:
    """The rows and the seeds that scores.csv has, in its order; none where there is no such file that can be read."""
    try:
        lines = list(csv.DictReader(Files(folder).entry("scores.csv").text().splitlines(keepends=True)))
    except (OSError, UnicodeDecodeError, csv.Error, StoreError):
        return [], []
    rows, seeds = (list(dict.fromkeys(str(line.get(column)) for line in lines)) for column in ("method", "seed"))
    return [row for row in rows if row != _FLOOR], seeds
