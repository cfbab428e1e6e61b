"""What the scheduler costs per job: a plan of jobs that do nothing, on the workers of this machine.

    python benchmarks/scheduling.py
    python benchmarks/scheduling.py --jobs 3000 --workers 1

The plan has the shape of a table's: trainings behind one corpus, translations behind each training, a score behind each
translation.  Specifications are as large as real ones (about 2 kB).  Told are the wall time per job from an empty
store, how much of it the scheduler's own process computes, and the time of a second run in which all jobs are done.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.jobs.context import KINDS, JobContext
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.scheduler import run_plan
from mtsuite.run.store import Store

FUNCTIONS = dict.fromkeys(KINDS, f"{Path(__file__).resolve()}:empty")
TRANSLATIONS = 10  # behind each training


def empty(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """A job that does nothing."""
    return {}


def plan_of(jobs: int) -> Plan:
    """A table's plan with about so many jobs."""
    plan = Plan()
    corpus = plan.add(Job("corpus", "corpus", {"name": "corpus"}))
    filler = {f"key_{number}": "value of some length" for number in range(50)}
    for row in range(max(1, jobs // (1 + 2 * TRANSLATIONS))):
        trained = plan.add(Job("train", f"m{row}", {"row": row, **filler}, {"corpus": corpus}))
        for direction in range(TRANSLATIONS):
            spec = {"row": row, "direction": direction, **filler}
            text = plan.add(Job("translate", f"m{row}: translate {direction}", spec, {"phase": trained}))
            plan.add(Job("score", f"m{row}: score {direction}", spec, {"hypotheses": text, "corpus": corpus}))
    return plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    plan = plan_of(arguments.jobs)
    folder = Path(tempfile.mkdtemp(prefix="scheduling-"))
    for what in ("from an empty store", "with all jobs done"):
        begun, used = time.perf_counter(), time.process_time()
        outcome = run_plan(plan, Store(folder), workers=arguments.workers, functions=FUNCTIONS)
        seconds, own = time.perf_counter() - begun, time.process_time() - used
        assert outcome.complete
        each = 1000 * seconds / len(plan)
        print(f"{len(plan)} jobs {what}: {seconds:.1f} s, {each:.2f} ms per job, "
              f"of it {1000 * own / len(plan):.2f} ms in the scheduler's process", flush=True)  # fmt: skip
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
