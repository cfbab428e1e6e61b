"""Helpers of the tests of the room run: small plans of fake jobs, in this process or in one of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mtsuite
from mtsuite.jobs.context import KINDS
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.scheduler import Outcome, run_plan
from mtsuite.run.store import Store

HERE = Path(__file__).parent
FUNCTIONS = dict.fromkeys(KINDS, f"{HERE / 'fake_jobs.py'}:run")


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "läden 店")


@pytest.fixture
def run(store: Store) -> Callable[..., Outcome]:
    def go(plan: Plan, **options: Any) -> Outcome:
        return run_plan(plan, store, **{"workers": 2, "functions": FUNCTIONS, **options})

    return go


def job(name: str, inputs: dict[str, str] | None = None, *, kind: str = "train", **spec: Any) -> Job:
    """A fake job; ``exclusive``, ``optional`` and ``cost`` are taken out of ``spec``."""
    own = {word: spec.pop(word) for word in ("exclusive", "optional", "cost") if word in spec}
    return Job(kind, name, {"name": name, **spec}, inputs or {}, **own)


def plan_of(*jobs: Job) -> Plan:
    plan = Plan()
    for one in jobs:
        plan.add(one)
    return plan


SCRIPT = """
import json, sys
from rich.console import Console
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.progress import PlainProgress
from mtsuite.run.scheduler import run_plan
from mtsuite.run.store import Store
told = json.loads(sys.argv[1])
plan = Plan()
for one in told["jobs"]:
    plan.add(Job(**one))
outcome = run_plan(
    plan, Store(told["root"]), workers=told["workers"], functions=told["functions"], progress=PlainProgress(Console())
)
sys.exit(0 if outcome.complete else 1)
"""


def parent_command(store: Store, *jobs: Job, workers: int = 2) -> list[str]:
    """The command line of a process that runs the jobs as ``mtsuite run`` would."""
    listed = [{"kind": j.kind, "label": j.label, "spec": j.spec, "inputs": j.inputs} for j in jobs]
    told = json.dumps({"jobs": listed, "root": str(store.root), "functions": FUNCTIONS, "workers": workers})
    return [sys.executable, "-c", SCRIPT, told]


def start_parent(store: Store, *jobs: Job, workers: int = 2) -> subprocess.Popen[str]:
    """A process that runs the jobs as the command line would."""
    environment = dict(os.environ, PYTHONPATH=str(Path(mtsuite.__file__).parent.parent))
    return subprocess.Popen(
        parent_command(store, *jobs, workers=workers),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        # Where the tests themselves run in the background SIGINT is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait for a condition; whether it came true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
