"""Segments of a results folder: what was translated, its references, and the scores of single segments.

``segments/<direction>.json`` holds (``<test set>.<direction>.json`` where a recipe has several test sets, with a name
that ``mtsuite.names`` makes safe)

    {"direction": "en-de", "testset": "test", "sources": [...], "references": [...],
     "scores": {"COMET": {"lora": {"1": [...]}}}, "flags": {"lora": {"1": {"off-target": [0, 7]}}}}

one entry a segment in the order of the test set and of ``translations/``.  ``scores`` goes metric, row, seed, for the
models of the table alone (not for those of transfer runs) and for metrics that score single segments.  ``flags`` goes
row, seed, failure mode (``mtsuite.metrics.failures``) to the indices of the segments that show it, counted from 0; a
folder written before there were any has none.  Sentences are the test set's own: whoever publishes a results folder
publishes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.errors import StoreError
from mtsuite.names import safe_name
from mtsuite.results.files import Entry, Files

FOLDER = "segments"
_DIGITS = 4


@dataclass(frozen=True)
class Segments:
    """One direction of one test set; ``scores[metric][row][seed]`` holds a number a segment, on the metric's scale."""

    direction: str
    testset: str
    sources: tuple[str, ...]
    references: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, Mapping[str, Sequence[int]]]] = field(default_factory=dict)

    def to_json(self) -> str:
        scores = {
            metric: {
                row: {seed: [round(x, _DIGITS) for x in xs] for seed, xs in seeds.items()}
                for row, seeds in rows.items()
            }
            for metric, rows in self.scores.items()
        }
        return json.dumps(
            {
                "direction": self.direction,
                "testset": self.testset,
                "sources": list(self.sources),
                "references": list(self.references),
                "scores": scores,
                "flags": self.flags,
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )


def file_name(direction: str, testset: str, several: bool, ending: str) -> str:
    """What a direction's file is called, here and in ``translations/``; ``several``: the recipe has many test sets."""
    return f"{safe_name(testset)}.{direction}{ending}" if several else f"{direction}{ending}"


def translated(files: Files, method: str, direction: str, testset: str) -> dict[str, dict[str, Entry]]:
    """Seed to ``trained_on`` to the file of a row's translations; also where rows went by their names as they are."""
    there = [path.split("/") for path in files.names("translations", ".txt")]
    of_row = [parts for parts in there if len(parts) == 5 and parts[1] in (safe_name(method), method)]
    found: dict[str, dict[str, Entry]] = {}
    for name in (f"{safe_name(testset)}.{direction}.txt", f"{testset}.{direction}.txt", f"{direction}.txt"):
        for parts in of_row:
            if parts[4] == name:
                found.setdefault(parts[2], {}).setdefault(parts[3], files.entry("/".join(parts)))
    return found


def write_segments(results: Path, found: Sequence[Segments], *, several: bool) -> None:
    """Write the folder ``segments/`` of a results folder."""
    folder = results / FOLDER
    folder.mkdir(exist_ok=True)
    for one in found:
        path = folder / file_name(one.direction, one.testset, several, ".json")
        path.write_text(one.to_json() + "\n", encoding="utf-8")


def read_segments(results: Path) -> dict[tuple[str, str], Segments]:
    """(direction, test set) to its segments; empty for a folder written before there were any.

    Raises StoreError for a file that is not as described above, or whose lists differ in length.
    """
    found = {}
    files = Files(results)
    for name in files.names(FOLDER, ".json"):
        one = _read(files.entry(name))
        found[one.direction, one.testset] = one
    return found


def _check_types(one: Segments) -> None:
    texts = (one.direction, one.testset, *one.sources, *one.references)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is no text")
    numbers = [x for rows in one.scores.values() for seeds in rows.values() for xs in seeds.values() for x in xs]
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
        raise TypeError("a score is no finite number")


def _read(path: Entry) -> Segments:
    try:
        value: Any = json.loads(path.text())
        one = Segments(
            value["direction"],
            value["testset"],
            tuple(value["sources"]),
            tuple(value["references"]),
            value["scores"],
            value.get("flags", {}),
        )
        lengths = {len(one.sources), len(one.references)}
        lengths |= {len(xs) for rows in one.scores.values() for seeds in rows.values() for xs in seeds.values()}
        flagged = {i for seeds in one.flags.values() for names in seeds.values() for xs in names.values() for i in xs}
        _check_types(one)
        outside = sorted(flagged - set(range(len(one.sources))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{path} is not a file of segments ({type(error).__name__}: {error}). Run the recipe again to have it "
            "written anew; nothing is trained or translated twice."
        ) from None
    if outside:
        raise StoreError(f"{path}: flags name segment {outside[0]}; there are segments 0 to {len(one.sources) - 1}.")
    if len(lengths) > 1:
        raise StoreError(f"{path}: sources, references and scores differ in number: {sorted(lengths)}.")
    return one
