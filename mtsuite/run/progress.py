"""What a run tells while it runs: the interface, and plain lines for logs and pipes.

``make_progress`` chooses: live bars on a terminal, plain lines elsewhere (also with ``NO_COLOR`` or
``CI`` set), little when quiet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mtsuite.plan.graph import Job
from mtsuite.run.time_left import Clock, TimeLeft
from mtsuite.units import duration

if TYPE_CHECKING:
    from mtsuite.run.scheduler import Outcome

QUIET, NORMAL, VERBOSE = -1, 0, 1


class Progress:
    """Tells nothing; the base of those that do."""

    tells_of_others = True  # whether other runs on the store are news

    def begin(self, todo: Sequence[Job], cached: int) -> None:
        """A run begins: ``todo`` will be run, ``cached`` jobs were done before."""

    def job_started(self, job: Job) -> None:
        """A worker has been given ``job``."""

    def job_progress(self, job: Job, values: Mapping[str, Any]) -> None:
        """``job`` tells ``step``, ``total`` and any of ``loss``, ``tokens_per_second``, ``text``."""

    def job_busy(self, job: Job, why: str) -> None:
        """Another run is making ``job``, as ``why`` says; it is asked for again when nothing else can be done."""

    def job_again(self, job: Job, why: str) -> None:
        """``job`` has stopped since it shares its accelerator; it starts again when it has it for itself."""

    def job_done(self, job: Job, seconds: float, *, elsewhere: bool = False) -> None:
        """``job`` is done; ``elsewhere`` when another run made it meanwhile."""

    def job_failed(self, job: Job, message: str, folder: Path) -> None:
        """``job`` failed; ``folder`` holds traceback and log."""

    def job_printed(self, job: Job, first: str, lines: int, log: Path) -> None:
        """``job`` printed so many lines on its standard output, ``first`` first; all of it is in ``log``."""

    def job_skipped(self, job: Job, roles: Sequence[str]) -> None:
        """``job`` cannot run since the inputs in ``roles`` failed."""

    def note(self, text: str) -> None:
        """Something the user should know."""

    def debug(self, text: str) -> None:
        """Something only a curious user wants to know."""

    def tick(self) -> None:
        """Time has passed."""

    def end(self, outcome: Outcome) -> None:
        """The run is over, also after an error or an interrupt."""


LONG = 5.0  # expected seconds from which the start of a job gets a line of its own


class PlainProgress(Progress):
    """A line when a long job starts, at most one every ``interval`` seconds while it runs, one when it ends."""

    def __init__(
        self, console: Console, *, level: int = NORMAL, clock: Clock = time.monotonic, interval: float = 15.0
    ) -> None:
        self.console, self.level, self.clock, self.interval = console, level, clock, interval
        self.count = self.cached = self.number = 0
        self.numbers: dict[str, int] = {}
        self.spoken: dict[str, float] = {}
        self.left = TimeLeft([], clock)

    def say(self, text: str) -> None:
        """One line, as it is: no markup, no wrapping."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, todo: Sequence[Job], cached: int) -> None:
        self.count, self.cached, self.number = len(todo), cached, 0
        self.left = TimeLeft(todo, self.clock)
        if self.level > QUIET and todo:
            self.say(f"{jobs_text(len(todo))} to run, {cached} already done")

    def job_started(self, job: Job) -> None:
        self._number(job)
        self.spoken[job.key] = self.clock()
        self.left.start(job)
        # Of hundreds of short jobs the end alone is worth a line.
        if self.level >= VERBOSE or (self.level > QUIET and job.cost >= LONG):
            self.say(f"{self._place(job)} {job.label}: started")

    def job_progress(self, job: Job, values: Mapping[str, Any]) -> None:
        self.left.advance(job, values)
        moment = self.clock()
        if self.level <= QUIET or moment - self.spoken.get(job.key, moment) < self.interval:
            return
        told = describe_values(values)
        if told:
            self.spoken[job.key] = moment
            left = self.left.seconds()
            whole = f"; {duration(left)} left for all" if left is not None else ""
            self.say(f"{self._place(job)} {job.label}: {told}{whole}")

    def job_busy(self, job: Job, why: str) -> None:
        self.debug(why)

    def job_again(self, job: Job, why: str) -> None:
        self.left.stop(job)
        if self.level > QUIET:
            self.say(f"{self._place(job)} {again_text(job, why)}")

    def job_done(self, job: Job, seconds: float, *, elsewhere: bool = False) -> None:
        self.left.settle(job)
        self._number(job)
        if self.level > QUIET:
            how = "done by another run" if elsewhere else f"done in {duration(seconds)}"
            self.say(f"{self._place(job)} {job.label}: {how}")

    def job_failed(self, job: Job, message: str, folder: Path) -> None:
        self.left.drop(job)
        place = f"{self._place(job)} " if job.key in self.numbers else ""  # a row that was never planned has no number
        self.say(place + failure_text(job, message, folder))
        self.debug(trace_text(folder))

    def job_printed(self, job: Job, first: str, lines: int, log: Path) -> None:
        if self.level > QUIET:
            self.say(printed_text(job, first, lines, log))

    def job_skipped(self, job: Job, roles: Sequence[str]) -> None:
        self.left.drop(job)
        self.number += 1
        if self.level > QUIET:
            self.say(f"{job.label}: skipped ({', '.join(roles)} failed)")

    def note(self, text: str) -> None:
        self.say(text)

    def debug(self, text: str) -> None:
        if self.level >= VERBOSE:
            self.say(text)

    def end(self, outcome: Outcome) -> None:
        if self.level > QUIET:
            self.say(outcome_text(outcome))

    def _number(self, job: Job) -> None:
        if job.key not in self.numbers:  # else it starts again, or ends
            self.number += 1
            self.numbers[job.key] = self.number

    def _place(self, job: Job) -> str:
        width = len(str(self.count))
        return f"[{self.numbers.get(job.key, self.number):>{width}}/{self.count}]"


def make_progress(console: Console, *, level: int = NORMAL, clock: Clock = time.monotonic) -> Progress:
    """Live bars on a terminal; plain lines where the output is no terminal, or ``NO_COLOR`` or ``CI`` is set."""
    plain = not console.is_terminal or console.is_dumb_terminal
    if level <= QUIET or plain or os.environ.get("NO_COLOR") or os.environ.get("CI"):
        return PlainProgress(console, level=level, clock=clock, interval=5.0 if level >= VERBOSE else 15.0)
    from mtsuite.run.live import LiveProgress

    return LiveProgress(console, level=level, clock=clock)


def describe_values(values: Mapping[str, Any]) -> str:
    """``step 40/100, loss 2.310, 1.2k tokens/s, text`` from whatever of these a job told."""
    parts = []
    if values.get("step") is not None:
        parts.append(f"step {number(values['step'])}" + (f"/{number(values['total'])}" if values.get("total") else ""))
    if isinstance(values.get("loss"), int | float):
        parts.append(f"loss {values['loss']:.3f}")
    if isinstance(values.get("tokens_per_second"), int | float):
        parts.append(f"{short(values['tokens_per_second'])} tokens/s")
    if values.get("text"):
        parts.append(str(values["text"]))
    return ", ".join(parts)


def number(value: Any) -> str:
    """A count without a decimal point."""
    return str(int(value)) if isinstance(value, int | float) else str(value)


def short(value: float) -> str:
    """``950``, ``1.2k``, ``3.4M``."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}{letter}"
    return f"{value:.0f}"


def jobs_text(count: int) -> str:
    """``1 job``, ``3 jobs``."""
    return f"{count} job" if count == 1 else f"{count} jobs"


def failure_text(job: Job, message: str, folder: Path) -> str:
    """The first line of an error and where the rest lies."""
    first = message.strip().splitlines()[0] if message.strip() else "unknown error"
    return f"{job.label}: FAILED: {first} (traceback and log in {folder})"


def again_text(job: Job, why: str) -> str:
    """Why a job starts once more, and how that is avoided."""
    return f"{job.label}: {why}; once more when no other job uses it (fewer jobs at once: --jobs)"


def trace_text(folder: Path) -> str:
    """The traceback of a failed job, for those who want to know more."""
    try:
        return (folder / "traceback.txt").read_text(encoding="utf-8").rstrip()
    except OSError as error:  # the disk was full, say
        return f"(no traceback: {error})"


def printed_text(job: Job, first: str, lines: int, log: Path) -> str:
    """A warning about a job that prints."""
    more = f" and {lines - 1} more line{'s' * (lines > 2)}" if lines > 1 else ""
    return f"warning: {job.label}: printed {first!r}{more} (all of it in {log})"


def outcome_text(outcome: Outcome) -> str:
    """The last line of a run."""
    cached = len(outcome.cached)
    if not (outcome.done or outcome.elsewhere or outcome.failed or outcome.skipped or outcome.stopped):
        return f"nothing to do: {'the job is' if cached == 1 else f'all {cached} jobs are'} already done"
    parts = [f"{len(outcome.done)} done"]
    if outcome.holes:
        parts[0] += f" ({len(outcome.holes)} incomplete)"
    for name, count in (
        ("done by other runs", len(outcome.elsewhere)),
        ("already done", cached),
        ("failed", len(outcome.failed)),
        ("skipped", len(outcome.skipped)),
        ("not run", len(outcome.stopped)),
    ):
        if count:
            parts.append(f"{count} {name}")
    return f"{', '.join(parts)} in {duration(outcome.seconds)}"
