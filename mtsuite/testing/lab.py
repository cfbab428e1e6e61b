"""Running a method as the suite's jobs do: probes, then each training phase on a fresh base, saved and opened again."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.method import Artefacts, Method, Probe, Train
from mtsuite.testing.models import tiny_model
from mtsuite.testing.text import TRAINED, SharedStream, shared_batch, shared_text
from mtsuite.train.loop import LoopResult, LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings

UPDATES = 3


@dataclass
class Learned:
    """One training phase: what was frozen and trained, before and after."""

    phase: Train
    names: set[str]
    before: dict[str, Tensor]
    after: dict[str, Tensor]
    result: LoopResult


@dataclass
class Run:
    """A method after all its phases, with the folders they left."""

    method: Method
    model: nn.Module
    folders: dict[str, Path] = field(default_factory=dict)
    learned: list[Learned] = field(default_factory=list)
    printed: str = ""


class Lab:
    """One method on one family; what several checks need is made once.  Frozen weights are held in ``dtype``."""

    def __init__(self, make: Callable[[], Method], family: str, dtype: torch.dtype = torch.float32) -> None:
        self.make, self.family, self.dtype = make, family, dtype
        self.text = shared_text()[0]
        self._first: Run | None = None
        self._logits: dict[Direction | None, Tensor] = {}
        self._failed = ""
        self._folder = tempfile.TemporaryDirectory(prefix="mtsuite-testing-")

    @property
    def first(self) -> Run:
        """All phases, run once.  What failed is told in full the first time, and in a word after that.

        Raises MethodError when they have failed before.
        """
        if self._failed:
            raise MethodError(f"not reached: {self._failed}")
        if self._first is None:
            try:
                self._first = self.run()
            except Exception as error:
                self._failed = f"the phases do not run ({type(error).__name__})"
                raise
        return self._first

    def first_logits(self, direction: Direction | None) -> Tensor:
        """``logits`` of the first run's model (rows, length, vocabulary), computed once."""
        if direction not in self._logits:
            self._logits[direction] = self.logits(self.first.method, self.first.model, direction)
        return self._logits[direction]

    def run(self, *, charts: bool = True) -> Run:
        """All phases from the start; only charts need the probes that look at the method's own model."""
        method = self.make()
        run = Run(method, self.base())
        place = Path(tempfile.mkdtemp(dir=self._folder.name))
        captured = io.StringIO()
        with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for phase in method.phases():
                if isinstance(phase, Probe) and phase.looks_at != "base" and not charts:
                    continue
                folder = place / phase.name
                folder.mkdir()
                if isinstance(phase, Probe):
                    self._probe(method, phase, run.folders, folder)
                else:
                    run.model = self.open(method, run.folders, phase.name)
                    run.learned.append(self._train(method, run.model, phase))
                    method.save(run.model, folder)
                run.folders[phase.name] = folder
        run.printed = captured.getvalue()
        run.model.eval()
        return run

    def open(
        self, method: Method, folders: Mapping[str, Path], phase: str | None, dtype: torch.dtype | None = None
    ) -> nn.Module:
        """The method's model at the start of a phase, or after the last one: what jobs do."""
        trains = [p.name for p in method.phases() if isinstance(p, Train)]
        model: nn.Module = tiny_model(self.family)
        model.to(dtype or self.dtype)
        if method.phases():
            model.requires_grad_(False)
            torch.manual_seed(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = method.attach(model, Artefacts(folders), phase if phase is not None else trains[-1])
            for name in trains:
                if name == phase:
                    break
                method.load(model, folders[name])
        return model.eval()

    def base(self) -> nn.Module:
        """A fresh base model."""
        model: nn.Module = tiny_model(self.family)
        return model.to(self.dtype)

    def _probe(self, method: Method, phase: Probe, folders: Mapping[str, Path], folder: Path) -> None:
        from safetensors.torch import save_file

        model = self.base()
        if phase.looks_at != "base":
            first = next(p.name for p in method.phases() if isinstance(p, Train))
            model = self.open(method, folders, first if phase.looks_at == "start" else None)
        model.requires_grad_(False)
        torch.manual_seed(0)
        tensors = phase.run(model, self.text)
        save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, folder / "tensors.safetensors")
        (folder / "seen.json").write_text(json.dumps({"directions": [str(d) for d in self.text.directions]}))

    def _train(self, method: Method, model: nn.Module, phase: Train) -> Learned:
        model.requires_grad_(False)
        for parameter in method.trainable(model, phase):
            parameter.requires_grad_(True)
            parameter.data = parameter.data.float()  # as the training job does
        names = {n for n, p in model.named_parameters() if p.requires_grad}
        before = snapshot(model)
        stream = SharedStream(phase.text, phase.loss_on, UPDATES)
        torch.manual_seed(0)
        settings = LoopSettings(UPDATES, OptimizerSettings(learning_rate=1e-2, weight_decay=0.1), warmup_steps=0)
        result = fit(method, model, stream, settings, make_accelerator("no"))
        return Learned(phase, names, before, snapshot(model), result)

    def logits(self, method: Method, model: nn.Module, direction: Direction | None) -> Tensor:
        """Logits (batch, length, vocabulary) of one batch of held-out text."""
        batch = shared_batch(direction if direction in TRAINED else TRAINED[0])
        method.focus(model, direction)
        with torch.inference_mode():
            output = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
        logits: Tensor = output.logits
        return logits * batch.attention_mask.unsqueeze(-1)  # (rows, length, 1): zero at padding


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters and saved buffers, by name and in their shapes."""
    state = {n: p.detach().clone() for n, p in model.named_parameters()}
    return state | {n: b.detach().clone() for n, b in model.named_buffers()}
