"""What a group of jobs asks of another machine, from the plan: devices, cores, memory, time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtsuite.errors import ExecutorError
from mtsuite.plan.cost import base_estimate, row_estimates
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.run.executors.base import Resources

OPTIONS = {
    "devices": "accelerators per group; default 1 where the cluster has any and the group runs a model",
    "cpus": "cores per group; default 4 beside an accelerator, else 1",
    "memory": "host memory per group, such as 64G; default from the plan",
    "time": "minutes per group; default from the plan, at least 30",
    "at_once": "groups that are submitted at the same time; default 100",
}
_MODEL = frozenset({"base", "probe", "start", "train", "translate", "perplexity", "comet"})  # kinds that run a model
_LIBRARIES = 4000  # MB that the interpreter, torch and a COMET checkpoint of usual size take
_UNKNOWN = 60_000  # MB, where the plan does not know the model's size
_SHORTEST = 30  # minutes
_UNITS = {"": 1, "M": 1, "G": 1000, "T": 1_000_000}


@dataclass(frozen=True)
class Needs:
    """Memory of the plan's rows in MB (None: unknown), and what the command says instead of the plan."""

    rows: Mapping[str, int | None]
    base: int | None
    has_devices: bool
    devices: int | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    minutes: int | None = None
    at_once: int = 100

    def of(self, jobs: Sequence[Job]) -> Resources:
        """What the jobs of a group need at most at once, and the time of all of them."""
        model = any(job.kind in _MODEL for job in jobs)
        devices = (self.devices if self.devices is not None else int(self.has_devices)) if model else 0
        cpus = self.cpus or (4 if devices else 1)
        minutes = self.minutes or max(_SHORTEST, math.ceil(3 * sum(job.cost for job in jobs) / 60))
        return Resources(devices, cpus, self.memory_mb or self._memory(jobs, devices, model), minutes)

    def _memory(self, jobs: Sequence[Job], devices: int, model: bool) -> int:
        """Weights pass through the host on their way to a device; without one, states and activations stay there."""
        if not model:
            return _LIBRARIES
        held = [self.base, *(self._row(job) for job in jobs if job.kind == "train")]
        if any(one is None for one in held):
            return _UNKNOWN
        largest = max(one for one in (held[:1] if devices else held) if one is not None)
        return _LIBRARIES + math.ceil(1.5 * largest / 1000) * 1000

    def _row(self, job: Job) -> int | None:
        named = [name for name in self.rows if job.label.startswith(name)]
        return self.rows[max(named, key=len)] if named else self.base


def needs(planned: Planned, options: Mapping[str, str], has_devices: bool) -> Needs:
    """What the plan knows, and what the options say instead.  Raises ExecutorError for an option that cannot be."""
    base = base_estimate(planned)
    rows = {row.name: _mb(row.held) for row in row_estimates(planned, base)}
    held = None if base.parameters is None else _mb(4 * base.parameters)
    return Needs(rows, held, has_devices, **told(options))


def told(options: Mapping[str, str]) -> dict[str, int]:
    """The options of ``OPTIONS`` as numbers.  Raises ExecutorError."""
    names = {"devices": "devices", "cpus": "cpus", "time": "minutes", "at_once": "at_once"}
    found = {}
    for option, name in names.items():
        if option in options:
            lowest = 0 if option == "devices" else 1
            if not re.fullmatch(r"\d{1,7}", options[option]) or int(options[option]) < lowest:
                raise ExecutorError(
                    f"--executor-option {option}: expected a whole number from {lowest} on, found {options[option]!r}."
                )
            found[name] = int(options[option])
    if "memory" in options:
        size = re.fullmatch(r"(\d{1,9})([MGT]?)B?", options["memory"].strip(), re.IGNORECASE)
        if size is None or not int(size[1]):
            raise ExecutorError(
                f"--executor-option memory: expected a size such as 64G or 500M, found {options['memory']!r}."
            )
        found["memory_mb"] = int(size[1]) * _UNITS[size[2].upper()]
    return found


def _mb(size: int | None) -> int | None:
    return None if size is None else math.ceil(size / 1e6)
