"""Executors without a cluster: grouping, what is asked for, options, and runs on an executor of processes."""

from __future__ import annotations

import builtins
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mtsuite.errors import ExecutorError, StoreError
from mtsuite.run.executors import drive
from mtsuite.run.executors.base import Group, Resources, State, group_command
from mtsuite.run.executors.drive import run_on_executor
from mtsuite.run.executors.find import choose_executor, read_options
from mtsuite.run.executors.group import GroupCall
from mtsuite.run.executors.grouping import grouped
from mtsuite.run.executors.needs import Needs, told
from mtsuite.run.executors.ray_cluster import RayCluster
from mtsuite.run.executors.slurm import Slurm, _state
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store

from .conftest import FUNCTIONS, job, plan_of

NEEDS = Needs({"lora": 2_000, "lora-big": 90_000}, 1_000, has_devices=False)


class Processes:
    """An executor whose groups are processes of this machine; ``kills`` groups are killed as soon as they start."""

    interval: ClassVar[float] = 0.05
    options: ClassVar[Mapping[str, str]] = {}
    kills: ClassVar[int] = 0

    def __init__(self, options: Mapping[str, str], folder: Path) -> None:
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.groups: list[Group] = []
        self.cancelled: list[str] = []

    def has_devices(self) -> bool:
        return False

    def submit(self, group: Group) -> str:
        name = f"p{len(self.started)}"
        command = group_command(group.path) if len(self.started) >= self.kills else ["sleep", "60"]
        self.started[name] = subprocess.Popen(command, start_new_session=True)
        if len(self.started) <= self.kills:
            self.started[name].kill()
        self.groups.append(group)
        return name

    def poll(self, names: Collection[str]) -> Mapping[str, State]:
        codes = {name: self.started[name].poll() for name in names}
        return {n: State("running") if code is None else State("ended", f"code {code}") for n, code in codes.items()}

    def cancel(self, names: Collection[str]) -> None:
        for name in names:
            self.cancelled.append(name)
            self.started[name].send_signal(signal.SIGTERM)


def run(store: Store, tmp_path: Path, *jobs: Any, executor: Processes, **options: Any) -> Outcome:
    folder = tmp_path / "groups"
    folder.mkdir(exist_ok=True)
    return run_on_executor(plan_of(*jobs), store, executor, NEEDS, folder, functions=FUNCTIONS, **options)


def test_a_training_goes_with_its_translations_and_their_scores() -> None:
    corpus = job("corpus", kind="corpus")
    base = job("base model", kind="base")
    trained = [job(f"{row}: train", {"corpus": corpus.key, "base": base.key}) for row in "ab"]
    texts = [job(f"{row}: translate", {"phase": t.key, "corpus": corpus.key}, kind="translate")
             for row, t in zip("ab", trained, strict=True)]  # fmt: skip
    plain = [job(f"zero: translate {d}", {"corpus": corpus.key, "base": base.key}, kind="translate") for d in "xy"]
    scores = [job(f"{t.label} score", {"text": t.key, "corpus": corpus.key}, kind="score") for t in [*texts, *plain]]
    comet = job("comet", {t.label: t.key for t in texts}, kind="comet")
    plan = plan_of(corpus, base, *trained, *texts, *plain, *scores, comet)
    found = [[plan.jobs[key].label for key in keys] for keys in grouped(plan, plan.jobs)]
    assert found == [
        ["corpus"],
        ["base model"],
        ["a: train", "a: translate", "a: translate score"],
        ["b: train", "b: translate", "b: translate score"],
        ["zero: translate x", "zero: translate y", "zero: translate x score", "zero: translate y score"],
        ["comet"],
    ]
    later = [[plan.jobs[key].label for key in keys] for keys in grouped(plan, [s.key for s in scores])]
    assert later == [[s.label] for s in scores[:1]] + [[scores[1].label]] + [[s.label for s in scores[2:]]]


def test_what_a_group_asks_for() -> None:
    train, score = job("lora: train", cost=4000), job("lora: score", kind="score")
    big = job("lora-big: train")
    assert NEEDS.of([score]) == Resources(0, 1, 4000, 30)
    assert NEEDS.of([train, score]) == Resources(0, 1, 7000, 201)
    assert NEEDS.of([big]).memory_mb == 139_000
    card = Needs({"lora": 2_000}, 1_000, has_devices=True)
    assert card.of([train]) == Resources(1, 4, 6000, 200)
    assert card.of([score]).devices == 0
    asked = Needs({}, None, True, **told({"devices": "2", "cpus": "16", "memory": "64G", "time": "90", "at_once": "3"}))
    assert asked.of([train]) == Resources(2, 16, 64_000, 90)
    assert Needs({}, None, True).of([train]).memory_mb == 60_000


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("slrum", [], r"unknown executor 'slrum'. Did you mean 'slurm'\?"),
        ("local", ["cpus=1"], "this machine has none"),
        ("slurm", ["partitoin=x"], r"partitoin: slurm has no such option. Did you mean 'partition'\?"),
        ("ray", ["partition=x"], "ray has no such option"),
        ("slurm", ["partition"], "expected KEY=VALUE, found 'partition'"),
        ("slurm", ["cpus=1", "cpus=2"], "cpus: given twice"),
        ("slurm", ["cpus=0"], "cpus: expected a whole number from 1 on, found '0'"),
        ("ray", ["memory=many"], "memory: expected a size such as 64G or 500M, found 'many'"),
        ("ray", ["time=1h"], "time: expected a whole number"),
    ],
)
def test_options_that_cannot_be_are_refused(name: str, options: list[str], said: str) -> None:
    with pytest.raises(ExecutorError, match=said) as caught:
        choose_executor(name, read_options(options))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("cls", "package"), [(Slurm, "submitit"), (RayCluster, "ray")])
def test_missing_package_is_said_with_the_command(
    cls: Any, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExecutorError, match=rf"needs the package {package}.*pip install 'mtsuite\["):
        cls({}, tmp_path)


def test_missing_slurm_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ExecutorError, match="sbatch, srun, squeue, scancel cannot be found: run this command on a login"
    ):
        Slurm({}, tmp_path)


@pytest.mark.parametrize(
    ("state", "kind"),
    [("PENDING", "waiting"), ("REQUEUED", "waiting"), ("COMPLETING", "running"), ("NODE_FAIL", "ended"),
     ("TIMEOUT", "ended"), ("COMPLETED", "ended"), ("OUT_OF_MEMORY", "ended")],
)  # fmt: skip
def test_states_of_slurm(state: str, kind: str) -> None:
    assert _state(state, "").kind == kind


def test_submitit_starts_a_group_again_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    call = GroupCall(str(tmp_path / "x.json"))
    assert call.checkpoint().function is call


def test_run_on_an_executor_makes_what_a_run_makes(store: Store, tmp_path: Path) -> None:
    corpus = job("corpus", kind="corpus")
    good = job("a: train", {"corpus": corpus.key})
    text = job("a: translate", {"phase": good.key}, kind="translate")
    bad = job("b: train", {"corpus": corpus.key}, do="fail")
    after = job("b: translate", {"phase": bad.key}, kind="translate")
    last = job("all", {"a": text.key, "b": after.key}, kind="comet", optional=frozenset({"b"}))
    jobs = (corpus, good, text, bad, after, last)
    executor = Processes({}, tmp_path)
    outcome = run(store, tmp_path, *jobs, executor=executor)
    assert [one.label for one in outcome.done] == ["corpus", "a: train", "a: translate", "all"]
    assert [(one.label, error) for one, error in outcome.failed] == [
        ("b: train", "RuntimeError: it broke\nsecond line")
    ]
    assert [one.label for one in outcome.skipped] == ["b: translate"]
    assert [one.label for one in outcome.holes] == ["all"]
    assert store.state(last) == "holes"
    assert [group.name for group in executor.groups] == ["corpus", "a: train", "b: train", "all"]
    assert executor.cancelled == []
    again = run(store, tmp_path, corpus, good, text, executor=Processes({}, tmp_path))
    assert (len(again.cached), again.complete) == (3, True)


def test_group_that_dies_is_submitted_again_but_not_for_ever(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "_SETTLING", 0.1)
    one = job("a")
    executor = Processes({}, tmp_path)
    monkeypatch.setattr(Processes, "kills", 2)
    assert run(store, tmp_path, one, executor=executor).complete
    assert len(executor.started) == 3
    other = job("b")
    monkeypatch.setattr(Processes, "kills", 99)
    outcome = run(store, tmp_path, other, executor=Processes({}, tmp_path))
    ((_, error),) = outcome.failed
    assert "ended before its jobs were done (code -9), 4 times" in error
    assert store.state(other) == "failed"


def test_interrupt_and_fail_fast_cancel_what_is_submitted(store: Store, tmp_path: Path) -> None:
    slow, bad = job("slow", do="sleep", seconds=60), job("bad", do="fail")
    executor = Processes({}, tmp_path)
    outcome = run(store, tmp_path, slow, bad, executor=executor, keep_going=False)
    assert [one.label for one, _ in outcome.failed] == ["bad"]
    assert [one.label for one in outcome.stopped] == ["slow"]
    assert "p0" in executor.cancelled
    assert executor.started["p0"].wait(timeout=20) != 0


def test_machine_that_cannot_make_jobs_ends_the_run(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Processes):
        def submit(self, group: Group) -> str:
            code = (
                "import fcntl, sys; fcntl.flock = lambda d, o: None; sys.argv[1:] = [sys.argv[1]];"
                "from mtsuite.run.executors.group import main; main()"
            )
            self.started["p0"] = subprocess.Popen([sys.executable, "-c", code, str(group.path)])
            return "p0"

    executor = Broken({}, tmp_path)
    with pytest.raises(StoreError, match=r"a, as p0: .*locks keep nobody out"):
        run(store, tmp_path, job("a"), executor=executor)
    executor.started["p0"].wait(timeout=20)
