"""Jobs that failed, and those behind them, as notes under a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mtsuite.report.render.table import Note, note
from mtsuite.report.render.text import listed

SKIPPED = "an input of it failed"  # the error of a job that could not run
LONGEST_ERROR = 240  # characters


def failed_jobs(failed: Sequence[Mapping[str, Any]]) -> list[Note]:
    """A line for each job that failed, and one for all that could then not run; report.json has every word."""
    behind: dict[str, int] = defaultdict(int)
    found = []
    for failure in failed:
        job, error = str(failure.get("job", "?")), str(failure.get("error", ""))
        if error == SKIPPED:
            behind[job.partition(":")[0]] += 1
        else:
            found.append(note(f"Failed: {job}: {_shortened(error)}", alarm=True))
    if behind:
        rows = listed([f"{row} ({count} job{'s' * (count > 1)})" for row, count in behind.items()])
        found.append(note(f"Not run, because {SKIPPED}: {rows}", alarm=True))
    return found


def _shortened(error: str) -> str:
    """The beginning of a long message, whole sentences where there are any."""
    if len(error) <= LONGEST_ERROR:
        return error
    sentences = error[:LONGEST_ERROR].rpartition(". ")[0]
    return f"{sentences}." if sentences else error[: LONGEST_ERROR - 1] + "…"
