"""What a group tells the run that submitted it: lines of JSON in a file that both see.

The file is opened and closed for every line, as this is when network file systems let others see what was written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.plan.graph import Job
from mtsuite.run.disk import plain
from mtsuite.run.progress import Progress

if TYPE_CHECKING:
    from mtsuite.run.scheduler import Outcome

_INTERVAL = 2.0  # seconds between two lines about one job's steps


class Telling(Progress):
    """Writes what happens to the end of a file."""

    tells_of_others = False  # they are groups of the same run

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told: dict[str, float] = {}

    def tell(self, event: str, **values: Any) -> None:
        with open(self.path, "ab") as file:
            file.write(json.dumps({"event": event, **plain(values)}).encode() + b"\n")

    def job_started(self, job: Job) -> None:
        self.tell("started", key=job.key)

    def job_progress(self, job: Job, values: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if now - self._told.get(job.key, 0.0) >= _INTERVAL:
            self._told[job.key] = now
            self.tell("progress", key=job.key, values=dict(values))

    def job_again(self, job: Job, why: str) -> None:
        self.tell("again", key=job.key, why=why)

    def job_done(self, job: Job, seconds: float, *, elsewhere: bool = False) -> None:
        self.tell("done", key=job.key, seconds=seconds, elsewhere=elsewhere)

    def job_failed(self, job: Job, message: str, folder: Path) -> None:
        self.tell("failed", key=job.key, message=message)

    def job_printed(self, job: Job, first: str, lines: int, log: Path) -> None:
        self.tell("printed", key=job.key, first=first, lines=lines, log=str(log))

    def job_skipped(self, job: Job, roles: Sequence[str]) -> None:
        self.tell("skipped", key=job.key, roles=list(roles))

    def note(self, text: str) -> None:
        self.tell("note", text=text)

    def debug(self, text: str) -> None:
        self.tell("note", text=text)

    def end(self, outcome: Outcome) -> None:
        self.tell("end", holes=[job.key for job in outcome.holes], stopped=[job.key for job in outcome.stopped])


class Listening:
    """Reads whole lines that were added since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = 0

    def new(self) -> list[dict[str, Any]]:
        try:
            with open(self.path, "rb") as file:
                file.seek(self._place)
                read = file.read()
        except FileNotFoundError:
            return []
        whole, line_break, _ = read.rpartition(b"\n")
        self._place += len(whole) + len(line_break)
        found = []
        for line in whole.splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # a process was killed within a line, and started again
                continue
            if isinstance(event, dict):
                found.append(event)
        return found
