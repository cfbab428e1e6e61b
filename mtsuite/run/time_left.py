"""When a run will end, from the costs of its jobs and how fast jobs of each kind went so far."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mtsuite.plan.graph import Job

Clock = Callable[[], float]
_ENOUGH = 0.03  # of all costs: what comes first is slow, for models and libraries are loaded in it


class TimeLeft:
    """The time that passes belongs in equal parts to the jobs that run; a kind goes on at the speed it has shown.

    Costs are rough, and wrong by other factors on other machines for training, translating, probing: one speed for all
    would be that of whatever comes first.  A kind of which nothing has been done yet goes as all others together.
    What a job restores from a checkpoint is done, but took no time of this run, so it says nothing about speed.
    """

    def __init__(self, todo: Sequence[Job], clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.total = sum(job.cost for job in todo)
        self.settled = 0.0
        self.running: dict[str, tuple[Job, float]] = {}  # key -> job, fraction done
        self._restored: dict[str, float] = {}  # key of a job of this run -> cost that it restored
        self._open: defaultdict[str, float] = defaultdict(float)  # kind -> cost of what is not settled
        for job in todo:
            self._open[job.kind] += job.cost
        self._seconds: defaultdict[str, float] = defaultdict(float)  # kind -> time spent
        self._worked: defaultdict[str, float] = defaultdict(float)  # kind -> cost worked off in that time
        self._seen = clock()

    @property
    def done(self) -> float:
        """The cost that is settled, with the parts done of what runs."""
        return self.settled + sum(job.cost * fraction for job, fraction in self.running.values())

    def start(self, job: Job) -> None:
        """``job`` runs from now on."""
        self._pass()
        self.running[job.key] = (job, 0.0)

    def advance(self, job: Job, values: Mapping[str, Any]) -> None:
        """Take over how far ``job`` says it is; with ``restored``, how many of its steps an earlier run made."""
        step, total, restored = values.get("step"), values.get("total"), values.get("restored")
        if isinstance(step, int | float) and isinstance(total, int | float) and total > 0:
            self._pass()
            if isinstance(restored, int | float):
                self._restored[job.key] = job.cost * min(1.0, max(0.0, restored / total))
            self.running[job.key] = (job, min(1.0, max(0.0, step / total)))

    def stop(self, job: Job) -> None:
        """``job`` has stopped, and nothing of it is done."""
        self._pass()
        self.running.pop(job.key, None)
        self._restored.pop(job.key, None)

    def settle(self, job: Job) -> None:
        """``job`` is done."""
        self._pass()
        if self.running.pop(job.key, None) is not None:
            self._worked[job.kind] += job.cost - self._restored.get(job.key, 0.0)
        self._close(job)

    def drop(self, job: Job) -> None:
        """``job`` failed, or cannot run: no more time is needed, and it says little about the speed of others."""
        self._pass()
        _, fraction = self.running.pop(job.key, (job, 0.0))
        self._worked[job.kind] += max(0.0, job.cost * fraction - self._restored.get(job.key, 0.0))
        self._close(job)

    def seconds(self) -> float | None:
        """Seconds until the end, or ``None`` while too little is done to tell."""
        self._pass()
        restored = sum(self._restored.values())
        if self.done - restored < _ENOUGH * (self.total - restored):
            return None
        left, worked = self._open.copy(), self._worked.copy()
        for job, fraction in self.running.values():
            left[job.kind] -= job.cost * fraction
            worked[job.kind] += max(0.0, job.cost * fraction - self._restored.get(job.key, 0.0))
        all_worked, all_seconds = sum(worked.values()), sum(self._seconds.values())
        if all_worked <= 0 or all_seconds <= 0:
            return None
        usual = all_seconds / all_worked
        speeds = {kind: self._seconds[kind] / cost for kind, cost in worked.items() if cost > 0}
        return sum(max(0.0, cost) * speeds.get(kind, usual) for kind, cost in left.items())

    def _close(self, job: Job) -> None:
        self.settled += job.cost
        self._open[job.kind] -= job.cost

    def _pass(self) -> None:
        """Divide the time since the last look among what runs; time in which nothing runs is nobody's."""
        now = self.clock()
        for job, _ in self.running.values():
            self._seconds[job.kind] += (now - self._seen) / len(self.running)
        self._seen = now
