"""Further metrics for a finished results folder: scores, significance and page, without a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mtsuite.compare.again import csv_bytes, statistics_files
from mtsuite.data.direction import Direction
from mtsuite.data.microworld.recognise import is_of_microworld
from mtsuite.errors import MetricError, StoreError
from mtsuite.metrics.base import Metric
from mtsuite.metrics.files import named_metrics
from mtsuite.report.build import Report, build_report
from mtsuite.results.folder import (
    INTERVAL_COLUMNS,
    SCORE_COLUMNS,
    SIGNIFICANCE_COLUMNS,
    SIGNIFICANCE_MORE,
    TABLE,
    Results,
    Score,
    read_results,
    read_rows,
)
from mtsuite.results.segments import Segments, file_name, translated
from mtsuite.results.writing import write_files

_TESTS = {"significance.csv": (*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE), "intervals.csv": INTERVAL_COLUMNS}


def add_metrics(
    folder: Path, names: Sequence[str], profile: str = "auto", comet: Mapping[str, Any] | None = None
) -> tuple[Report, list[str]]:
    """Score all translations of a folder with further metrics; the report, and sentences on what is not tested.

    Raises MetricError for a metric that is not known, is there already or cannot be computed here, StoreError where the
    folder lacks translations or test sets.  Nothing is written then.
    """
    results = read_results(folder)
    metrics = named_metrics(names, profile, comet)
    for metric in metrics:
        if metric.name in results.metrics:
            raise MetricError(f"{folder} has {metric.name} already; name metrics that it has not.")
        _check_comet(results, metric, comet or {})
    added, segments = _scored(results, metrics)
    if not added:
        raise StoreError(f"{folder} has no translations with a test set in segments/; run its recipe again.")
    new = [metric.name for metric in metrics]
    info = {**results.info, "metrics": [*results.metrics, *new]}
    lower = [metric.name for metric in metrics if metric.lower_is_better]
    info["lower_is_better"] = [*results.info.get("lower_is_better", []), *lower]
    info["notes"] = [*results.info.get("notes", []), f"Scored after the run: {', '.join(new)}."]
    scores = (*results.scores, *added)
    whole = replace(results, info=info, scores=scores, segments=segments)
    statistics, told = statistics_files(replace(whole, info={**info, "metrics": new}))
    several = len({test_set for _, test_set in segments}) > 1
    files = {
        "scores.csv": csv_bytes(SCORE_COLUMNS, [[_cell(s, column) for column in SCORE_COLUMNS] for s in scores]),
        "report.json": (json.dumps(info, indent=2, ensure_ascii=False) + "\n").encode(),
        **{f"segments/{file_name(*place, several, '.json')}": f"{one.to_json()}\n".encode()
           for place, one in segments.items() if one != results.segments[place]},
        **{name: _appended(results, name, statistics[name]) for name in _TESTS},
    }  # fmt: skip
    write_files(folder, files, lambda name: False)
    return build_report(folder), told


def _check_comet(results: Results, metric: Metric, comet: Mapping[str, Any]) -> None:
    """The embedded COMET knows the microworld alone."""
    if not metric.name.startswith("COMET") or comet.get("checkpoint", "embedded") != "embedded":
        return
    for (direction, test_set), text in results.segments.items():
        if not is_of_microworld(Direction.parse(direction).source, text.sources):
            raise MetricError(
                f"The embedded COMET was made for the microworld and says nothing about other text, such as {test_set} "
                f"{direction}: name a checkpoint with --comet, such as Unbabel/wmt22-comet-da."
            )


def _scored(results: Results, metrics: Sequence[Metric]) -> tuple[list[Score], dict[tuple[str, str], Segments]]:
    """New scores of every model that has any, and the segments with theirs."""
    models = list(dict.fromkeys((s.method, s.seed, s.trained_on, s.direction, s.testset) for s in results.scores))
    added: list[Score] = []
    single: dict[tuple[str, str], dict[str, dict[str, dict[str, Any]]]] = {}
    for method, seed, trained_on, direction, testset in models:
        place = (direction, testset)
        entry = translated(results.files, method, *place).get(seed, {}).get(trained_on)
        if place not in results.segments or entry is None:
            continue
        text = results.segments[place]
        lines = entry.text().split("\n")[:-1]
        if len(lines) != len(text.references):
            raise StoreError(f"{entry} has {len(lines)} lines, the test set in segments/ has {len(text.references)}.")
        for metric in metrics:
            found = metric.score(Direction.parse(direction), text.sources, lines, text.references)
            told = (metric.name, found.score, found.signature, str(found.n))
            added.append(Score(method, seed, trained_on, direction, testset, *told))
            if found.segments is not None and trained_on in TABLE:
                rows = single.setdefault(place, {}).setdefault(metric.name, {})
                rows.setdefault(method, {})[seed] = found.segments
    segments = {
        place: replace(one, scores={**one.scores, **single.get(place, {})}) for place, one in results.segments.items()
    }
    return added, segments


def _cell(score: Score, column: str) -> str:
    value = asdict(score)[column]
    return f"{value:.6f}" if column == "score" else str(value)


def _appended(results: Results, name: str, new: bytes) -> bytes:
    """A record with the lines of the new metrics behind those it has; a column that it lacks is empty there."""
    entry, columns = results.files.entry(name), _TESTS[name]
    old = read_rows(entry, columns[:1]) if entry.exists() and entry.text().strip() else []
    head = csv_bytes(columns, [[row.get(column, "") for column in columns] for _, row in old])
    return head + new.partition(b"\n")[2]
