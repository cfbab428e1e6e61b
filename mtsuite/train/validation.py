"""Loss on validation text while a training runs, and the weights of the step at which it was lowest.

What is measured is the cross-entropy of the target tokens, without what a method adds to its loss: one measure for all
rows.  Each direction's loss is a mean over its target tokens, and the mean of directions weighs them alike.  Measuring
draws no random number and changes no weight, so a training goes as it would without.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError, MethodError
from mtsuite.model.likelihood import cross_entropy
from mtsuite.train.precision import one_type

if TYPE_CHECKING:
    from accelerate import Accelerator


class Focuser(Protocol):
    """What is asked of a method: to use the part of the model that serves a direction."""

    def focus(self, model: nn.Module, direction: Direction | None) -> None: ...


class Validation:
    """Measures every ``every`` steps and after the last one.

    ``batches`` are the validation text by direction; ``measured`` what was found, a dictionary a time: ``step``,
    ``loss`` (the mean of directions, nats per target token), ``directions``.  With ``keep_best`` the trained weights
    of the lowest mean are copied to the CPU; of equal ones, the earliest.

    Raises DataError for a direction without batches; ``measure`` MethodError for a loss that is no number.
    """

    def __init__(self, batches: Mapping[Direction, Sequence[Batch]], every: int, *, keep_best: bool = False) -> None:
        for direction, found in batches.items():
            if not found:
                raise DataError(
                    f"train.evaluate_every: expected validation pairs of {direction} that fit into train.max_length; "
                    "found none. Raise train.max_length, add validation text, or leave train.evaluate_every empty."
                )
        self._batches, self._every, self._keep_best = batches, every, keep_best
        self.measured: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = {}
        self.seconds = 0.0

    def due(self, step: int, total: int) -> bool:
        """Whether there is a measurement after ``step`` steps of ``total``."""
        return step % self._every == 0 or step == total

    @property
    def best_step(self) -> int | None:
        """The step of the lowest mean loss; None when nothing was measured."""
        return int(min(self.measured, key=lambda one: float(one["loss"]))["step"]) if self.measured else None

    @property
    def kept_step(self) -> int | None:
        """The step whose weights the training leaves; None when nothing was measured."""
        return (self.best_step if self._keep_best else self.measured[-1]["step"]) if self.measured else None

    def measure(
        self, focuser: Focuser, model: nn.Module, named: Mapping[str, nn.Parameter], step: int, accelerator: Accelerator
    ) -> dict[str, float]:
        """Measure after ``step``; the numbers for the training's log.  The model is left in training mode.

        Raises MethodError when the loss is no finite number.
        """
        began = time.perf_counter()
        model.eval()
        with torch.random.fork_rng(), torch.no_grad():
            losses = {str(d): _loss(focuser, model, d, found, accelerator) for d, found in self._batches.items()}
        model.train()
        mean = sum(losses.values()) / len(losses)
        if not math.isfinite(mean):
            raise MethodError(
                f"The loss on validation text became {mean} at step {step}: lower the learning rate, or check the "
                "method's forward pass."
            )
        self.measured.append({"step": step, "loss": mean, "directions": losses})
        if self._keep_best and self.best_step == step:
            self.best = {name: p.detach().to("cpu", copy=True) for name, p in named.items()}
        self.seconds += time.perf_counter() - began
        return {"validation_loss": mean, **{f"validation_loss/{d}": loss for d, loss in losses.items()}}

    def restore(self, named: Mapping[str, nn.Parameter]) -> None:
        """Put the kept weights back, where those of the best step are kept."""
        with torch.no_grad():
            for name, value in self.best.items():
                named[name].copy_(value)


def _loss(
    focuser: Focuser, model: nn.Module, direction: Direction, batches: Sequence[Batch], accelerator: Accelerator
) -> float:
    """Mean cross-entropy of a direction's target tokens, in nats."""
    device = accelerator.device
    total, tokens = 0.0, 0
    for batch in batches:
        focuser.focus(model, direction)
        with accelerator.autocast(), one_type(model, device):
            total += float(cross_entropy(model, batch.to(device))) * batch.target_tokens
        tokens += batch.target_tokens
    return total / tokens
