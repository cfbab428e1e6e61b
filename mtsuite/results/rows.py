"""What a results folder holds, read leniently: for notes before a run replaces it."""

from __future__ import annotations

import csv
from pathlib import Path

from mtsuite.errors import StoreError
from mtsuite.results.files import Files

_FLOORS = ("source-copy", "translation-memory")  # made from the text alone


def scored_rows(folder: Path) -> dict[str, list[str]]:
    """Row to its seeds in scores.csv, in its order; nothing where there is no such file that can be read."""
    try:
        lines = list(csv.DictReader(Files(folder).entry("scores.csv").text().splitlines(keepends=True)))
    except (OSError, UnicodeDecodeError, csv.Error, StoreError):
        return {}
    found: dict[str, list[str]] = {}
    for row, seed in dict.fromkeys((str(line.get("method")), str(line.get("seed"))) for line in lines):
        if row not in _FLOORS:
            found.setdefault(row, []).append(seed)
    return found
