"""The scheduler, with real worker processes and fake jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import MTSuiteError, StoreError
from mtsuite.plan.graph import Job
from mtsuite.run import pool, scheduler
from mtsuite.run.machine import usable_cores
from mtsuite.run.progress import Progress
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store
from mtsuite.run.worker import accelerator_is_full, describe

from .conftest import alive, job, plan_of, until

Run = Callable[..., Outcome]


def summary(store: Store, one: Job) -> dict[str, Any]:
    status = store.status(one)
    assert status is not None
    found: dict[str, Any] = status["summary"]
    return found


def names(jobs: list[Job]) -> list[str]:
    return [one.label for one in jobs]


def events(journal: Path) -> list[list[str]]:
    return [line.split() for line in journal.read_text().splitlines()]


def test_runs_once_and_then_does_nothing(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = job("a", kind="corpus")
    second = job("b", {"data": first.key})
    plan = plan_of(first, second)
    outcome = run(plan, offline=True)
    assert names(outcome.done) == ["a", "b"]
    assert outcome.complete
    assert summary(store, second)["roles"] == ["data"]
    assert summary(store, second)["keys"] == {"data": first.key}
    assert summary(store, second)["offline"] is True
    assert (store.path(second) / "result.txt").read_text() == "b\ndata=a"
    status = store.status(second)
    assert status is not None
    assert status["peak_memory_mb"] > 1
    assert status["threads"] == max(1, usable_cores() // 2)

    def no_worker(*_: object, **__: object) -> None:
        raise AssertionError("a worker was started for finished jobs")

    monkeypatch.setattr(pool, "WorkerProcess", no_worker)
    monkeypatch.setattr(Store, "prepare", no_worker)
    again = run(plan)
    assert (names(again.done), names(again.cached), again.complete) == ([], ["a", "b"], True)


def test_failing_job_leaves_its_traceback_and_the_rest_goes_on(store: Store, run: Run) -> None:
    bad, good, user = job("bad", do="fail"), job("good"), job("user", do="user-fail")
    after = job("after", {"in": bad.key})
    last = job("last", {"in": after.key})
    outcome = run(plan_of(bad, good, user, after, last))
    assert names(outcome.done) == ["good"]
    assert {one.label: text for one, text in outcome.failed} == {
        "bad": "RuntimeError: it broke\nsecond line",
        "user": "no such corpus; look again",
    }
    assert names(outcome.skipped) == ["after", "last"]
    assert not outcome.complete
    folder = store.failed_path(bad)
    assert 'raise RuntimeError("it broke' in (folder / "traceback.txt").read_text()
    assert "about to fail" in (folder / "log.txt").read_text()
    status = store.status(user)
    assert status is not None
    assert (status["state"], status["user_error"], status["error_class"]) == ("failed", True, "DataError")


def test_failed_job_is_tried_again(store: Store, run: Run, tmp_path: Path) -> None:
    one = job("once", do="fail-once", flag=str(tmp_path / "flag"))
    assert run(plan_of(one)).failed
    assert run(plan_of(one)).complete
    assert not store.failed_path(one).exists()


def test_optional_inputs_leave_holes_that_are_filled_later(store: Store, run: Run, tmp_path: Path) -> None:
    bad = job("bad", do="fail-once", flag=str(tmp_path / "flag"))
    after = job("after", {"in": bad.key})
    good = job("good")
    report = job(
        "report", {"a": bad.key, "b": good.key, "c": after.key}, kind="report", optional=frozenset({"a", "b", "c"})
    )
    end = job("end", {"report": report.key}, kind="report")
    plan = plan_of(bad, good, after, report, end)
    outcome = run(plan)
    assert names(outcome.holes) == ["report", "end"]
    assert summary(store, report)["roles"] == ["b"]
    assert store.state(report) == store.state(end) == "holes"
    assert not outcome.complete
    again = run(plan)
    assert names(again.done) == ["bad", "after", "report", "end"]
    assert again.complete
    assert summary(store, report)["roles"] == ["a", "b", "c"]
    assert run(plan).cached == list(plan)


def test_fail_fast_ends_what_runs(store: Store, run: Run, tmp_path: Path) -> None:
    started = str(tmp_path / "slow has started")
    slow = job("slow", do="sleep", seconds=60, journal=started)
    bad, never = job("bad", do="fail", once_there=started), job("never")
    outcome = run(plan_of(slow, bad, never), keep_going=False)
    assert [one.label for one, _ in outcome.failed] == ["bad"]
    assert names(outcome.stopped) == ["slow", "never"]
    assert store.state(slow) == "partial"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("kill", "worker was killed by signal 9 (out of memory?)"),
        ("abort", "worker ended with exit code 7"),
        ("exit", "SystemExit: 3"),
    ],
)
def test_worker_that_dies(store: Store, run: Run, what: str, message: str) -> None:
    bad, good = job("bad", do=what), job("good")
    outcome = run(plan_of(bad, good), workers=1)
    assert [(one.label, text) for one, text in outcome.failed] == [("bad", message)]
    assert names(outcome.done) == ["good"]
    assert store.state(bad) == "failed"
    assert "bad [train" in (store.failed_path(bad) / "log.txt").read_text()


def test_prints_go_to_the_log_and_not_to_the_parent(store: Store, run: Run) -> None:
    one = job("loud", do="print")
    assert run(plan_of(one)).complete
    text = (store.path(one) / "log.txt").read_bytes()
    for piece in (b"forged", b"raw \xff bytes", b"raw error", "child says Grüße".encode(), b"no newline at the end"):
        assert piece in text


def test_job_that_reads_standard_input_gets_nothing(store: Store, run: Run) -> None:
    one = job("reader", do="stdin")
    assert run(plan_of(one, job("next")), workers=1).complete
    assert "stdin gave ''" in (store.path(one) / "log.txt").read_text()


def test_half_written_folder_is_made_again_with_a_warning(store: Store, run: Run) -> None:
    one, other = job("a"), job("b")
    plan = plan_of(one, other)
    run(plan)
    (store.path(one) / "status.json").write_text('{"schema": 1, "sta')
    (store.path(other) / "status.json").write_text('{"schema": 2, "state": "done"}')
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    assert names(run(plan, workers=1, progress=Notes()).done) == ["a", "b"]
    assert "not whole" in notes[0]
    assert "another format" in notes[1]


def test_full_disk_stops_the_run(store: Store, run: Run) -> None:
    with pytest.raises(StoreError, match="no space left on /"):
        run(plan_of(job("full", do="full"), *(job(f"n{n}", do="sleep", seconds=1, n=n) for n in range(8))))
    assert len(list((store.root / "train").glob("*.partial"))) < 8


def test_store_that_cannot_be_written_raises_before_anything_runs(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        scheduler.run_plan(plan_of(job("a")), Store(tmp_path / "file" / "x"), workers=1)


def test_exclusive_job_runs_alone_with_all_cores(run: Run, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    told: dict[str, Any] = {"journal": str(journal), "do": "sleep", "seconds": 0.2}
    jobs = [job(f"s{n}", **told, n=n) for n in range(3)]
    alone = [job(f"x{n}", exclusive=True, cost=2, **told, n=n) for n in range(2)]
    assert run(plan_of(jobs[0], *alone, *jobs[1:])).complete
    spans: dict[str, list[float]] = {}
    for name, what, moment, _, threads in events(journal):
        spans.setdefault(name, []).append(float(moment))
        if what == "start":
            assert int(threads) == (usable_cores() if name.startswith("x") else max(1, usable_cores() // 2))
    for one in ("x0", "x1"):
        begin, end = spans[one]
        assert all(other[1] <= begin or other[0] >= end for name, other in spans.items() if name != one)


def test_workers_are_reused_and_keep_their_cache(store: Store, run: Run) -> None:
    jobs = [job(f"c{n}", do="cache", n=n) for n in range(3)]
    assert run(plan_of(*jobs), workers=1).complete
    assert [summary(store, one)["cached"] for one in jobs] == [1, 2, 3]
    assert len({summary(store, one)["pid"] for one in jobs}) == 1
    assert until(lambda: not alive(summary(store, jobs[0])["pid"]))


def test_cache_does_not_outlive_a_failure(store: Store, run: Run) -> None:
    jobs = [job("c0", do="cache", n=0), job("bad", do="fail"), job("c1", do="cache", n=1)]
    assert [one.label for one, _ in run(plan_of(*jobs), workers=1).failed] == ["bad"]
    assert summary(store, jobs[2])["cached"] == 1


def test_only_keys_runs_those_and_what_they_need(run: Run) -> None:
    a, other = job("a"), job("other")
    b = job("b", {"in": a.key})
    outcome = run(plan_of(a, other, b), only_keys=[b.key])
    assert names(outcome.done) == ["a", "b"]
    with pytest.raises(ValueError, match="not in the plan"):
        run(plan_of(a), only_keys=["nonsense"])


def test_gpus_are_dealt_out(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "visible_gpus", lambda: ["GPU-a", "GPU-b"])
    jobs = [job(f"g{n}", do="sleep", seconds=0.5, exclusive=True, n=n) for n in range(2)]
    assert run(plan_of(*jobs), workers=None).complete
    assert {summary(store, one)["gpu"] for one in jobs} == {"GPU-a", "GPU-b"}


def test_worker_that_cannot_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "worker_environment", lambda *_: {**os.environ, "PYTHONHOME": "/nowhere"})
    with pytest.raises(MTSuiteError, match="cannot be started"):
        run(plan_of(job("a")))


def test_what_a_job_started_ends_with_its_worker(store: Store, run: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    one = job("steps", do="steps", total=2, pause=0.01, pids=str(pids))
    assert run(plan_of(one)).complete
    assert until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))


def test_specification_that_json_changes_is_refused(run: Run) -> None:
    odd = Job("train", "odd", {"name": "odd", "table": {2: "b", 10: "a"}})
    outcome = run(plan_of(odd))
    assert not outcome.failed or "does not survive JSON" in outcome.failed[0][1]


def test_status_is_strict_json(store: Store, run: Run) -> None:
    one = job("a")
    run(plan_of(one))

    def refuse(word: str) -> None:
        raise AssertionError(word)

    status = json.loads((store.path(one) / "status.json").read_text(), parse_constant=refuse)
    assert status["summary"]["ratio"] is None


def test_a_job_without_room_waits_until_it_is_alone(store: Store, run: Run, tmp_path: Path) -> None:
    busy = job("busy", do="busy", flag=str(tmp_path / "busy"), seconds=1.0)
    crowded = job("crowded", do="crowded", tried=str(tmp_path / "tried"), other=str(tmp_path / "busy"))
    after = job("after", {"in": crowded.key})
    told: list[str] = []

    class Again(Progress):
        def job_again(self, job: Job, why: str) -> None:
            told.append(f"{job.label}: {why}")

    outcome = run(plan_of(busy, crowded, after), workers=2, progress=Again())
    assert outcome.complete
    assert names(outcome.done) == ["busy", "crowded", "after"]
    assert told == ["crowded: the accelerator's memory is full"]
    assert not store.failed_path(crowded).exists()


def test_a_crowded_job_waits_for_its_own_device_only(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "visible_gpus", lambda: ["0", "1"])
    # Slots 0 and 2 share device 0.  The job on device 1 ends only after the second try has ended.
    flag, done, other = tmp_path / "flag", tmp_path / "done", tmp_path / "other"
    crowded = job(
        "crowded", do="crowded-again", tried=str(tmp_path / "tried"), flag=str(flag), other=str(other), done=str(done)
    )
    elsewhere = job("elsewhere", do="until", flag=str(other), end=str(done))
    neighbour = job("neighbour", do="busy", flag=str(flag), seconds=1.0)
    outcome = run(plan_of(crowded, elsewhere, neighbour), workers=3)
    assert outcome.complete
    assert names(outcome.done)[0] == "neighbour"  # the job elsewhere may end just before or after the second try


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (RuntimeError("out of memory of the old model"), False),
        (ValueError("CUDA out of memory"), False),
    ],
)
def test_what_says_that_an_accelerator_is_full(error: Exception, full: bool) -> None:
    assert accelerator_is_full(error) is full
    assert describe(error, Path("x"))["no_memory"] is full


@pytest.mark.parametrize("workers", [1, 2])
def test_a_job_too_large_for_the_accelerator_fails_with_advice(store: Store, run: Run, workers: int) -> None:
    large, other = job("large", do="no-memory"), job("other")
    outcome = run(plan_of(large, other), workers=workers)
    ((_, text),) = outcome.failed
    assert text.startswith("The accelerator's memory is full: CUDA out of memory. Tried to allocate 24.00 MiB. Lower")
    assert "--jobs" in text
    assert names(outcome.done) == ["other"]
    assert "Try something" in (store.failed_path(large) / "traceback.txt").read_text()


def test_damaged_input_is_made_again_before_it_is_used(store: Store, run: Run) -> None:
    first, good = job("a", kind="corpus"), job("good")
    second = job("b", {"data": first.key})
    run(plan_of(first, good, second))
    (store.path(first) / "result.txt").write_text("x")
    third = job("c", {"data": first.key})
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    outcome = run(plan_of(first, good, second, third), progress=Notes())
    assert names(outcome.done) == ["a", "c"]
    assert names(outcome.cached) == ["good", "b"]
    assert (store.path(third) / "result.txt").read_text() == "c\ndata=a"
    assert len(notes) == 1
    assert "is not trusted: result.txt has 1 bytes" in notes[0]


def test_worker_that_ran_code_from_outside_serves_its_row_alone(store: Store, run: Run, tmp_path: Path) -> None:
    journal = str(tmp_path / "journal")
    own = job("own: train", journal=journal, _use="ffn")
    first = job("mine: train", journal=journal, _use="mine.py:Mine")
    second = job("mine: translate", {"phase": first.key}, journal=journal, _use="mine.py:Mine")
    other = job("theirs: train", {"after": second.key}, journal=journal, _use="mine.py:Mine", config=2)
    remote = job("far: train", {"after": other.key}, journal=journal, _use="ffn", model={"trust_remote_code": True})
    last = job("late: train", {"after": remote.key}, journal=journal, _use="ffn")
    plan = plan_of(first, own, second, other, remote, last)
    assert run(plan, workers=1).complete
    processes = {" ".join(line[:2]): line[-2] for line in events(Path(journal)) if "start" in line}
    assert processes["mine: train"] == processes["mine: translate"]
    rows = [processes[name] for name in ("mine: train", "theirs: train", "far: train", "late: train")]
    assert len(set(rows)) == 4
