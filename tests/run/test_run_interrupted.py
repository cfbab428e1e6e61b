"""Kills, interrupts and two runs at once, with parents in processes of their own."""

from __future__ import annotations

import os
import signal
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
    assert sum("another run is making it; waiting" in out for out, _ in answers) <= 1
    assert sum("done by another run" in out or "already done" in out for out, _ in answers) >= 1
