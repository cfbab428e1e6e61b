"""Live progress on a terminal: one bar for the run, one line for each running job."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from mtsuite.plan.graph import Job
from mtsuite.run.progress import (
    NORMAL,
    VERBOSE,
    Progress,
    again_text,
    describe_values,
    failure_text,
    outcome_text,
    printed_text,
    trace_text,
)
from mtsuite.run.time_left import Clock, TimeLeft
from mtsuite.units import duration

if TYPE_CHECKING:
    from mtsuite.run.scheduler import Outcome


class LiveProgress(Progress):
    """Bars that move; failures and notes are printed above them and stay."""

    def __init__(self, console: Console, *, level: int = NORMAL, clock: Clock = time.monotonic) -> None:
        self.console, self.level, self.clock = console, level, clock
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}", markup=False),
            console=console,
            get_time=clock,
            refresh_per_second=4,
            transient=True,
        )
        self.left = TimeLeft([], clock)
        self.count = self.cached = self.settled = 0
        self.whole: TaskID | None = None
        self.tasks: dict[str, TaskID] = {}
        self.since: dict[str, float] = {}

    def begin(self, todo: Sequence[Job], cached: int) -> None:
        self.left = TimeLeft(todo, self.clock)
        self.count, self.cached, self.settled = len(todo), cached, 0
        if todo:
            self.whole = self.bars.add_task("all jobs", total=max(self.left.total, 1e-9), told="")
            self.bars.start()
            self.tick()

    def job_started(self, job: Job) -> None:
        self.left.start(job)
        self.since[job.key] = self.clock()
        self.tasks[job.key] = self.bars.add_task(f"  {job.label}", total=None, told="starting")
        self.tick()

    def job_progress(self, job: Job, values: Mapping[str, Any]) -> None:
        task = self.tasks.get(job.key)
        if task is None:
            return
        self.left.advance(job, values)
        told = [describe_values(values)]
        step, total = values.get("step"), values.get("total")
        if isinstance(step, int | float) and isinstance(total, int | float) and total > 0:
            self.bars.update(task, completed=step, total=total)
            elapsed = self.clock() - self.since[job.key]
            if 0 < step < total:
                told.append(f"{duration(elapsed * (total - step) / step)} left")
        self.bars.update(task, told=", ".join(filter(None, told)))
        self.tick()

    def job_busy(self, job: Job, why: str) -> None:
        self.debug(why)

    def job_again(self, job: Job, why: str) -> None:
        self.left.stop(job)
        self._remove(job)
        self.note(again_text(job, why))

    def job_done(self, job: Job, seconds: float, *, elsewhere: bool = False) -> None:
        self.left.settle(job)
        self._close(job)
        if self.level >= VERBOSE:
            self.note(f"{job.label}: " + ("done by another run" if elsewhere else f"done in {duration(seconds)}"))

    def job_failed(self, job: Job, message: str, folder: Path) -> None:
        self.left.drop(job)
        self._close(job)
        self.console.print(Text(failure_text(job, message, folder), style="red"), soft_wrap=True)
        self.debug(trace_text(folder))

    def job_printed(self, job: Job, first: str, lines: int, log: Path) -> None:
        self.note(printed_text(job, first, lines, log))

    def job_skipped(self, job: Job, roles: Sequence[str]) -> None:
        self.left.drop(job)
        self._close(job)
        self.note(f"{job.label}: skipped ({', '.join(roles)} failed)")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def debug(self, text: str) -> None:
        if self.level >= VERBOSE:
            self.note(text)

    def tick(self) -> None:
        if self.whole is None:
            return
        left = self.left.seconds()
        told = f"{self.settled} of {self.count}"
        if self.cached:
            told += f" ({self.cached} already done)"
        if left is not None and self.settled < self.count:
            told += f", about {duration(left)} left"
        self.bars.update(self.whole, completed=self.left.done, told=told)

    def end(self, outcome: Outcome) -> None:
        self.bars.stop()
        if self.whole is not None:  # a second plan, the report's, has a bar of its own
            self.bars.remove_task(self.whole)
            self.whole = None
        self.note(outcome_text(outcome))

    def _close(self, job: Job) -> None:
        self.settled += 1
        self._remove(job)

    def _remove(self, job: Job) -> None:
        task = self.tasks.pop(job.key, None)
        if task is not None:
            self.bars.remove_task(task)
        self.tick()
