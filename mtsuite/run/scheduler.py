"""Runs the jobs of a plan that are not done yet, on worker processes of this machine.

Other runs on the same store share the work: a job that one of them is making is given back by the worker, and another
one is taken.  A run waits only when nothing else can be done.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.errors import MTSuiteError, StoreError
from mtsuite.plan.graph import Job, Plan
from mtsuite.run.busy import Busy
from mtsuite.run.crowded import Crowded
from mtsuite.run.disk import NoSpaceError
from mtsuite.run.machine import usable_cores, visible_gpus
from mtsuite.run.order import choose, critical_paths, dependants, wanted
from mtsuite.run.outside import outside_code
from mtsuite.run.pool import Pool, WorkerProcess
from mtsuite.run.presence import present
from mtsuite.run.progress import Progress
from mtsuite.run.store import Store

_LOOK = 0.25  # seconds between two looks at jobs that other runs are making
_TELL = 60.0  # seconds between two notes that a run waits for others


@dataclass
class Outcome:
    """What became of the jobs of a run."""

    done: list[Job] = field(default_factory=list)  # ran to the end in this run
    cached: list[Job] = field(default_factory=list)  # were done before
    failed: list[tuple[Job, str]] = field(default_factory=list)
    skipped: list[Job] = field(default_factory=list)  # an input failed
    stopped: list[Job] = field(default_factory=list)  # not run, or ended on the way, since the run stopped
    holes: list[Job] = field(default_factory=list)  # of ``done``: ran although an optional input was missing
    elsewhere: list[Job] = field(default_factory=list)  # made by other runs meanwhile
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every job is done without a hole."""
        return not (self.failed or self.skipped or self.stopped or self.holes)


def run_plan(
    plan: Plan,
    store: Store,
    *,
    workers: int | None = None,
    keep_going: bool = True,
    offline: bool = False,
    progress: Progress | None = None,
    only_keys: Iterable[str] | None = None,
    functions: Mapping[str, str] | None = None,
    failed: Iterable[tuple[Job, str]] = (),
    as_it_is: Collection[str] = (),
    cores: int | None = None,
    holed: Collection[str] = (),
) -> Outcome:
    """Run what is not done yet and tell what became of it; a job that fails does not raise.

    ``workers`` is the number of processes (default: one a CUDA device, else one a core up to eight), ``cores`` the
    cores for all of them (default: those of the machine).
    A job computes with ``cores // workers`` threads, an ``exclusive`` one runs alone with all cores;
    on a machine with CUDA devices each worker has one of them (several share one where there are more
    workers) and nothing runs alone but a job that found too little memory beside others: it is tried
    again when its device is empty.  With ``only_keys`` only those jobs and what they need are run.
    ``functions`` maps kinds to ``module:name`` or ``file.py:name`` instead of the function of the kind
    (for tests and launchers).  ``failed`` has failed before the run; it counts like what fails in it.
    ``as_it_is`` are keys whose output is taken as it is, with holes too, instead of being made again; ``holed`` those
    of them whose holes are holes in what is made from them.

    Raises ``StoreError`` when the store cannot be written, has no locks that lock, or its disk is full (what is
    finished is kept), ``MTSuiteError`` when no worker can be started, ``KeyboardInterrupt`` after ending the
    workers.  Without ``keep_going`` the first failure ends the running jobs; their partial folders stay.
    """
    begun = time.monotonic()
    progress = progress or Progress()
    store.look_through(job for key, job in plan.jobs.items() if key not in as_it_is)
    failed_before = store.failures()
    done = {key for key, job in plan.jobs.items() if key in as_it_is or store.is_done(key, job.kind)}
    keys = wanted(plan, only_keys, done)
    outcome = Outcome(cached=[plan.jobs[key] for key in keys if key in done], failed=list(failed))
    todo = [key for key in keys if key not in done]
    outcome.stopped = [plan.jobs[key] for key in todo]
    progress.begin([plan.jobs[key] for key in todo], len(outcome.cached))
    try:
        if todo and (keep_going or not outcome.failed):
            store.prepare()
            for key in todo:
                if (moved := store.set_aside(plan.jobs[key])) is not None:
                    progress.note(f"warning: {moved}")
            run = _Run(plan, store, todo, outcome, progress, keep_going, dict(functions or {}), failed_before)
            run.holed.update(holed)
            with present(store.root) as others:
                if others and progress.tells_of_others:
                    progress.note(sharing_text(others))
                run.go(workers, cores or usable_cores(), offline)
    finally:
        outcome.seconds = time.monotonic() - begun
        progress.end(outcome)
    return outcome


class _Run:
    """The state of one call of ``run_plan``."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        todo: list[str],
        outcome: Outcome,
        progress: Progress,
        keep_going: bool,
        functions: dict[str, str],
        failed_before: Mapping[str, str],
    ) -> None:
        self.jobs, self.store, self.outcome, self.progress = plan.jobs, store, outcome, progress
        self.keep_going, self.functions, self.failed_before = keep_going, functions, failed_before
        self.finished = Store(store.root, check=False)  # to look often: what others finish is checked when it is read
        self.length = critical_paths(plan, set(todo))
        self.behind = dependants(plan, set(todo))
        self.open = set(todo)  # neither done nor failed nor skipped
        self.lost: set[str] = set()  # failed or skipped
        self.holed: set[str] = set()  # done, with holes
        self.printed: set[str] = set()  # rows of which it was told that they print
        self.outside = {key: outside_code(plan.jobs[key]) for key in todo}
        self.position = {key: number for number, key in enumerate(plan.jobs)}
        self.missing = {key: len(set(plan.jobs[key].inputs.values()) & self.open) for key in todo}
        self.ready = [key for key in todo if not self.missing[key]]
        self.running: dict[WorkerProcess, tuple[str, float]] = {}
        self.alone = False
        self.crowded = Crowded()
        self.busy = Busy()
        self.looked = 0.0
        self.told_waiting = -_TELL
        self.stop: MTSuiteError | None = None

    def go(self, workers: int | None, cores: int, offline: bool) -> None:
        """Run until nothing is left to run."""
        gpus = visible_gpus()
        size = max(1, workers if workers is not None else len(gpus) or min(cores, 8))
        self.share, self.cores, self.own_device = max(1, cores // size), cores, bool(gpus)
        self.offline = offline
        self.pool = Pool(size, threads=self.share, gpus=gpus, offline=offline)
        ended = False
        try:
            self._dispatch()
            while self.running or self.busy or self.ready:
                try:
                    worker, event = self.pool.events.get(timeout=_LOOK if self.busy else 1.0)
                    self._handle(worker, event)
                except queue.Empty:
                    self.progress.tick()
                self._look_around()
                if self.stop is not None or (self.outcome.failed and not self.keep_going):
                    break
                self._dispatch()
            ended = not (self.running or self.busy or self.ready)
        except KeyboardInterrupt:
            self.progress.note("interrupted; what is finished is kept, the same command goes on from here")
            raise
        finally:
            self.pool.close() if ended else self.pool.kill()
            self.outcome.stopped = [self.jobs[key] for key in self.position if key in self.open]
        if self.stop is not None:
            raise self.stop

    def _look_around(self) -> None:
        """See which busy jobs other runs have finished, and which are to be asked for again."""
        if not self.busy or time.monotonic() - self.looked < _LOOK:
            return
        self.looked = time.monotonic()
        if not self.running and not self.ready and self.looked - self.told_waiting > _TELL:
            self.told_waiting = self.looked
            self.progress.note(waiting_text([self.jobs[key].label for key in self.busy]))
        for key in self.busy:
            job = self.jobs[key]
            if self.finished.is_done(key, job.kind):
                self.busy.settled(key)
                self._done(job, {"elsewhere": True})
        if again := self.busy.due():
            self.ready = sorted([*self.ready, *again], key=lambda name: self.position[name])

    # -- starting -----------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Start jobs as long as there is a job and a place for it."""
        while (again := self.crowded.next({worker.device for worker in self.running})) is not None:
            self._start(again[0], self.pool.fresh(again[1]))
        while self.ready and not self.alone:
            closed = self.crowded.closed()
            idle = [w for w in self.pool.workers.values() if w not in self.running and w.device not in closed]
            if not idle and not self.pool.has_room(closed):
                return
            candidates = self._candidates()
            if not candidates:
                return
            key, number = choose(
                candidates,
                [worker.last_inputs for worker in idle],
                self.jobs,
                self.length,
                lambda key, number, idle=idle: idle[number].outside in ("", self.outside[key]),  # type: ignore[misc]
            )
            if number is None and not self.pool.has_room(closed):  # the idle ones have run another row's own code
                self.pool.retire(idle[0])
            self.ready.remove(key)
            self._start(key, idle[number] if number is not None else self.pool.start(closed))

    def _candidates(self) -> list[str]:
        """Jobs that may start now, in plan order.

        When the job with the longest chain wants the machine for itself, the others are let run out
        first; meanwhile only jobs start that should end before the running ones do.
        """
        first = max(self.ready, key=lambda key: self.length[key])
        if not self._exclusive(first):
            return [key for key in self.ready if not self._exclusive(key)]
        if not self.running:
            return [first]
        now = time.monotonic()
        left = max(self.jobs[key].cost - (now - since) for key, since in self.running.values())
        return [key for key in self.ready if not self._exclusive(key) and self.jobs[key].cost <= left]

    def _exclusive(self, key: str) -> bool:
        return self.jobs[key].exclusive and not self.own_device

    def _start(self, key: str, worker: WorkerProcess) -> None:
        job = self.jobs[key]
        paths = {
            role: str(self.store.folder(needed, self.jobs[needed].kind).absolute())
            for role, needed in job.inputs.items()
            if needed in self.jobs and needed not in self.lost
        }
        self.alone = self._exclusive(key)
        message = {
            "job": {"kind": job.kind, "label": job.label, "spec": job.spec, "inputs": dict(job.inputs), "key": key},
            "paths": paths,
            "output": str(self.store.partial_path(job).absolute()),
            "store": str(self.store.root.absolute()),
            "threads": self.cores if self.alone else self.share,
            "offline": self.offline,
            "holes": self._holes(key),
            "function": self.functions.get(job.kind),
            "failed_before": self.failed_before.get(key, ""),
        }
        self.running[worker] = (key, time.monotonic())
        worker.send(message)

    def _holes(self, key: str) -> list[str]:
        gone = self.lost | self.holed
        return [role for role, needed in self.jobs[key].inputs.items() if needed in gone or needed not in self.jobs]

    # -- listening ----------------------------------------------------------------------------

    def _handle(self, worker: WorkerProcess, event: Mapping[str, Any]) -> None:
        name = event["event"]
        if name == "ready":
            worker.ready = True
        elif name == "noise":
            self.progress.debug(f"worker {worker.slot} said {event['text']!r}")
        elif name == "exit":
            self._died(worker, event)
        elif worker in self.running and event.get("key") == self.running[worker][0]:
            job = self.jobs[self.running[worker][0]]
            if name == "progress":
                values = event.get("values")
                self.progress.job_progress(job, values if isinstance(values, dict) else {})
            elif name == "started":
                worker.outside = worker.outside or self.outside[job.key]
                worker.last_inputs = frozenset({job.key, *job.inputs.values()})
                self.progress.job_started(job)
            elif name == "busy":
                self._release(worker)
                if self.busy.given_back(job.key):
                    self.progress.job_busy(job, str(event.get("text", "")))
                self._end_row(worker)
            elif name == "done":
                self._release(worker)
                self._done(job, event)
                self._end_row(worker)
            elif name == "failed":
                self._release(worker)
                crowded = event.get("no_memory") and self.pool.beside(worker)
                if crowded and self.crowded.turned_away(job.key, worker.device):
                    self.progress.job_again(job, "the accelerator's memory is full")
                else:
                    self._failed(job, event)
                self._end_row(worker)

    def _printed(self, job: Job, event: Mapping[str, Any], folder: Path) -> None:
        """Say once a row that its jobs print."""
        row = job.label.partition(":")[0]
        if event.get("printed") and row not in self.printed:
            self.printed.add(row)
            first, lines = event["printed"]
            self.progress.job_printed(job, str(first), int(lines), folder / "log.txt")

    def _end_row(self, worker: WorkerProcess) -> None:
        """A worker that ran code from outside ends with the last job of its row."""
        if worker.outside and not any(self.outside[key] == worker.outside for key in self.open):
            self.pool.retire(worker)

    def _release(self, worker: WorkerProcess) -> None:
        self.crowded.settled(self.running.pop(worker)[0])
        self.alone = False

    def _done(self, job: Job, event: Mapping[str, Any]) -> None:
        key = job.key
        (self.outcome.elsewhere if event.get("elsewhere") else self.outcome.done).append(job)
        if self._holes(key) and not event.get("elsewhere"):
            self.holed.add(key)
            self.outcome.holes.append(job)
        self.progress.job_done(job, float(event.get("seconds") or 0.0), elsewhere=bool(event.get("elsewhere")))
        self._printed(job, event, self.store.path(job))
        self._settle(key)

    def _failed(self, job: Job, event: Mapping[str, Any]) -> None:
        message = str(event.get("error", "unknown error"))
        self.outcome.failed.append((job, message))
        self.lost.add(job.key)
        where = f" ({event['where']})" if event.get("where") else ""
        where += f" (in another run, on {event.get('host') or 'another machine'})" if event.get("elsewhere") else ""
        first, line_break, rest = message.partition("\n")
        self.progress.job_failed(job, first + where + line_break + rest, self.store.failed_path(job))
        self._printed(job, event, self.store.failed_path(job))
        if event.get("no_space"):
            self.stop = NoSpaceError(message)
        self._settle(job.key)

    def _died(self, worker: WorkerProcess, event: Mapping[str, Any]) -> None:
        """A worker has ended by itself: its job failed, its slot is free."""
        self.pool.forget(worker)
        if worker not in self.running:
            return
        key, since = self.running[worker]
        job = self.jobs[key]
        message, said = how_it_ended(int(event.get("code", 0))), str(event.get("stderr", ""))
        if not worker.ready:
            self.stop = MTSuiteError(f"a worker process cannot be started: {message}\n{said}".rstrip())
            return
        self._release(worker)
        with contextlib.suppress(StoreError):
            self.store.fail(
                job,
                message,
                error_class="WorkerDied",
                traceback=f"{message}\n{said}\n",
                seconds=time.monotonic() - since,
                machine=True,
            )
        self._failed(job, {"error": message})

    def _settle(self, key: str) -> None:
        """A job is done, failed or skipped: see what that makes ready, and what it makes impossible."""
        waiting = [key]
        while waiting:
            settled = waiting.pop()
            self.open.discard(settled)
            for after in self.behind[settled]:
                self.missing[after] -= 1
                if self.missing[after]:
                    continue
                job = self.jobs[after]
                gone = [role for role, needed in job.inputs.items() if needed in self.lost]
                if any(role not in job.optional for role in gone):
                    self.lost.add(after)
                    self.outcome.skipped.append(job)
                    self.progress.job_skipped(job, gone)
                    waiting.append(after)
                else:
                    self.ready.append(after)
        self.ready.sort(key=lambda name: self.position[name])


def sharing_text(hosts: Collection[str]) -> str:
    """That other runs are at work on the store; ``hosts`` has one entry per run."""
    named = ", ".join(dict.fromkeys(hosts))
    runs = "another run is" if len(hosts) == 1 else f"{len(hosts)} other runs are"
    return f"note: {runs} at work on this store ({named}): jobs that they make are not made here"


def waiting_text(labels: Collection[str]) -> str:
    """That nothing can be done but what other runs are making."""
    shown = ", ".join(list(labels)[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
    return f"nothing else can be done now: waiting for what other runs are making ({shown})"


def how_it_ended(code: int) -> str:
    """In words, how a worker process ended that should not have ended."""
    if code >= 0:
        return f"worker ended with exit code {code}"
    number = -code
    if number == signal.SIGKILL:
        return f"worker was killed by signal {number} (out of memory?)"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    return f"worker was killed by signal {number} ({name})"
