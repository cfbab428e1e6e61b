"""Runs the jobs of a plan on other machines: submits groups when their inputs are there, and listens to them."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.errors import StoreError
from mtsuite.plan.graph import Job, Plan
from mtsuite.plan.planned import Planned
from mtsuite.run.disk import disk_errors
from mtsuite.run.executors.base import Executor, Group, State
from mtsuite.run.executors.events import Listening
from mtsuite.run.executors.find import Chosen
from mtsuite.run.executors.group import events_path, write_group
from mtsuite.run.executors.grouping import grouped
from mtsuite.run.executors.needs import Needs, needs
from mtsuite.run.progress import Progress
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store

TRIES = 4  # submissions of a group whose machine dies
_LOOK = 0.5  # seconds between two looks at what groups tell
_SETTLING = 5.0  # seconds for which the last lines of an ended group may still be on their way


def run_elsewhere(
    planned: Planned,
    store: Store,
    chosen: Chosen,
    *,
    keep_going: bool = True,
    offline: bool = False,
    progress: Progress | None = None,
    functions: Mapping[str, str] | None = None,
    failed: Iterable[tuple[Job, str]] = (),
) -> Outcome:
    """Run a recipe's jobs on an executor; its files lie in the store and are removed when all went well.

    Raises what ``run_on_executor`` raises.
    """
    folder = store.root.absolute() / "groups" / f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    store.prepare()
    with disk_errors(folder):
        folder.mkdir(parents=True)
    outcome = None
    try:
        executor = chosen.make(folder)
        asked = needs(planned, chosen.options, executor.has_devices())
        outcome = run_on_executor(
            planned.plan, store, executor, asked, folder, keep_going=keep_going, offline=offline, progress=progress,
            functions=functions, failed=failed,
        )  # fmt: skip
    finally:
        if outcome is None or outcome.complete:
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


@dataclass
class _Group:
    """A group of jobs and how it fares."""

    number: int
    keys: list[str]
    outside: frozenset[str]  # inputs that other groups make
    path: Path
    listening: Listening
    name: str = ""  # the executor's, while it is submitted
    tries: int = 0
    ended: bool = False  # by its own word
    ended_at: float = 0.0  # by the executor's word
    why: str = ""
    told: set[str] = field(default_factory=set)  # states that were told


def run_on_executor(
    plan: Plan,
    store: Store,
    executor: Executor,
    asked: Needs,
    folder: Path,
    *,
    keep_going: bool = True,
    offline: bool = False,
    progress: Progress | None = None,
    functions: Mapping[str, str] | None = None,
    failed: Iterable[tuple[Job, str]] = (),
) -> Outcome:
    """Run what is not done yet on an executor and tell what became of it; the counterpart of ``run_plan``.

    ``folder``, for the groups' files, is on the shared file system.  Raises ``StoreError``, ``ExecutorError`` when a
    group is refused, ``KeyboardInterrupt`` after cancelling what is submitted.
    """
    begun = time.monotonic()
    progress = progress or Progress()
    store.look_through(plan)
    done = {key for key, job in plan.jobs.items() if store.is_done(key, job.kind)}
    todo = [key for key in plan.jobs if key not in done]
    outcome = Outcome(cached=[plan.jobs[key] for key in plan.jobs if key in done], failed=list(failed))
    progress.begin([plan.jobs[key] for key in todo], len(outcome.cached))
    drive = _Drive(plan, store, executor, asked, folder, todo, done, outcome, progress, offline, dict(functions or {}))
    try:
        if todo and (keep_going or not outcome.failed):
            store.prepare()
            for key in todo:
                if (moved := store.set_aside(plan.jobs[key])) is not None:
                    progress.note(f"warning: {moved}")
            drive.go(keep_going)
    finally:
        outcome.stopped = [plan.jobs[key] for key in todo if key in drive.open]
        outcome.seconds = time.monotonic() - begun
        progress.end(outcome)
    return outcome


class _Drive:
    """The state of one call of ``run_on_executor``."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        executor: Executor,
        asked: Needs,
        folder: Path,
        todo: list[str],
        done: Collection[str],
        outcome: Outcome,
        progress: Progress,
        offline: bool,
        functions: dict[str, str],
    ) -> None:
        self.plan, self.jobs, self.store, self.outcome, self.progress = plan, plan.jobs, store, outcome, progress
        self.executor, self.asked, self.offline, self.functions = executor, asked, offline, functions
        self.finished = Store(store.root, check=False)
        self.done, self.open = set(done), set(todo)
        self.lost: set[str] = set()
        self.holed: set[str] = set()
        self.groups = [self._group(number, keys, folder) for number, keys in enumerate(grouped(plan, self.open))]
        self.names: set[str] = set()  # of all groups that were submitted and have not been seen to end
        self.polled = 0.0

    def _group(self, number: int, keys: list[str], folder: Path) -> _Group:
        needed = {needed for key in keys for needed in self.jobs[key].inputs.values()}
        path = folder / f"{number:04d}.json"
        return _Group(number, keys, frozenset(needed & self.open) - set(keys), path, Listening(events_path(path)))

    def go(self, keep_going: bool) -> None:
        """Run until every job is done, failed or skipped."""
        told = f"{len(self.groups)} groups of jobs" if len(self.groups) > 1 else "1 group of jobs"
        self.progress.debug(f"{told} for the executor")
        try:
            while self.open:
                self._submit()
                for group in self.groups:
                    if group.name:
                        self._listen(group)
                self._poll()
                if self.outcome.failed and not keep_going:
                    break
                if self.open:
                    self.progress.tick()
                    time.sleep(_LOOK)
            self._see_out()
        except KeyboardInterrupt:
            self.progress.note("interrupted; submitted groups are cancelled, the same command goes on from here")
            raise
        finally:
            if left := [group.name for group in self.groups if group.name and not group.ended]:
                self.executor.cancel(left)

    def _see_out(self) -> None:
        """Let the groups whose jobs are done end: they still write into the folder that is removed next."""
        end = time.monotonic() + _SETTLING
        while self.names and time.monotonic() < end:
            states = self.executor.poll(list(self.names))
            self.names -= {name for name, state in states.items() if state.kind == "ended"}
            time.sleep(_LOOK / 5)

    # -- submitting ---------------------------------------------------------------------------

    def _submit(self) -> None:
        """Hand over the groups whose inputs are settled."""
        at_once = sum(bool(group.name) for group in self.groups)
        for group in self.groups:
            if group.name or group.outside & self.open or not self.open & set(group.keys):
                continue
            self._skip(group.keys)
            keys = [key for key in group.keys if key in self.open]
            if not keys:
                continue
            if at_once >= self.asked.at_once:
                return
            resources = self.asked.of([self.jobs[key] for key in keys])
            write_group(
                group.path, self.plan, keys, self.lost, self.holed, self.store, resources, self.offline, self.functions
            )
            first = self.jobs[keys[0]].label
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            group.tries += 1
            group.ended, group.ended_at, group.told = False, 0.0, set()
            group.name = self.executor.submit(Group(first, group.path, resources))
            self.names.add(group.name)
            at_once += 1
            self.progress.debug(f"{first}{more}: submitted as {group.name} ({resources})")

    def _skip(self, keys: Iterable[str]) -> None:
        """Jobs that lack an input that failed are not run; ``keys`` are in the order of the plan."""
        for key in keys:
            job = self.jobs[key]
            gone = [role for role, needed in job.inputs.items() if needed in self.lost and role not in job.optional]
            if gone and key in self.open:
                self._lose(key)
                self.outcome.skipped.append(job)
                self.progress.job_skipped(job, gone)

    # -- listening ----------------------------------------------------------------------------

    def _listen(self, group: _Group) -> None:
        for event in group.listening.new():
            name, key = event.get("event"), event.get("key")
            if name == "note":
                self.progress.debug(str(event.get("text", "")))
            elif name == "end":
                self._ended(group, event)
            elif name == "broken":
                raise StoreError(f"{self.jobs[group.keys[0]].label}, as {group.name}: {event.get('error')}")
            elif key in self.open and key in group.keys:
                self._tell(self.jobs[key], str(name), event)

    def _tell(self, job: Job, name: str, event: Mapping[str, Any]) -> None:
        if name == "started":
            self.progress.job_started(job)
        elif name == "progress":
            self.progress.job_progress(job, event.get("values") or {})
        elif name == "again":
            self.progress.job_again(job, str(event.get("why", "")))
        elif name == "printed":
            self.progress.job_printed(job, str(event["first"]), int(event["lines"]), Path(event["log"]))
        elif name == "done":
            self._settle(job, float(event.get("seconds") or 0.0), elsewhere=bool(event.get("elsewhere")))
        elif name == "failed":
            kept = self.finished.status(job) or {}  # the message also says where
            self._fail(job, str(kept.get("error") or event.get("message")), str(event.get("message")))
        elif name == "skipped":
            self._lose(job.key)
            self.outcome.skipped.append(job)
            self.progress.job_skipped(job, list(event.get("roles") or []))

    def _ended(self, group: _Group, event: Mapping[str, Any]) -> None:
        """A group says that it has come to its end."""
        for key in event.get("holes") or []:
            self.holed.add(key)
            self.outcome.holes.append(self.jobs[key])
        group.ended = not self.open & set(group.keys)
        if group.ended:
            group.name = ""

    def _settle(self, job: Job, seconds: float, *, elsewhere: bool = False) -> None:
        self.open.discard(job.key)
        self.done.add(job.key)
        (self.outcome.elsewhere if elsewhere else self.outcome.done).append(job)
        self.progress.job_done(job, seconds, elsewhere=elsewhere)

    def _fail(self, job: Job, error: str, message: str = "") -> None:
        self._lose(job.key)
        self.outcome.failed.append((job, error))
        self.progress.job_failed(job, message or error, self.store.failed_path(job))

    def _lose(self, key: str) -> None:
        self.open.discard(key)
        self.lost.add(key)

    # -- polling ------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Ask the executor for groups that may have ended without a word."""
        now = time.monotonic()
        if now - self.polled < self.executor.interval:
            return
        self.polled = now
        names = {group.name: group for group in self.groups if group.name}
        for name, state in (self.executor.poll(list(names)) if names else {}).items():
            self._state(names[name], state, now)

    def _state(self, group: _Group, state: State, now: float) -> None:
        if state.kind != "ended":
            group.ended_at = 0.0
            said = f"{state.kind} {state.why}".strip()
            if said not in group.told:
                group.told.add(said)
                self.progress.debug(f"{self.jobs[group.keys[0]].label}, as {group.name}: {said}")
            return
        self.names.discard(group.name)
        group.ended_at = group.ended_at or now
        if now - group.ended_at < _SETTLING:
            return
        self._listen(group)
        if group.name:
            self._died(group, state.why)

    def _died(self, group: _Group, why: str) -> None:
        """A group has ended before its jobs: what is done is done, the rest is submitted again."""
        name, group.name = group.name, ""
        for key in group.keys:
            if key in self.open and self.finished.is_done(key, self.jobs[key].kind):
                self._settle(self.jobs[key], 0.0)
        left = [key for key in group.keys if key in self.open]
        if not left:
            return
        said = f"{name} ended before its jobs were done" + (f" ({why})" if why else "")
        if group.tries < TRIES:
            self.progress.note(f"{self.jobs[left[0]].label}: {said}; submitted again, it goes on from its checkpoints")
            return
        message = f"{said}, {group.tries} times; what it wrote is in {group.path.parent}"
        for key in left:
            self._skip([key])
            if key in self.open:
                with contextlib.suppress(StoreError):
                    self.store.fail(self.jobs[key], message, error_class="GroupDied", machine=True)
                self._fail(self.jobs[key], message)
