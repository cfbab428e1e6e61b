"""Which job next: the longest way to the end first, and where possible on a worker that knows its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from mtsuite.plan.graph import Job, Plan


def dependants(plan: Plan, keys: Collection[str]) -> dict[str, list[str]]:
    """For each job the jobs among ``keys`` that take it as an input."""
    found: dict[str, list[str]] = {key: [] for key in plan.jobs}
    for key, job in plan.jobs.items():
        if key in keys:
            for needed in set(job.inputs.values()):
                found[needed].append(key)
    return found


def critical_paths(plan: Plan, keys: Collection[str]) -> dict[str, float]:
    """For each job in ``keys`` its cost and that of the costliest chain of jobs waiting behind it."""
    behind = dependants(plan, keys)
    length: dict[str, float] = {}
    for key in reversed(plan.jobs):
        if key in keys:
            length[key] = plan.jobs[key].cost + max((length[after] for after in behind[key]), default=0.0)
    return length


def wanted(plan: Plan, only: Iterable[str] | None, done: Collection[str]) -> list[str]:
    """Keys to look at, in plan order: all, or those in ``only`` with what they need that is not done.

    Raises ValueError when one of them is not in the plan.
    """
    if only is None:
        return list(plan.jobs)
    found: set[str] = set()
    waiting = list(only)
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        if key not in plan.jobs:
            raise ValueError(f"job {key} is not in the plan")
        found.add(key)
        if key not in done:
            waiting.extend(plan.jobs[key].inputs.values())
    return [key for key in plan.jobs if key in found]


def choose(
    candidates: Collection[str],
    known: Iterable[Collection[str]],
    jobs: Mapping[str, Job],
    length: Mapping[str, float],
    fits: Callable[[str, int], bool] = lambda key, number: True,
) -> tuple[str, int | None]:
    """The job to start and the number of the idle worker to start it on (``None`` when none is idle, or none fits).

    ``known`` has, for each idle worker, the keys of what it last held.  Of the jobs whose chain is at
    least half as long as the longest, the one that shares most with an idle worker is taken; ties go
    to the longer chain, then to the order of the plan (``candidates`` is in that order).  A worker that does not
    ``fit`` a job counts less than any that does.
    """
    longest = max(length[key] for key in candidates)
    best: tuple[int, float] | None = None
    choice: tuple[str, int | None] | None = None
    workers: list[tuple[int | None, Collection[str]]] = list(enumerate(known))
    for key in candidates:
        if 2 * length[key] < longest:
            continue
        needs = jobs[key].inputs.values()
        for number, held in workers or [(None, ())]:
            suits = number is not None and fits(key, number)
            score = (sum(needed in held for needed in needs) if suits else -1, length[key])
            if best is None or score > best:
                best, choice = score, (key, number if suits else None)
    assert choice is not None
    return choice
