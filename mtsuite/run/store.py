"""The store: one folder per finished job, found again by the job's content key.

::

    root/<kind>/<key>/           finished: what the job wrote, spec.json, status.json, log.txt
    root/<kind>/<key>.partial/   in the making; survives a kill, so that checkpoints are found again
    root/failed/<key>/           how a job failed: status.json, traceback.txt, log.txt
    root/locks/<key>.lock        held by the process that makes the job
    root/runs/                   runs that are at work on the store
    root/aside/                  folders that could not be trusted

A finished folder appears by one rename, after its ``status.json`` is on the disk.  The status lists the folder's
files with sizes and hashes; a folder that differs from its list is not trusted.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from mtsuite.errors import StoreError
from mtsuite.plan.budget import Done
from mtsuite.plan.graph import Job
from mtsuite.run.contents import FILES, SEAL, Digests, contents, damage, seal
from mtsuite.run.disk import disk_errors, existing_parent, plain, sync_folder, write_json
from mtsuite.run.locks import Lock, holder_text, prove
from mtsuite.run.machine import usable_cores

SCHEMA = 1
State = Literal["done", "holes", "failed", "partial", "absent"]
log = logging.getLogger(__name__)


class StoreBusyError(StoreError):
    """Another run holds the lock of a job."""


class Store:
    """Finished jobs under ``root``.  Making a ``Store`` touches nothing on the disk.

    Every file of a folder is read once to check it.  With ``check=False`` folders are taken as they are: for workers,
    whose parent has checked what they are given.
    """

    def __init__(self, root: Path | str, *, check: bool = True) -> None:
        self.root = Path(root)
        self.check = check
        self._digests = Digests()

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    @staticmethod
    def default_root(results_root: Path | str) -> Path:
        """``MTSUITE_HOME`` where it is set, else ``.mtsuite`` beside the results."""
        home = os.environ.get("MTSUITE_HOME", "").strip()
        return Path(home).expanduser() if home else Path(results_root) / ".mtsuite"

    # -- looking ------------------------------------------------------------------------------

    def folder(self, key: str, kind: str) -> Path:
        """Where a job of this kind and key lies when it is finished."""
        return self.root / kind / key

    def path(self, job: Job) -> Path:
        """Where ``job`` lies when it is finished (it need not be)."""
        return self.folder(job.key, job.kind)

    def partial_path(self, job: Job) -> Path:
        """Where ``job`` is made."""
        return self.root / job.kind / f"{job.key}.partial"

    def failed_path(self, job: Job) -> Path:
        """Where the traceback and the log of a failed ``job`` lie."""
        return self.root / "failed" / job.key

    def is_done(self, key: str, kind: str) -> bool:
        """Whether the job is finished and whole.  One that ran with holes in its inputs is not: it runs again."""
        status = self._read(self.folder(key, kind))
        return isinstance(status, dict) and not status.get("holes")

    def has_output(self, job: Job) -> bool:
        """Whether there is a finished folder to read, with or without holes."""
        return isinstance(self._read(self.path(job)), dict)

    def status(self, job: Job) -> dict[str, Any] | None:
        """``status.json`` of the finished job, else of its last failure, else ``None``."""
        status = self._read(self.path(job))
        if isinstance(status, dict):
            return status
        failed = self._read(self.failed_path(job), state="failed")
        return failed if isinstance(failed, dict) else None

    def state(self, job: Job) -> State:
        """How far ``job`` is, in one word; ``holes`` means finished while optional inputs were missing."""
        status = self.status(job)
        if status is not None and status["state"] == "done":
            return "holes" if status.get("holes") else "done"
        if status is not None:
            return "failed"
        return "partial" if self.partial_path(job).is_dir() else "absent"

    def failures(self) -> dict[str, str]:
        """Which jobs have failed before: key to the name of the attempt."""
        found = {}
        for folder in sorted((self.root / "failed").glob("*")):
            status = self._read(folder, state="failed")
            if isinstance(status, dict):
                found[folder.name] = attempt_of(status)
        return found

    def failed_elsewhere(self, job: Job, before: str) -> dict[str, Any] | None:
        """How another run has failed to make ``job`` since its last failure was ``before`` (empty: none).

        None also where the failure may be the other machine's alone: there it may succeed here.
        """
        status = self._read(self.failed_path(job), state="failed")
        if not isinstance(status, dict) or attempt_of(status) == before or status.get("machine"):
            return None
        return status

    def problem(self, job: Job) -> str | None:
        """Why a folder under the finished name is not trusted, or ``None``."""
        found = self._read(self.path(job))
        return found if isinstance(found, str) else None

    def look_through(self, jobs: Iterable[Job]) -> None:
        """Check the folders of many jobs at once, on all cores; what is found is remembered for later questions."""
        with ThreadPoolExecutor(usable_cores()) as threads:
            list(threads.map(self.problem, jobs))

    def finished(self, kind: str) -> Iterator[Done]:
        """What the finished jobs of a kind say of themselves, files unchecked; unreadable folders are left out."""
        unchecked = self if not self.check else Store(self.root, check=False)
        for folder in sorted((self.root / kind).glob("*")):
            status = unchecked._read(folder)
            if not isinstance(status, dict) or folder.suffix == ".partial":
                continue
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads((folder / "spec.json").read_bytes())
                yield Done(dict(told["spec"]), dict(told["inputs"]), dict(status["summary"]), folder)

    def size(self) -> int:
        """Bytes of all files in the store."""
        total = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def _read(self, folder: Path, state: str = "done") -> dict[str, Any] | str | None:
        """The status of a folder; text that says what is wrong with it; ``None`` when there is no folder."""
        try:
            text = (folder / "status.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return "it has no status.json" if os.path.lexists(folder) else None
        except OSError as error:
            return f"its status.json cannot be read ({error.strerror})"
        try:
            status = json.loads(text)
        except ValueError:
            return "its status.json is not whole"
        if not isinstance(status, dict):
            return "its status.json is not an object"
        if status.get("schema") != SCHEMA:
            return f"it was written in another format ({status.get('schema')!r}, this suite writes {SCHEMA})"
        if status.get("state") != state:
            return f"its state is {status.get('state')!r} instead of {state!r}"
        if self.check and state == "done" and (problem := damage(folder, status, self._digests)) is not None:
            return problem
        return status

    # -- writing ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the root and prove that it can be written and has locks that lock; ``StoreError`` if not."""
        probe = self.root / "locks" / f".probe-{uuid.uuid4().hex[:8]}"
        with disk_errors(self.root):
            above = existing_parent(self.root)
            if not above.is_dir():
                raise StoreError(f"cannot make the store {self.root}: {above} is a file, not a folder")
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"mtsuite")
            probe.unlink()
            prove(probe.parent)

    @contextlib.contextmanager
    def lock(self, job: Job, on_wait: Callable[[], None] | None = None, timeout: float = -1) -> Iterator[None]:
        """Hold the job's lock; wait for another run that holds it (``on_wait`` is called once before waiting).

        The operating system lets go of the lock when its process dies, however it dies.
        Raises ``StoreBusyError`` after ``timeout`` seconds (never, when negative), ``StoreError`` where there are no
        locks.
        """
        path = self.root / "locks" / f"{job.key}.lock"
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = Lock(path)
            if not lock.acquire():
                if on_wait is not None:
                    on_wait()
                if not lock.acquire(timeout):
                    raise StoreBusyError(f"{job.label} is still being made by another run ({holder_text(path)})")
            self._look_again(self.path(job))
        try:
            yield
        finally:
            lock.release()

    def _look_again(self, folder: Path) -> None:
        """Let a network file system ask its server what there is: it may remember that a folder is not there.

        Opening the folder above is what makes it ask (close-to-open consistency).
        """
        with contextlib.suppress(OSError):
            os.close(os.open(folder.parent, os.O_RDONLY))

    def set_aside(self, job: Job) -> str | None:
        """Move a folder that is not trusted out of the way and say so; ``None`` when there is none.

        Where another run holds the job's lock, it is left to that one.
        """
        problem = self.problem(job)
        if problem is None:
            return None
        with contextlib.suppress(StoreBusyError), disk_errors(self.path(job)), self.lock(job, timeout=0):
            problem = self.problem(job)
            if problem is not None:
                return self._move_aside(self.path(job), problem)
        return None

    def open_partial(self, job: Job) -> Path:
        """The folder to make ``job`` in, with what an earlier, killed attempt left.  Hold the lock."""
        partial = self.partial_path(job)
        with disk_errors(partial):
            problem = self.problem(job)
            if problem is not None:
                log.warning("%s", self._move_aside(self.path(job), problem))
            partial.mkdir(parents=True, exist_ok=True)
            (partial / "status.json").unlink(missing_ok=True)
            spec = {"kind": job.kind, "label": job.label, "spec": job.spec, "inputs": dict(job.inputs)}
            write_json(partial / "spec.json", spec, durable=False)  # the status has its hash
        return partial

    def finish(
        self,
        job: Job,
        summary: Mapping[str, Any] | None,
        seconds: float,
        *,
        peak_memory_mb: float | None = None,
        holes: Sequence[str] = (),
        more: Mapping[str, Any] | None = None,
    ) -> Path:
        """Turn the partial folder into the finished one and return it.  Hold the lock.

        ``holes`` are the roles whose input was missing or had holes itself; ``more`` is written into
        ``status.json`` as it is.  Where another run has finished the job first, its folder stays.
        """
        partial, final = self.partial_path(job), self.path(job)
        with disk_errors(partial):
            if self.is_done(job.key, job.kind):
                shutil.rmtree(partial, ignore_errors=True)
                return final
            status: dict[str, Any] = {
                "schema": SCHEMA,
                "state": "done",
                "seconds": round(seconds, 3),
                "finished": now(),
                "peak_memory_mb": peak_memory_mb,
                "holes": sorted(holes),
                "summary": dict(summary or {}),
                **(more or {}),
                FILES: contents(partial, self._digests),
            }
            status = json.loads(json.dumps(plain(status)))  # as it will be read
            write_json(partial / "status.json", {**status, SEAL: seal(status)})
            problem = self.problem(job)
            if problem is not None:
                log.warning("%s", self._move_aside(final, problem))
            elif final.exists():  # finished with holes, and made again since
                self._discard(final)
            os.rename(partial, final)
            sync_folder(final.parent)
        shutil.rmtree(self.failed_path(job), ignore_errors=True)
        return final

    def fail(
        self,
        job: Job,
        error: str,
        *,
        error_class: str = "",
        user_error: bool = False,
        traceback: str = "",
        seconds: float = 0.0,
        machine: bool = False,
    ) -> Path:
        """Keep how ``job`` failed.  The partial folder stays, a later run goes on from its checkpoints.

        ``machine``: the failure may be this machine's alone, so that other runs try the job themselves.
        """
        folder = self.failed_path(job)
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("status.json", "log.txt", "traceback.txt"):
                (folder / name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(self.partial_path(job) / "log.txt", folder / "log.txt")
            text = traceback or error + "\n"
            (folder / "traceback.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
            status = {
                "schema": SCHEMA,
                "state": "failed",
                "kind": job.kind,
                "label": job.label,
                "error": error,
                "error_class": error_class,
                "user_error": user_error,
                "machine": machine,
                "host": socket.gethostname(),
                "attempt": uuid.uuid4().hex,
                "seconds": round(seconds, 3),
                "finished": now(),
            }
            write_json(folder / "status.json", status)
        return folder

    def _move_aside(self, folder: Path, problem: str) -> str:
        target = self.root / "aside" / f"{folder.parent.name}-{folder.name}-{uuid.uuid4().hex[:6]}"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder, target)
        return f"{folder} is not trusted: {problem}; moved to {target}, the job runs again"

    def _discard(self, folder: Path) -> None:
        """Remove a folder so that no half of it is ever seen under its name."""
        grave = self.root / "aside" / f"old-{uuid.uuid4().hex}"
        grave.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder, grave)
        shutil.rmtree(grave, ignore_errors=True)


def attempt_of(status: Mapping[str, Any]) -> str:
    """What tells one failure from another; those of older versions go by their time."""
    return str(status.get("attempt") or status.get("finished"))


def now() -> str:
    """The time in ISO 8601, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
