"""A worker: a process that runs one job after the other and keeps loaded models between them.

``python -m mtsuite.run.worker`` reads a JSON object a line on its standard input::

    {"job": {"kind", "label", "spec", "inputs", "key"}, "paths": {role: folder}, "output": folder,
     "store": folder, "threads": n, "offline": bool, "holes": [role], "function": "module:name"}

and answers in JSON lines on what was its standard output when it started: ``ready``, then for each
job ``waiting`` (another run makes it), ``started``, ``progress``, and ``done`` or ``failed``.  While
a job runs, the descriptors 1 and 2 lead to its ``log.txt``, so that neither prints nor C libraries
reach the answers; the last answer says when the job printed on its standard output.  When the standard
input ends, the parent is gone, and the worker ends at once together with every process it started.

``function`` replaces the function of the kind; it is meant for tests and launchers and is
``module:name`` or ``path/to/file.py:name``.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from mtsuite.errors import MTSuiteError, StoreError, raised_at
from mtsuite.jobs.context import INCOMPLETE, JobContext, JobFunction, job_function
from mtsuite.meter import peak_gpu_memory_mb, peak_memory_mb, release_gpu_memory, reset_peak_memory
from mtsuite.plan.graph import Job
from mtsuite.run.cache import BoundedCache
from mtsuite.run.disk import is_full, no_space, plain
from mtsuite.run.store import Store, now
from mtsuite.run.threads import ThreadCount

PROGRESS_INTERVAL = 0.2  # seconds between two progress lines of one job


def main() -> None:
    """Serve jobs until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole terminal; the parent decides
    channel = Channel(os.dup(1))
    commands = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # a job that reads its standard input must not eat commands
    os.close(nothing)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable()
    inbox = Inbox(commands)
    worker = Worker(channel)
    channel.send("ready", pid=os.getpid())
    for message in inbox:
        worker.serve(message)
        inbox.idle()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_group() -> None:
    """End this process now, with all that it started."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class Channel:
    """Answers to the parent, one JSON object a line."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._lock = threading.Lock()

    def send(self, event: str, **values: Any) -> None:
        """Send one event; end the process when nobody listens any more."""
        line = json.dumps({"event": event, **plain(values)}).encode() + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[self._file.write(line) :]
        except OSError:
            end_group()


class Inbox:
    """Commands from the parent, read by a thread that also notices when the parent is gone."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._open = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._read, name="commands", daemon=True).start()

    def _read(self) -> None:
        for line in self._file:
            try:
                message = json.loads(line)
            except ValueError:
                print(f"not a command: {line[:200]!r}", file=sys.stderr)
                continue
            with self._lock:
                self._open += 1
            self._waiting.put(message)
        if self._open:
            end_group()
        self._waiting.put(None)

    def idle(self) -> None:
        """A command has been served."""
        with self._lock:
            self._open -= 1

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (message := self._waiting.get()) is not None:
            yield message


class Worker:
    """Runs jobs, one at a time."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.cache = BoundedCache()
        self.threads = ThreadCount()
        self.threads.install()

    def serve(self, message: dict[str, Any]) -> None:
        """Run the job of one command under its lock and answer ``done`` or ``failed``, whatever happens.

        What it raises (a ValueError for a specification that JSON changes, say) is part of the answer.
        """
        begun = time.monotonic()
        key = ""
        try:
            told = message["job"]
            key = told["key"]
            job = Job(told["kind"], told["label"], told["spec"], told["inputs"])
            if job.key != key:
                raise ValueError(f"{job.label}: the specification does not survive JSON (key {key} became {job.key})")
            store = Store(message["store"], check=False)  # the parent has checked it
            with store.lock(job, on_wait=lambda: self.channel.send("waiting", key=key)):
                if store.is_done(job.key, job.kind):
                    status = store.status(job) or {}
                    answer = {"summary": status.get("summary", {}), "seconds": status.get("seconds", 0.0)}
                    self.channel.send("done", key=key, elsewhere=True, **answer)
                    return
                self._run(job, store, message)
        except BaseException as error:
            report = describe(error, Path(message.get("store", ".")))
            self.channel.send("failed", key=key, seconds=time.monotonic() - begun, **report)

    def _run(self, job: Job, store: Store, message: dict[str, Any]) -> None:
        begun = time.monotonic()
        key = job.key
        prints = Prints()
        try:
            resumed = store.partial_path(job).is_dir()
            output = store.open_partial(job)
            self.threads.set(int(message.get("threads", 1)))
            reset_peak_memory()
            self.channel.send("started", key=key)
            context = JobContext(
                cache=self.cache,
                progress=Throttle(self.channel, key),
                keys={role: job.inputs[role] for role in message["paths"]},
                threads=self.threads.threads,
                offline=bool(message.get("offline", False)),
                shared=store.root,
            )
            paths = {role: Path(path) for role, path in message["paths"].items()}
            with printing_to(output / "log.txt"):
                print(f"--- {now()} {job.label} [{job.kind} {key}], threads={context.threads}")
                try:
                    function = find_function(job.kind, message.get("function"))
                    with prints.heard():
                        summary = function(job.spec, paths, output, context)
                except BaseException:
                    with contextlib.suppress(OSError):
                        traceback.print_exc()
                    raise
            seconds = time.monotonic() - begun
            peak = peak_memory_mb()
            more = {"resumed": resumed, "threads": context.threads, "peak_gpu_memory_mb": peak_gpu_memory_mb()}
            holes = [*message.get("holes", []), *([INCOMPLETE] if INCOMPLETE in (summary or {}) else [])]
            store.finish(job, summary, seconds, peak_memory_mb=peak, holes=holes, more=more)
        except BaseException as error:
            self.cache.clear()  # what the job left half changed must not reach the next one
            report = describe(error, store.root)
            with contextlib.suppress(StoreError):  # a full disk cannot hold the traceback either; it is sent
                store.fail(job, seconds=time.monotonic() - begun, **_without(report, "no_space", "no_memory", "where"))
            self.channel.send("failed", key=key, seconds=time.monotonic() - begun, printed=prints.told, **report)
        else:
            self.channel.send(
                "done", key=key, summary=summary or {}, seconds=seconds, peak_memory_mb=peak, printed=prints.told
            )
        gc.collect()
        release_gpu_memory()


class Throttle:
    """``JobContext.progress``: passes on at most five calls a second, and always the last step."""

    def __init__(self, channel: Channel, key: str) -> None:
        self.channel, self.key = channel, key
        self.last = -1.0
        self.total: Any = None

    def __call__(self, *positional: Any, **values: Any) -> None:
        values.update(zip(("step", "total"), positional, strict=False))
        moment = time.monotonic()
        step, total = values.get("step"), values.get("total", self.total)
        ended = step is not None and step == total
        if self.last >= 0 and moment - self.last < PROGRESS_INTERVAL and not ended:
            return
        self.last = moment
        self.total = total
        self.channel.send("progress", key=self.key, values=values)


class Prints:
    """Remembers what Python code prints on the standard output: the first line, and how many there are."""

    def __init__(self) -> None:
        self.lines = 0
        self.first = ""
        self._stream: Any = None

    @property
    def told(self) -> list[Any]:
        """First line (shortened) and number of lines; empty when nothing was printed."""
        return [self.first[:200], max(1, self.lines)] if self.first else []

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen; all goes on to where it went before."""
        self._stream = sys.stdout
        sys.stdout = self
        try:
            yield
        finally:
            sys.stdout = self._stream

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        if not self.first and text.strip():
            self.first = text.strip().splitlines()[0]
        written: int = self._stream.write(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printing_to(path: Path) -> Iterator[None]:
    """Lead the descriptors 1 and 2 to the end of a file, and back."""
    saved = os.dup(1), os.dup(2)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        _flush()
        os.dup2(target, 1)
        os.dup2(target, 2)
        yield
    finally:
        _flush()
        for number, descriptor in zip((1, 2), saved, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(target)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def find_function(kind: str, name: str | None) -> JobFunction:
    """The function of a kind, or the one named ``module:name`` or ``path/to/file.py:name``.

    Raises ValueError when the module cannot be imported.
    """
    if name is None:
        return job_function(kind)
    module_name, _, attribute = name.rpartition(":")
    if module_name.endswith(".py"):
        spec = importlib.util.spec_from_file_location(Path(module_name).stem, module_name)
        if spec is None or spec.loader is None:
            raise ValueError(f"cannot import {module_name}")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    function: JobFunction = getattr(module, attribute)
    return function


def describe(error: BaseException, where: Path) -> dict[str, Any]:
    """What the parent and ``failed/<key>/status.json`` are told about an exception.

    ``where`` is its place in a method's own code; an error that is meant for the user needs none.
    """
    trace = "".join(traceback.format_exception(error))
    full = is_full(error)
    if full and not isinstance(error, StoreError):
        named = getattr(error, "filename", None)
        error = no_space(Path(named) if isinstance(named, str) else where)
    no_memory = accelerator_is_full(error)
    if no_memory:
        error = MTSuiteError(memory_text(str(error)))
    user_error = isinstance(error, MTSuiteError)
    text = str(error) if user_error else f"{type(error).__name__}: {error}".removesuffix(": ")
    return {
        "error": text,
        "error_class": type(error).__name__,
        "user_error": user_error,
        "traceback": trace,
        "no_space": full,
        "no_memory": no_memory,
        "where": "" if user_error else raised_at(error),
    }


def accelerator_is_full(error: BaseException) -> bool:
    """Whether an exception says that an accelerator's memory is full (without importing torch for jobs without it)."""
    if type(error).__name__ == "OutOfMemoryError":
        return True
    # cuBLAS and the driver report it as plain runtime errors.
    said = str(error).lower()
    return isinstance(error, RuntimeError) and (
        ("cuda" in said and "out of memory" in said) or "alloc_failed" in said  # CUBLAS_…, CUDNN_STATUS_ALLOC_FAILED
    )


def memory_text(said: str) -> str:
    """What torch says of a full accelerator, the first two sentences of it, and what helps."""
    first = ". ".join(said.split(". ")[:2]).rstrip(".")
    return (
        f"The accelerator's memory is full: {first}. Lower train.tokens_per_batch for a training or "
        "translate.batch_size for a translation, or let fewer jobs share the accelerator (--jobs)."
    )


def _without(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names}


if __name__ == "__main__":
    main()
