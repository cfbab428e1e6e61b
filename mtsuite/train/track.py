"""What a training tells while it runs: ``metrics.jsonl`` beside its weights, and trackers where a recipe names some.

A line is written a step: ``{"step": 12, "loss": …, "learning_rate": …, "gradient_norm": …, "tokens": …,
"tokens_per_second": …}``.  A job that goes on from a checkpoint writes no step twice, neither into the file nor to a
tracker.  Trackers are those of accelerate.  One that fails, for want of a network say, is left out with a warning; the
training goes on.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

METRICS = "metrics.jsonl"
RUNS = "trackers.json"  # by which name a tracker knows the run, for a job that goes on
SHARE = 0.1  # of the time: a slow tracker is told fewer steps

# name -> packages of which one is needed
TRACKERS: dict[str, tuple[str, ...]] = {
    "tensorboard": ("tensorboard", "tensorboardX"),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
    "trackio": ("trackio",),
}


def lacking(name: str) -> str:
    """What to install for a tracker, or "" when it is there.  Imports nothing."""
    packages = TRACKERS[name]
    if any(importlib.util.find_spec(package) is not None for package in packages):
        return ""
    return f"{name} is not installed: pip install {packages[0]} (all trackers: pip install 'mtsuite[trackers]')"


@dataclass(frozen=True)
class TrackedRun:
    """How trackers are to call a run.  ``key`` is the job's, so that a run that goes on is the same one."""

    project: str
    name: str
    key: str
    folder: Path  # for trackers that write files
    offline: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


class TrainingLog:
    """``metrics.jsonl`` in ``folder`` and the trackers; a context manager.  ``begin`` comes first, then ``record``."""

    def __init__(self, folder: Path, trackers: Sequence[str] = (), run: TrackedRun | None = None) -> None:
        self.path = folder / METRICS
        self.failed: dict[str, str] = {}
        self._names, self._run, self._ids = trackers, run, folder / RUNS
        self._open: dict[str, Any] = {}
        self._file: IO[str] | None = None
        self._told = 0  # last step that trackers know
        self._spent = 0.0
        self._begun = time.perf_counter()

    def begin(self, step: int) -> None:
        """Training goes on after ``step`` (0: from its beginning): later lines of an earlier attempt are dropped."""
        kept = []
        for line in read_metrics(self.path):
            self._told = max(self._told, int(line["step"]))
            if line["step"] <= step:
                kept.append(line)
        draft = self.path.with_name(f".{self.path.name}.new")
        draft.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        os.replace(draft, self.path)
        self._file = self.path.open("a", encoding="utf-8")
        for name in self._names:
            self._guarded(name, lambda name=name: self._start(name))  # type: ignore[misc]
        self._begun, self._spent = time.perf_counter(), 0.0  # of telling steps; opening a tracker may take its time

    def record(self, step: int, values: Mapping[str, float], *, last: bool = False) -> None:
        """One update's numbers; those that are not finite are null."""
        assert self._file is not None, "begin() comes first"
        finite = {key: value for key, value in values.items() if math.isfinite(value)}
        self._file.write(json.dumps({"step": step, **dict.fromkeys(values), **finite}) + "\n")
        self._file.flush()
        slow = self._spent > 1.0 + SHARE * (time.perf_counter() - self._begun)
        if step <= self._told or (slow and not last):
            return
        self._told = step
        for name in list(self._open):
            self._guarded(name, lambda name=name: self._open[name].log(finite, step=step))  # type: ignore[misc]

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._open):
            self._guarded(name, lambda name=name: self._open[name].finish())  # type: ignore[misc]
        if self._file is not None:
            self._file.close()

    def _start(self, name: str) -> None:
        assert self._run is not None
        known = json.loads(self._ids.read_text(encoding="utf-8")) if self._ids.is_file() else {}
        tracker = open_tracker(name, self._run, known.get(name))
        self._open[name] = tracker
        if name == "mlflow":  # gives the run a name of its own
            self._ids.write_text(json.dumps({**known, name: tracker.tracker.info.run_id}) + "\n", encoding="utf-8")

    def _guarded(self, name: str, action: Callable[[], object]) -> None:
        """Do something with a tracker; when it fails, say so and go on without it."""
        began = time.perf_counter()
        try:
            action()
        except Exception as error:  # another project's code and servers: whatever they raise must not end a training
            self._open.pop(name, None)
            text = str(error).strip()
            self.failed[name] = f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
            print(f"warning: tracker {name} failed ({self.failed[name]}); the training goes on without it", flush=True)
        self._spent += time.perf_counter() - began


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a ``metrics.jsonl``; none when there is no file.  A line that a kill cut off is left out."""
    found = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict) and isinstance(value.get("step"), int):
                found.append(value)
    return found


def open_tracker(name: str, run: TrackedRun, known: str | None) -> Any:
    """accelerate's tracker, started.  ``known`` is the name by which it knew the run before, where it gives one."""
    from accelerate import tracking

    safe = re.sub(r"[^\w.-]+", "-", run.name).strip("-")
    tracker: Any
    if name == "tensorboard":
        folder = run.folder / "tensorboard" / run.project
        tracker = tracking.TensorBoardTracker(f"{safe}-{run.key[:6]}", logging_dir=folder)
    elif name == "wandb":
        mode = {"mode": "offline"} if run.offline else {}
        run.folder.mkdir(parents=True, exist_ok=True)
        tracker = tracking.WandBTracker(
            run.project, name=run.name, id=run.key, resume="allow", dir=str(run.folder), **mode
        )
    elif name == "mlflow":
        run.folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{(run.folder / 'mlflow.db').absolute()}")
        tracker = tracking.MLflowTracker(run.project, run_id=known, run_name=run.name)
    else:
        tracker = tracking.TrackioTracker(run.project, name=f"{safe}-{run.key[:6]}", resume="allow")
    tracker.start()
    if name != "tensorboard":  # which would make a further run of it
        tracker.store_init_configuration(dict(run.config))
    return tracker
