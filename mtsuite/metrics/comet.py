"""COMET (Rei et al., 2020) through unbabel-comet, in this process or in another Python environment.

``checkpoint`` is ``embedded`` (the suite's own, see ``mtsuite.metrics.comet_embedded``), a folder in
COMET's layout, a ``.ckpt`` file, or a hub name such as ``Unbabel/wmt22-comet-da``.  Its name is part
of the label: scores of different checkpoints are not comparable, nor are those of different
versions of unbabel-comet.  Lightning reads checkpoints with pickle, which can run code; load only
checkpoints that you trust.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import comet_worker
from mtsuite.metrics.base import Metric, MetricResult

EMBEDDED = Path(__file__).parent / "comet_embedded" / "checkpoint"


class Scorer(Protocol):
    """A loaded checkpoint, here or elsewhere."""

    def describe(self) -> dict[str, Any]: ...

    def score(
        self, sources: list[str], hypotheses: list[str], references: list[str], batch_size: int
    ) -> list[float]: ...


class CometProcess:
    """A checkpoint loaded by another Python interpreter, reached through JSON lines on its pipes."""

    def __init__(self, python: str, checkpoint: str, device: str, precision: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._lock = threading.Lock()
        self._python = python
        try:
            self._process = subprocess.Popen(
                [str(Path(python).expanduser()), comet_worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise MetricError(f"metrics.comet.python: cannot start {python!r}: {error.strerror}.") from error
        atexit.register(self.close)
        try:
            load = {"checkpoint": checkpoint, "device": device, "precision": precision}
            self._description = self._ask({"load": load})
        except MetricError:
            self.close()
            raise

    def describe(self) -> dict[str, Any]:
        """Version of unbabel-comet over there, its device, whether the model reads references."""
        return self._description

    def score(self, sources: list[str], hypotheses: list[str], references: list[str], batch_size: int) -> list[float]:
        """As ``CometEngine.score``."""
        request = {"sources": sources, "hypotheses": hypotheses, "references": references, "batch_size": batch_size}
        return list(self._ask({"score": request})["scores"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                line = ""
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            raise MetricError(
                f"The COMET worker ({self._python}) ended with code {self._process.returncode}"
                f"{': ' + said[-1] if said else ''}."
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MetricError(answer["error"])
        return answer

    def close(self) -> None:
        """End the other process: it stops when its input does."""
        atexit.unregister(self.close)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


_LOADED: dict[tuple[int, str, str | None, str, str], Scorer] = {}
_LOADING = threading.Lock()


def load_scorer(checkpoint: str, python: str | None = None, device: str = "auto", precision: str = "float32") -> Scorer:
    """The scorer for a checkpoint, loaded once a process and kept.  Raises MetricError when it cannot be."""
    path = str(EMBEDDED) if checkpoint == "embedded" else checkpoint
    if checkpoint == "embedded" and not (EMBEDDED / "checkpoints" / "model.ckpt").is_file():
        raise MetricError(
            f"The embedded COMET is missing from {EMBEDDED}; make it again with "
            "`python -m mtsuite.metrics.comet_embedded.train --output FOLDER` or install mtsuite again."
        )
    key = (os.getpid(), path, python, device, precision)  # a forked process must not share pipes or CUDA
    with _LOADING:
        if key not in _LOADED:
            try:
                if python is None:
                    _LOADED[key] = comet_worker.CometEngine(path, device, precision)
                else:
                    _LOADED[key] = CometProcess(python, path, device, precision)
            except comet_worker.CometError as error:
                raise MetricError(str(error)) from error
        return _LOADED[key]


class Comet(Metric):
    """COMET ×100.  The checkpoint is read when the first segment is scored, not before.

    ``python``: interpreter of another environment that has unbabel-comet; empty: this one.
    ``batch_size``: segments at once.  ``device``: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` …
    ``precision``: ``float32`` as comet's Python interface, or ``float16`` as its command.
    """

    def __init__(
        self,
        checkpoint: str = "embedded",
        python: str | None = None,
        batch_size: int = 64,
        device: str = "auto",
        precision: str = "float32",
        name: str = "COMET",
    ) -> None:
        if batch_size < 1:
            raise MetricError(f"{name}: batch_size is at least 1; found {batch_size}.")
        if precision not in ("float32", "float16"):
            raise MetricError(f"{name}: precision is float32 or float16; found {precision!r}.")
        self.name = name
        self.checkpoint = checkpoint
        self.python = python
        self.batch_size = batch_size
        self.device = device
        self.precision = precision

    def label(self) -> str:
        """The checkpoint's name for a heading: ``COMET-embedded``, ``COMET-wmt22-comet-da``."""
        path = Path(self.checkpoint)
        stem = path.parent.parent.name or path.stem if path.suffix == ".ckpt" else path.name
        return f"COMET-{stem}"

    def signature(self, direction: Direction) -> str:
        """``COMET-embedded (unbabel-comet 2.2.7)``, with the revision of a hub model.  Loads the checkpoint."""
        return self.signature_of(self.scorer().describe())

    def signature_of(self, about: Mapping[str, Any]) -> str:
        """The signature of scores by a checkpoint that described itself so (``Scorer.describe``)."""
        details = [f"unbabel-comet {about['version']}"]
        if about["revision"]:
            details.append(f"revision {about['revision']}")
        if self.precision != "float32":
            details.append(self.precision)
        if not about["references"]:
            details.append("reference-free")
        return f"{self.label()} ({', '.join(details)})"

    def scorer(self) -> Scorer:
        """The loaded checkpoint.  Raises MetricError when COMET cannot run or the checkpoint cannot be read."""
        return load_scorer(self.checkpoint, self.python, self.device, self.precision)

    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        scores = self.scorer().score(sources, hypotheses, references, batch_size=self.batch_size)
        segments = [100.0 * score for score in scores]
        return MetricResult(
            metric=self.name,
            score=fmean(segments),
            signature=self.signature(direction),
            n=len(segments),
            segments=segments,
        )
