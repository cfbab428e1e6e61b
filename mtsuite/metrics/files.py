"""Scoring files that anybody made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.registry import make_metrics, metric_names

if TYPE_CHECKING:
    from rich.console import Console


def read_segments(path: Path) -> list[str]:
    """The lines of a file.  Raises MetricError naming file and line for a missing file or invalid UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MetricError(f"{path}: {error.strerror}.") from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise MetricError(f"{path}, line {line}: not UTF-8 (byte {error.start}). Convert the file first.") from error
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines and lines[-1] == "" else lines


def score_files(
    hypotheses: Sequence[Path],
    references: Path,
    sources: Path | None,
    direction: str,
    metrics: Sequence[str],
    profile: str = "auto",
    comet: Mapping[str, Any] | None = None,
) -> dict[str, list[MetricResult]]:
    """Every hypothesis file under every metric; metric names may be written in any case."""
    parsed = Direction.parse(direction)
    known = {name.lower(): name for name in metric_names()}
    made = make_metrics([known.get(name.strip().lower(), name) for name in metrics], profile, comet)
    reference = read_segments(references)
    if sources is None and any(metric.name.startswith("COMET") for metric in made):
        raise MetricError("COMET reads the source text too: give --sources.")
    source = read_segments(sources) if sources is not None else [""] * len(reference)
    found: dict[str, list[MetricResult]] = {}
    for path in hypotheses:
        lines = read_segments(path)
        if len(lines) != len(reference):
            raise MetricError(
                f"{path} has {len(lines)} lines, {references} has {len(reference)}; they must correspond."
            )
        if len(source) != len(reference):
            raise MetricError(
                f"{sources} has {len(source)} lines, {references} has {len(reference)}; they must correspond."
            )
        found[str(path)] = [metric.score(parsed, source, lines, reference) for metric in made]
    return found


def print_scores(found: Mapping[str, Sequence[MetricResult]], console: Console, *, as_json: bool) -> None:
    """One line a file and metric, with the signature; or JSON."""
    if as_json:
        plain = {
            path: [{"metric": r.metric, "score": r.score, "signature": r.signature, "n": r.n} for r in results]
            for path, results in found.items()
        }
        print(json.dumps(plain, indent=2))
        return
    for path, results in found.items():
        for result in results:
            # Not console.print: it turns tabs into blanks, and other programs read this.
            print(path, result.metric, f"{result.score:.2f}", result.signature, sep="\t", file=console.file)
