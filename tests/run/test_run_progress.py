"""What the user reads while a plan runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mtsuite.run.live import LiveProgress
from mtsuite.run.progress import (
    NORMAL,
    QUIET,
    VERBOSE,
    PlainProgress,
    describe_values,
    make_progress,
    short,
)
from mtsuite.run.scheduler import Outcome
from mtsuite.units import duration

from .conftest import job

A, B, C = job("train [b]lora[/b]", cost=30.0, n=1), job("score en-de", cost=10.0, n=2), job("report", n=3)


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def console(terminal: bool = False) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=terminal, width=60, color_system=None, _environ={"TERM": "xterm"}), file


def play(progress: PlainProgress | LiveProgress, clock: Clock) -> None:
    progress.begin([A, B, C], 4)
    progress.job_started(A)
    clock.now += 1
    progress.job_progress(A, {"step": 5, "total": 100, "loss": 3.0})
    clock.now += 15
    progress.job_progress(A, {"step": 50, "total": 100, "loss": 2.3456, "tokens_per_second": 1234.0})
    clock.now += 1
    progress.job_progress(A, {"step": 51, "total": 100})
    progress.tick()
    progress.debug("a detail")
    clock.now += 13
    progress.job_done(A, 30.0)
    progress.job_started(B)
    progress.job_failed(B, "DataError: no text\nmore", Path("/store/failed/key"))
    progress.job_skipped(C, ["scores"])
    progress.end(Outcome(done=[A], cached=[A] * 4, failed=[(B, "no text")], skipped=[C], seconds=30.2))


def test_plain_lines() -> None:
    screen, file = console()
    clock = Clock()
    play(PlainProgress(screen, clock=clock), clock)
    assert file.getvalue().splitlines() == [
        "3 jobs to run, 4 already done",
        "[1/3] train [b]lora[/b]: started",
        "[1/3] train [b]lora[/b]: step 50/100, loss 2.346, 1.2k tokens/s; 28 s left for all",
        "[1/3] train [b]lora[/b]: done in 30 s",
        "[2/3] score en-de: started",
        "[2/3] score en-de: FAILED: DataError: no text (traceback and log in /store/failed/key)",
        "report: skipped (scores failed)",
        "1 done, 4 already done, 1 failed, 1 skipped in 30 s",
    ]


def test_quiet_tells_failures_only() -> None:
    screen, file = console()
    clock = Clock()
    play(PlainProgress(screen, level=QUIET, clock=clock), clock)
    assert [line.split(":")[1] for line in file.getvalue().splitlines()] == [" FAILED"]


def test_verbose_tells_details() -> None:
    screen, file = console()
    clock = Clock()
    play(PlainProgress(screen, level=VERBOSE, clock=clock), clock)
    assert "a detail" in file.getvalue()


@pytest.mark.parametrize("level", [NORMAL, VERBOSE])
def test_live_bars(level: int) -> None:
    screen, file = console(terminal=True)
    clock = Clock()
    progress = LiveProgress(screen, level=level, clock=clock)
    progress.bars.live.auto_refresh = False
    play(progress, clock)
    text = file.getvalue()
    assert "score en-de: FAILED: DataError: no text (traceback and log in /store/failed/key)" in text
    assert text.rstrip().endswith("1 done, 4 already done, 1 failed, 1 skipped in 30 s")
    assert ("train [b]lora[/b]: done in 30 s" in text) == (level == VERBOSE)


def test_a_job_that_starts_again_keeps_its_number_and_loses_its_bar() -> None:
    why = "the accelerator's memory is full"
    screen, file = console()
    clock = Clock()
    plain = PlainProgress(screen, clock=clock)
    live = LiveProgress(console(terminal=True)[0], clock=clock)
    live.bars.live.auto_refresh = False
    for progress in (plain, live):
        progress.begin([A, B], 0)
        progress.job_started(A)
        progress.job_progress(A, {"step": 50, "total": 100})
        progress.job_again(A, why)
        assert progress.left.running == {}
        progress.job_started(B)
    assert list(live.tasks) == [B.key]
    assert len(live.bars.tasks) == 2  # all jobs, and B
    for progress in (plain, live):
        progress.job_started(A)
        progress.job_done(A, 30.0)
        progress.job_done(B, 10.0)
        progress.end(Outcome(done=[A, B], seconds=40.0))
    assert live.settled == 2
    assert file.getvalue().splitlines() == [
        "2 jobs to run, 0 already done",
        "[1/2] train [b]lora[/b]: started",
        f"[1/2] train [b]lora[/b]: {why}; once more when no other job uses it (fewer jobs at once: --jobs)",
        "[2/2] score en-de: started",
        "[1/2] train [b]lora[/b]: started",
        "[1/2] train [b]lora[/b]: done in 30 s",
        "[2/2] score en-de: done in 10 s",
        "2 done in 40 s",
    ]


def test_a_second_plan_has_a_bar_and_counts_of_its_own() -> None:
    clock = Clock()
    live = LiveProgress(console(terminal=True)[0], clock=clock)
    live.bars.live.auto_refresh = False
    live.job_failed(B, "PluginError: a row that could not be planned", Path("/store/failed/key"))
    live.begin([A], 0)
    live.job_started(A)
    live.job_done(A, 30.0)
    assert live.settled == 1
    live.end(Outcome(done=[A], seconds=30.0))
    live.begin([C], 0)
    assert (live.settled, len(live.bars.tasks)) == (0, 1)
    live.end(Outcome(seconds=0.1))


def test_nothing_to_do() -> None:
    screen, file = console()
    progress = PlainProgress(screen)
    progress.begin([], 3)
    progress.end(Outcome(cached=[A, B, C]))
    assert file.getvalue() == "nothing to do: all 3 jobs are already done\n"


def test_choice_of_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("CI", raising=False)
    assert isinstance(make_progress(console(terminal=True)[0]), LiveProgress)
    assert isinstance(make_progress(console()[0]), PlainProgress)
    assert isinstance(make_progress(console(terminal=True)[0], level=QUIET), PlainProgress)
    monkeypatch.setenv("CI", "1")
    assert isinstance(make_progress(console(terminal=True)[0]), PlainProgress)


def test_words() -> None:
    assert [duration(x) for x in (0.04, 9.94, 9.96, 59.6, 185, 7800)] == [
        "0.0 s",
        "9.9 s",
        "10 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 10 min",
    ]
    assert [short(x) for x in (950, 1234, 3.4e6)] == ["950", "1.2k", "3.4M"]
    assert describe_values({"step": 3, "text": "loading"}) == "step 3, loading"
    assert describe_values({}) == ""
