"""Which jobs go to another machine together: a training with its translations and their scores."""

from __future__ import annotations

from collections.abc import Collection

from mtsuite.plan.graph import Job, Plan

_RIDES = frozenset({"translate", "score", "perplexity", "external", "choose", "chosen"})  # need what another one made


def grouped(plan: Plan, todo: Collection[str]) -> list[list[str]]:
    """The keys in ``todo`` by groups, each in the order of the plan.  No two groups wait for each other.

    A job that rides goes with the group that makes its inputs, where all others that it needs are inputs of that
    group too; else with jobs of the same row that need the same groups.  Every other job begins a group.
    """
    groups: list[list[str]] = []
    above: list[set[int]] = []  # groups that a group needs, directly or not
    home: dict[str, int] = {}
    shared: dict[tuple[str, frozenset[int]], int] = {}
    for key, job in plan.jobs.items():
        if key not in todo:
            continue
        near = {home[needed] for needed in job.inputs.values() if needed in home}
        number = _home(job, near, above, shared) if job.kind in _RIDES else None
        if number is None:
            number = len(groups)
            groups.append([])
            above.append(near.union(*(above[one] for one in near)))
            if job.kind in _RIDES:
                shared[_row(job), frozenset(near)] = number
        groups[number].append(key)
        home[key] = number
    return groups


def _home(job: Job, near: set[int], above: list[set[int]], shared: dict[tuple[str, frozenset[int]], int]) -> int | None:
    if near:
        last = max(near)
        if near - {last} <= above[last]:
            return last
    return shared.get((_row(job), frozenset(near)))


def _row(job: Job) -> str:
    return job.label.partition(":")[0]
