"""Worker processes as the scheduler sees them: started when needed, told what to do, ended together.

Events of all workers arrive in one queue as ``(process, event)``; the last event of a process is
``{"event": "exit", "code": …, "stderr": …}``, sent when it has ended, however it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import mtsuite

GRACE = 3.0  # seconds between asking a process to end and ending it
Events = queue.SimpleQueue[tuple["WorkerProcess", dict[str, Any]]]


class WorkerProcess:
    """One ``python -m mtsuite.run.worker``; ``slot`` is its place in the pool, ``device`` its accelerator or empty.

    ``outside`` is the row whose code from outside the worker has run, or empty.
    """

    def __init__(self, slot: int, events: Events, environment: Mapping[str, str], device: str = "") -> None:
        self.slot, self.device = slot, device
        self.ready = False
        self.outside = ""
        self.last_inputs: frozenset[str] = frozenset()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (read when the worker has ended)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mtsuite.run.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=dict(environment),
            start_new_session=True,  # Ctrl-C of the terminal reaches the parent only, and a group can be ended whole
        )
        self.pid = self._process.pid
        self._thread = threading.Thread(target=self._watch, args=(events,), name=f"worker {slot}", daemon=True)
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Give the worker a job.  If it is dead already, its ``exit`` event tells."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Let an idle worker end by itself; one with a job ends at once."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def signal_group(self, number: int) -> None:
        """Signal the worker and everything it started, unless it has ended."""
        if self._thread.is_alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def join(self, until: float) -> bool:
        """Wait until the process is gone, at most to ``time.monotonic() == until``; tell whether it is."""
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _watch(self, events: Events) -> None:
        reader = threading.Thread(target=self._read, args=(events,), daemon=True)
        reader.start()
        if hasattr(os, "waitid"):  # wait until it has ended, but leave its number taken until its group is gone
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what the job started and left behind
        code = self._process.wait()
        reader.join(GRACE)
        events.put((self, {"event": "exit", "code": code, "stderr": self._stderr_tail()}))
        self.close()

    def _read(self, events: Events) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    event = None
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    events.put((self, event))
                else:
                    events.put((self, {"event": "noise", "text": line[:200].decode(errors="backslashreplace")}))

    def _stderr_tail(self) -> str:
        with self._stderr as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 4000))
            return file.read().decode(errors="backslashreplace").strip()


class Pool:
    """At most ``size`` workers.  ``gpus`` are dealt out by slot, ``threads`` is the share of each worker."""

    def __init__(self, size: int, *, threads: int, gpus: list[str], offline: bool) -> None:
        self.size = size
        self.events: Events = queue.SimpleQueue()
        self.workers: dict[int, WorkerProcess] = {}
        self._gpus = gpus
        self._base = worker_environment(threads, offline)

    def device(self, slot: int) -> str:
        """The accelerator of the worker in a slot; empty where there is none."""
        return self._gpus[slot % len(self._gpus)] if self._gpus else ""

    def has_room(self, closed: Collection[str] = ()) -> bool:
        """Whether a worker can be started on a device that is not among ``closed``."""
        return bool(self._free(closed))

    def start(self, closed: Collection[str] = ()) -> WorkerProcess:
        """Start a worker in a free slot whose device is not among ``closed``."""
        slot = min(self._free(closed))
        environment = dict(self._base)
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self.device(slot)
        worker = WorkerProcess(slot, self.events, environment, self.device(slot))
        self.workers[slot] = worker
        return worker

    def fresh(self, device: str) -> WorkerProcess:
        """A new worker on a device whose workers are all idle: they end, as the models that they keep take memory."""
        for worker in [worker for worker in self.workers.values() if worker.device == device]:
            self.retire(worker)
        return self.start({self.device(slot) for slot in range(self.size)} - {device})

    def beside(self, worker: WorkerProcess) -> bool:
        """Whether another worker shares the worker's device."""
        return any(other is not worker and other.device == worker.device for other in self.workers.values())

    def _free(self, closed: Collection[str]) -> list[int]:
        return [s for s in range(self.size) if s not in self.workers and self.device(s) not in closed]

    def forget(self, worker: WorkerProcess) -> None:
        """Free the slot of a worker that has ended."""
        if self.workers.get(worker.slot) is worker:
            del self.workers[worker.slot]

    def retire(self, worker: WorkerProcess) -> None:
        """Let an idle worker end by itself, and free its slot at once."""
        worker.close()
        self.forget(worker)

    def close(self) -> None:
        """Let the workers end by themselves, and end those that do not."""
        for worker in self.workers.values():
            worker.close()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End all workers with their children; what lies in partial folders stays."""
        for worker in self.workers.values():
            worker.signal_group(signal.SIGTERM)
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        try:
            until = time.monotonic() + GRACE
            for worker in self.workers.values():
                worker.join(until)
        finally:
            for worker in self.workers.values():
                worker.signal_group(number)
                if number != signal.SIGKILL and not worker.join(time.monotonic() + GRACE):
                    worker.signal_group(signal.SIGKILL)
            for worker in self.workers.values():
                worker.join(time.monotonic() + GRACE)
            self.workers.clear()


def worker_environment(threads: int, offline: bool) -> dict[str, str]:
    """The environment of a worker: the same for all of a run, so that results do not hang on scheduling."""
    environment = dict(os.environ)
    above = Path(mtsuite.__file__).resolve().parent.parent
    if above.name not in ("site-packages", "dist-packages"):  # run from a checkout
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(above), environment.get("PYTHONPATH", "")]))
    environment["PYTHONUTF8"] = "1"
    environment["PYTHONHASHSEED"] = "0"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        environment[name] = str(threads)
    # Threads that spin while they wait for one another lose four fifths of the speed as soon as anything
    # else runs on the machine (measured: 1,700 instead of 5,800 tokens/s); on an idle one it costs little.
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Batches come in many shapes, and torch keeps compiled bf16 products for a thousand of them: 2 to 3 GB a
    # worker after a few hundred updates.  Keeping few costs no speed that could be measured.
    environment.setdefault("LRU_CACHE_CAPACITY", "16")
    environment.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    environment.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if offline:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
            environment[name] = "1"
    return environment
