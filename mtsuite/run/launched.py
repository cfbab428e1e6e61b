"""Under ``accelerate launch``: every process runs this program, and training jobs are done by all together.

All trainings share these processes, so rows with code from outside of the suite come last, and a note says that they
are not apart from one another.

The first process does what cannot be shared (corpus, probes) while the others wait; the remaining jobs,
which do not train, are left to the ordinary scheduler of the first process.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence

from mtsuite.jobs.context import JobContext, job_function
from mtsuite.meter import peak_gpu_memory_mb, peak_memory_mb, reset_peak_memory
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.cache import BoundedCache
from mtsuite.run.outside import outside_code
from mtsuite.run.store import Store

_TOGETHER = ("base", "train")
_BEFORE = ("corpus", "probe")
_PATIENCE = datetime.timedelta(hours=12)  # how long processes wait for the first one's corpus or probe
_GRACE = 60.0  # seconds in which the first process should fail as well, when another one did


def launched() -> bool:
    """Whether a launcher started several processes of this program."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def run_launched(plan: Plan, store: Store, *, offline: bool = False) -> None:
    """Do all training jobs of the plan with all processes; only the first process returns.

    A job that fails is recorded like any other failure, and what depends on it is left out.
    """
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.accelerator.is_available(), timeout=_PATIENCE)
    cache = BoundedCache()
    if state.is_main_process:
        store.prepare()
    state.wait_for_everyone()
    jobs = [job for job in plan if job.kind in (*_TOGETHER, *_BEFORE)]
    rows = {job.key: outside_code(job) for job in jobs}
    foreign = sorted({row for row in rows.values() if row})
    if foreign and state.is_main_process:
        sys.stderr.write(shared_note(foreign))
    for job in sorted(jobs, key=lambda job: bool(rows[job.key])):  # stable: inputs of a row come before it, as planned
        with contextlib.ExitStack() as stack:
            ready = state.is_main_process and _ready(plan, store, job)
            if ready:
                stack.enter_context(store.lock(job))
                ready = _ready(plan, store, job)  # another run may just have made it
                shutil.rmtree(store.failed_path(job), ignore_errors=True)
            if not _agreed(ready):
                continue
            if job.kind in _TOGETHER or state.is_main_process:
                _run(plan, store, job, cache, offline, main=state.is_main_process)
            state.wait_for_everyone()
    state.destroy_process_group()
    if not state.is_main_process:
        sys.exit(0)
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        os.environ.pop(name, None)  # the workers that come next are ordinary processes


def shared_note(rows: Sequence[str]) -> str:
    """What is told of rows whose code from outside runs in the processes of a launcher."""
    return (
        f"note: under a launcher all trainings share one process each, also those with code from outside of the suite "
        f"({', '.join(rows)}). They are trained last; what they change in a library may reach one another. Without a "
        "launcher each has a process of its own.\n"
    )


def _ready(plan: Plan, store: Store, job: Job) -> bool:
    if store.is_done(job.key, job.kind):
        return False
    return all(store.has_output(plan.jobs[key]) for key in job.inputs.values())


def _agreed(mine: bool) -> bool:
    """The first process's answer, in every process."""
    from accelerate.utils import broadcast_object_list

    answer: list[bool] = [mine]
    broadcast_object_list(answer)
    return answer[0]


def _run(plan: Plan, store: Store, job: Job, cache: BoundedCache, offline: bool, *, main: bool) -> None:
    inputs = {role: store.path(plan.jobs[key]) for role, key in job.inputs.items()}
    output = store.open_partial(job) if main else store.partial_path(job)  # the latter to read checkpoints from
    context = JobContext(cache=cache, keys=job.inputs, offline=offline, shared=store.root)
    started = time.monotonic()
    reset_peak_memory()
    try:
        summary = job_function(job.kind)(job.spec, inputs, output, context)
    except Exception as error:
        if main:
            store.fail(job, str(error), error_class=type(error).__name__, traceback=traceback.format_exc())
        else:
            _wait_for_failure(store, job)
        return
    if main:
        more = {"peak_gpu_memory_mb": peak_gpu_memory_mb()}
        store.finish(job, summary, time.monotonic() - started, peak_memory_mb=peak_memory_mb(), more=more)


def _wait_for_failure(store: Store, job: Job) -> None:
    """Let the first process fail as well; where it goes on, it would wait for this one for ever, so end."""
    trace, end = traceback.format_exc(), time.monotonic() + _GRACE
    while not (store.failed_path(job) / "status.json").is_file():
        if time.monotonic() > end:
            sys.stderr.write(trace)
            sys.stderr.flush()
            os._exit(1)  # the launcher ends the others; the next run goes on from the last checkpoint
        time.sleep(0.2)
