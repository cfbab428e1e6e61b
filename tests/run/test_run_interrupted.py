"""Kills, interrupts and two runs at once, with parents in processes of their own."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mtsuite.plan.graph import Job
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store

from .conftest import alive, job, plan_of, start_parent, until


def slow_job(tmp_path: Path) -> Job:
    return job("slow", do="steps", total=6, pause=0.02, slow_from=3, pids=str(tmp_path / "pids"))


def at_step_three(store: Store, one: Job) -> bool:
    checkpoint = store.partial_path(one) / "checkpoint"
    return checkpoint.exists() and checkpoint.read_text() == "3"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_parent_leaves_no_orphan_and_the_next_run_resumes(
    store: Store, run: Callable[..., Outcome], tmp_path: Path, number: signal.Signals
) -> None:
    one = slow_job(tmp_path)
    parent = start_parent(store, one)
    try:
        assert until(lambda: at_step_three(store, one))
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(alive(pid) for pid in pids)
        os.kill(parent.pid, number)
        out, _ = parent.communicate(timeout=20)
    finally:
        parent.kill()
    assert until(lambda: not any(alive(pid) for pid in pids))
    assert store.state(one) == "partial"
    if number == signal.SIGINT:
        assert parent.returncode in (-signal.SIGINT, 130)
        assert "the same command goes on from here" in out
    assert run(plan_of(one)).complete
    assert (store.path(one) / "first.txt").read_text() == "3"
    assert (store.status(one) or {})["resumed"] is True


def test_two_parents_do_a_job_once(store: Store, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    one = job("shared", do="sleep", seconds=1.0, journal=str(journal))
    own = [job(f"own{n}", {"in": one.key}, n=n) for n in range(2)]
    parents = [start_parent(store, one, own[n]) for n in range(2)]
    answers = [parent.communicate(timeout=40) for parent in parents]
    assert [parent.returncode for parent in parents] == [0, 0], answers
    assert journal.read_text().count("start") == 1
    assert sum("waiting for what other runs are making (shared)" in out for out, _ in answers) <= 1
    assert sum("done by another run" in out or "already done" in out for out, _ in answers) >= 1


def test_two_parents_share_the_work(store: Store, tmp_path: Path) -> None:
    """Each makes some of the jobs, none is made twice, and neither waits while another job is free."""
    journal = tmp_path / "journal"
    first = job("first", do="sleep", seconds=0.2, journal=str(journal))
    rest = [job(f"n{n}", {"in": first.key}, n=n, do="sleep", seconds=0.4, journal=str(journal)) for n in range(10)]
    parents = [start_parent(store, first, *rest, workers=1) for _ in range(2)]
    answers = [parent.communicate(timeout=60) for parent in parents]
    assert [parent.returncode for parent in parents] == [0, 0], answers
    lines = [line.split() for line in journal.read_text().splitlines()]
    started = [line for line in lines if line[1] == "start"]
    assert len(started) == 11
    by_process = Counter(line[3] for line in started)
    assert len(by_process) == 2
    assert min(by_process.values()) >= 3
    assert all("other runs" in out for out, _ in answers)


def test_partner_that_is_killed_leaves_its_job_to_the_other(store: Store, tmp_path: Path) -> None:
    """The lock goes with the process, the other run goes on from the checkpoint, and makes nothing twice."""
    one = slow_job(tmp_path)
    other = job("other")
    first = start_parent(store, one)
    try:
        assert until(lambda: at_step_three(store, one))
        second = start_parent(store, one, other, workers=1)
        assert until(lambda: store.is_done(other.key, other.kind))
        assert not store.is_done(one.key, one.kind)
        os.kill(first.pid, signal.SIGKILL)
        out, _ = second.communicate(timeout=40)
    finally:
        first.kill()
    assert second.returncode == 0, out
    assert "another run is at work on this store" in out
    assert "waiting for what other runs are making (slow)" in out
    assert (store.path(one) / "first.txt").read_text() == "3"


def test_failure_of_a_partner_is_not_repeated(store: Store, tmp_path: Path) -> None:
    """A job that fails while two runs share the store fails once; the next run tries it again."""
    journal, end = tmp_path / "journal", tmp_path / "end"
    bad = job("bad", do="fail", once_there=str(end), journal=str(journal))
    after = job("after", {"in": bad.key})
    first = start_parent(store, bad, after)
    assert until(lambda: journal.exists())
    second = start_parent(store, job("other"), bad, after, workers=1)
    assert until(lambda: store.is_done(job("other").key, "train"))
    end.touch()
    answers = [parent.communicate(timeout=40) for parent in (first, second)]
    assert [parent.returncode for parent in (first, second)] == [1, 1], answers
    assert journal.read_text().count("start") == 1
    assert "bad: FAILED: RuntimeError: it broke (in another run, on" in answers[1][0]
    assert "after: skipped" in answers[1][0]
    third = start_parent(store, bad, after)
    third.communicate(timeout=40)
    assert journal.read_text().count("start") == 2
