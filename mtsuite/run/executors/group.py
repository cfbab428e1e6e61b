"""A group of jobs on the machine that an executor brought it to: a run of its own on the store that all share.

``python -m mtsuite.run.executors.group FILE``; the file is written by the run that submits the group.  Started again,
it goes on from checkpoints; what is done is not done again.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from mtsuite.errors import MTSuiteError
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.executors.base import Resources
from mtsuite.run.executors.events import Listening, Telling
from mtsuite.run.scheduler import run_plan
from mtsuite.run.store import Store


def write_group(
    path: Path,
    plan: Plan,
    keys: list[str],
    lost: set[str],
    holed: set[str],
    store: Store,
    resources: Resources,
    offline: bool,
    functions: dict[str, str],
) -> None:
    """Write what ``run_group`` reads: the jobs and what they take from others; ``lost`` are inputs that failed.

    ``holed`` are jobs that are done with holes.
    """
    outside = [
        needed
        for needed in dict.fromkeys(needed for key in keys for needed in plan.jobs[key].inputs.values())
        if needed not in keys and needed not in lost and needed in plan.jobs
    ]
    jobs = [{**asdict(plan.jobs[key]), "optional": sorted(plan.jobs[key].optional)} for key in [*outside, *keys]]
    told = {"jobs": jobs, "keys": keys, "outside": outside, "store": str(store.root.absolute()), "offline": offline,
            "functions": functions, "holed": [key for key in outside if key in holed], **asdict(resources)}  # fmt: skip
    path.write_text(json.dumps(told), encoding="utf-8")


def events_path(path: Path) -> Path:
    """Where a group tells what happens."""
    return path.with_suffix(".events")


def run_group(path: Path | str) -> None:
    """Make the jobs of a group; jobs that fail do not raise, the run that submitted the group is told of them.

    Raises MTSuiteError when the machine cannot make any (its locks, its disk), after telling that.
    """
    path = Path(path)
    told = json.loads(path.read_text(encoding="utf-8"))
    lost = {event["key"] for event in Listening(events_path(path)).new() if event.get("event") in ("failed", "skipped")}
    keys = [key for key in told["keys"] if key not in lost]  # started again, a group does not repeat what failed
    telling = Telling(events_path(path))
    telling.tell("begun", pid=os.getpid())
    plan = Plan()
    for one in told["jobs"]:
        job = Job(**{**one, "optional": frozenset(one["optional"])})
        plan.jobs[job.key] = job
    devices = int(told["devices"])
    try:
        run_plan(
            plan, Store(told["store"]), workers=max(1, devices), cores=int(told["cpus"]), offline=told["offline"],
            progress=telling, only_keys=keys, functions=told["functions"], as_it_is=told["outside"],
            holed=told["holed"],
        )  # fmt: skip
    except MTSuiteError as error:
        telling.tell("broken", error=str(error))
        raise


class GroupCall:
    """``run_group`` of one file, for libraries that want an object; ``checkpoint`` is how submitit starts it again."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self) -> None:
        run_group(self.path)

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def main() -> None:
    """Run the group whose file is the argument; a signal to end ends the workers too.  Raises SystemExit."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        run_group(sys.argv[1])
    except MTSuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
