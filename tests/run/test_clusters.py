"""Executors against the real thing: SLURM's daemons and a Ray cluster of several nodes, on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from mtsuite.plan.graph import Job, Plan
from mtsuite.run.executors.drive import run_on_executor
from mtsuite.run.executors.events import Listening
from mtsuite.run.executors.needs import Needs
from mtsuite.run.progress import Progress
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store

from . import slurm
from .conftest import FUNCTIONS, job, parent_command, plan_of, until

NEEDS = Needs({}, None, False, memory_mb=500)


class Notes(Progress):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)

    debug = note


def a_table(tmp_path: Path) -> tuple[Plan, Job]:
    """A corpus, a training that stops in the middle, and what comes of it; beside it a row that fails."""
    journal = str(tmp_path / "journal")
    corpus = job("corpus", kind="corpus", journal=journal)
    slow = job("a: train", {"corpus": corpus.key}, do="steps", total=6, pause=0.02, slow_from=3, journal=journal)
    text = job("a: translate", {"phase": slow.key}, kind="translate", journal=journal)
    score = job("a: score", {"text": text.key, "corpus": corpus.key}, kind="score", journal=journal)
    bad = job("b: train", {"corpus": corpus.key}, do="fail", journal=journal)
    after = job("b: translate", {"phase": bad.key}, kind="translate", journal=journal)
    return plan_of(corpus, slow, text, score, bad, after), slow


def check_table(store: Store, slow: Job, outcome: Outcome, journal: Path) -> None:
    """Rows are those of a run without an accident, and only what was cut off was started again."""
    assert [one.label for one in outcome.done] == ["corpus", "a: train", "a: translate", "a: score"]
    assert [(one.label, text) for one, text in outcome.failed] == [("b: train", "RuntimeError: it broke\nsecond line")]
    assert [one.label for one in outcome.skipped] == ["b: translate"]
    assert (store.path(slow) / "first.txt").read_text() == "3"
    started = sorted(line.partition(" start ")[0] for line in journal.read_text().splitlines() if " start " in line)
    assert started == ["a: score", "a: train", "a: train", "a: translate", "b: train", "corpus"]


def run_and_cut(store: Store, slow: Job, run: Callable[[], Outcome], cut: Callable[[], None]) -> Outcome:
    """Run in a thread, and do something once the training is at its third step."""
    checkpoint = store.partial_path(slow) / "checkpoint"
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(run)
        try:
            assert until(lambda: outcome.done() or (checkpoint.exists() and checkpoint.read_text() == "3"), seconds=120)
        finally:
            cut()
        return outcome.result(timeout=180)


@pytest.fixture
def daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[slurm.Slurm]:
    made = slurm.Slurm(tmp_path / "slurm")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    try:
        made.start("n1")
        yield made
    finally:
        made.stop()


@pytest.mark.slurm
@pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())
def test_slurm_node_that_dies_costs_no_row(daemons: slurm.Slurm, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    from mtsuite.run.executors.slurm import Slurm

    # First what `srun` does by itself: tasks share the store.
    journal = tmp_path / "shared"
    jobs = [job(f"n{n}", n=n, do="sleep", seconds=0.5, journal=str(journal)) for n in range(6)]
    daemons.run("srun", "-n", "2", *parent_command(store, *jobs, workers=1))
    starts = [line.split() for line in journal.read_text().splitlines() if " start " in line]
    assert len(starts) == 6
    assert len({line[3] for line in starts}) == 2

    plan, slow = a_table(tmp_path)
    folder, progress = tmp_path / "groups", Notes()
    folder.mkdir()

    def cut() -> None:
        daemons.start_node("n2")
        daemons.kill_node("n1")
        daemons.bring_back("n1")

    executor = Slurm({}, folder)
    assert not executor.has_devices()
    go = partial(run_on_executor, plan, store, executor, NEEDS, folder, functions=FUNCTIONS, progress=progress)
    outcome = run_and_cut(store, slow, go, cut)
    check_table(store, slow, outcome, tmp_path / "journal")


@pytest.mark.ray
def test_ray_node_that_dies_costs_no_row(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="ray is not installed (the extra ray)")
    from ray.cluster_utils import Cluster

    from mtsuite.run.executors.ray_cluster import RayCluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    size = {"object_store_memory": 80_000_000, "memory": 2_000_000_000}
    head = {"num_cpus": 0, "include_dashboard": False, **size}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        first = cluster.add_node(num_cpus=1, **size)
        plan, slow = a_table(tmp_path)
        folder, progress = tmp_path / "groups", Notes()
        folder.mkdir()

        def cut() -> None:
            cluster.add_node(num_cpus=1, **size)
            told = [event for path in folder.glob("*.events") for event in Listening(path).new()]
            cluster.remove_node(first, allow_graceful=False)  # ends the daemon; a power cut takes the workers too
            for pid in {event["pid"] for event in told if event["event"] == "begun"}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        executor = RayCluster({"address": cluster.address}, folder)
        assert not executor.has_devices()
        go = partial(run_on_executor, plan, store, executor, NEEDS, folder, functions=FUNCTIONS, progress=progress)
        outcome = run_and_cut(store, slow, go, cut)
        check_table(store, slow, outcome, tmp_path / "journal")
        assert any("submitted again" in text for text in progress.told)
    finally:
        ray.shutdown()
        cluster.shutdown()
