"""A plan: jobs that depend on one another, each with a content key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks: equal specifications give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_key(kind: str, spec: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Twenty hexadecimal digits of a hash over kind, specification and the keys of the inputs.

    Entries of the specification that begin with an underscore say how to run, not what comes out (a
    folder's place, the time between checkpoints): they do not count.
    """
    counted = {name: value for name, value in spec.items() if not name.startswith("_")}
    text = canonical({"kind": kind, "spec": counted, "inputs": dict(inputs)})
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Job:
    """One piece of work.  ``inputs`` maps a role to the key of the job that serves it."""

    kind: str
    label: str
    spec: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    exclusive: bool = False  # takes all cores of the machine instead of one share
    optional: frozenset[str] = frozenset()  # roles whose failure leaves a hole instead of failing this job too
    cost: float = 1.0  # rough seconds on two cores; orders the queue and feeds the time left

    @property
    def key(self) -> str:
        return content_key(self.kind, self.spec, self.inputs)


@dataclass
class Plan:
    """Jobs in an order in which every job comes after its inputs; equal jobs are held once."""

    jobs: dict[str, Job] = field(default_factory=dict)

    def add(self, job: Job) -> str:
        """Add a job (or find the equal one) and return its key.  Optional inputs may be missing from the plan.

        Raises ValueError when another input is not in the plan.
        """
        key = job.key
        for role, needed in job.inputs.items():
            if needed not in self.jobs and role not in job.optional:
                raise ValueError(f"{job.label}: input {role} ({needed}) is not in the plan")
        self.jobs.setdefault(key, job)
        return key

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs.values())

    def __len__(self) -> int:
        return len(self.jobs)
