"""The one training loop, for every method and every phase that learns.

An update is a list of micro-batches of the shared stream.  Its loss is the sum of the token losses
divided by the number of target tokens of the whole update, whatever the number of micro-batches or
processes: for cross-entropy, accumulating, or splitting rows over processes, changes nothing but rounding.

What a method adds is weighted in the same way, but each process computes it from its own rows of a micro-batch.
A term that is no mean over tokens (the balance losses of experts: products or squares of a batch's averages) therefore
differs a little with the number of processes, as in every expert library that balances per device, and so does
dropout, which draws by shape.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from mtsuite.data.batches import Batch
from mtsuite.errors import MethodError
from mtsuite.train.checkpoint import load_checkpoint, save_checkpoint
from mtsuite.train.optim import OptimizerSettings, build_optimizers, learning_rate_scale
from mtsuite.train.precision import bf16_gains, one_type
from mtsuite.train.validation import Validation

if TYPE_CHECKING:
    from accelerate import Accelerator

    from mtsuite.data.direction import Direction


class Stream(Protocol):
    """What the loop reads: the micro-batches of one update after another, without end."""

    def update(self) -> list[Batch]: ...


class Learner(Protocol):
    """The part of a method that the loop calls."""

    def focus(self, model: nn.Module, direction: Direction | None) -> None: ...

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """Mean loss over the batch's target tokens, a scalar with a gradient."""


class Log(Protocol):
    """Where the numbers of every update go (``mtsuite.train.track``)."""

    def begin(self, step: int) -> None: ...

    def record(self, step: int, values: Mapping[str, float], *, last: bool = False) -> None: ...


@dataclass(frozen=True)
class LoopSettings:
    steps: int
    optimizer: OptimizerSettings
    schedule: str = "cosine"
    warmup_steps: int = 10
    max_grad_norm: float | None = 1.0
    checkpoint_seconds: float = 60.0


@dataclass
class LoopResult:
    """What a training run was: losses by update, tokens, time, and the fingerprint of what it consumed.

    Replayed text counts among ``tokens`` and ``replayed_tokens``; pairs, target tokens and fingerprint are of the text
    that rows share.  ``trained_parameters`` are those that had a gradient at some step.  ``seconds`` are without the
    ``validation``, whose measurements are told by step; ``kept_step`` is that of the weights that were left.
    """

    losses: list[float] = field(default_factory=list)
    trained_parameters: int = 0
    tokens: int = 0
    target_tokens: int = 0
    target_tokens_by_direction: dict[str, int] = field(default_factory=dict)
    pairs_by_direction: dict[str, int] = field(default_factory=dict)
    padding_tokens: int = 0
    replayed_tokens: int = 0
    seconds: float = 0.0
    fingerprint: str = ""
    resumed_at: int = 0
    validation: list[dict[str, Any]] = field(default_factory=list)
    kept_step: int | None = None

    def count(self, batch: Batch) -> None:
        """Count what rows share of a translation batch under its direction."""
        if batch.direction is not None and not batch.replayed:
            direction = str(batch.direction)
            before = self.target_tokens_by_direction.get(direction, 0)
            self.target_tokens_by_direction[direction] = before + batch.target_tokens
            self.pairs_by_direction[direction] = self.pairs_by_direction.get(direction, 0) + len(batch.input_ids)


def fit(
    learner: Learner,
    model: nn.Module,
    stream: Stream,
    settings: LoopSettings,
    accelerator: Accelerator,
    *,
    checkpoint: Path | None = None,
    progress: Callable[..., None] = lambda **_: None,
    log: Log | None = None,
    validation: Validation | None = None,
) -> LoopResult:
    """Train the parameters of ``model`` that require gradients; leaves the model in eval mode.

    ``log`` is told every update's numbers, by one process when there are several.  ``validation`` measures on the way
    and decides whether the last weights are left or the best.

    Raises MethodError when nothing requires gradients or the loss is not a number.
    """
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not sum(p.numel() for p in named.values()):
        raise MethodError("The phase trains nothing: trainable() named no parameter.")
    optimizers = build_optimizers(named.items(), settings.optimizer)
    result = LoopResult()
    touched: set[str] = set()  # names of the parameters that had a gradient so far
    device = accelerator.device
    started, earlier = time.perf_counter(), 0.0
    digest, first = b"", 0
    best = validation.best if validation is not None else {}
    if checkpoint is not None and (counters := load_checkpoint(checkpoint, named, optimizers, best)) is not None:
        first, earlier, digest = counters["step"], counters["seconds"], bytes.fromhex(counters["digest"])
        result.losses, result.resumed_at = counters["losses"], first
        result.tokens, result.target_tokens = counters["tokens"], counters["target_tokens"]
        result.padding_tokens, result.replayed_tokens = counters["padding_tokens"], counters["replayed_tokens"]
        touched |= set(counters.get("touched", named))  # earlier versions did not tell
        if validation is not None:
            validation.measured = counters.get("validation", [])
        for _ in range(first):  # the stream is a function of its seed: walk to where we were
            for batch in stream.update():
                result.count(batch)
        progress(step=first, total=settings.steps, restored=first)
    if log is not None:
        log.begin(first)

    def elapsed() -> float:
        return earlier + time.perf_counter() - started - (validation.seconds if validation is not None else 0.0)

    def state(step: int) -> dict[str, Any]:
        return {
            "step": step,
            "seconds": elapsed(),
            "digest": digest.hex(),
            "losses": result.losses,
            "tokens": result.tokens,
            "target_tokens": result.target_tokens,
            "padding_tokens": result.padding_tokens,
            "replayed_tokens": result.replayed_tokens,
            "touched": sorted(touched),
            "validation": validation.measured if validation is not None else [],
        }

    model.train()
    last_saved = time.perf_counter()
    for step in range(first, settings.steps):
        batches = stream.update()
        total = sum(batch.target_tokens for batch in batches)
        optimizers.set_scale(
            learning_rate_scale(step, schedule=settings.schedule, warmup=settings.warmup_steps, total=settings.steps)
        )
        update_loss = torch.zeros((), device=device)
        for batch in batches:
            if batch.replayed:
                result.replayed_tokens += batch.input_ids.numel()
            else:
                digest = hashlib.sha256(digest + batch.digest()).digest()
                result.target_tokens += batch.target_tokens
            result.count(batch)
            result.tokens += batch.input_ids.numel()
            result.padding_tokens += int((batch.attention_mask == 0).sum())
            share = batch.rows(accelerator.process_index, accelerator.num_processes)
            tokens = share.target_tokens if len(share.input_ids) else 0
            if not tokens:
                continue
            learner.focus(model, batch.direction)
            with accelerator.autocast(), one_type(model, device):
                loss = _scalar(learner.loss(model, share.to(device))) * (tokens / total)
            if loss.requires_grad:
                accelerator.backward(loss)
            elif not batch.replayed:  # replayed text may pass the frozen part of a routed method alone
                raise MethodError(
                    f"The loss of step {step + 1} ({batch.direction or batch.language}) depends on no trained "
                    "parameter: expected what trainable() names to take part in the forward pass."
                )
            update_loss += loss.detach()
        _sum_over_processes(accelerator, named, update_loss)
        touched |= {name for name, parameter in named.items() if parameter.grad is not None}
        value = update_loss.item()
        if not math.isfinite(value):
            raise MethodError(
                f"The loss became {value} at step {step + 1} of {settings.steps}: "
                "lower the learning rate, or check the method's loss."
            )
        result.losses.append(round(value, 6))
        norm: torch.Tensor | None = None
        if settings.max_grad_norm is not None:
            norm = nn.utils.clip_grad_norm_(named.values(), settings.max_grad_norm)
        elif log is not None:
            norm = nn.utils.get_total_norm([p.grad for p in named.values() if p.grad is not None])
        rate = optimizers.learning_rate
        optimizers.step()
        optimizers.zero_grad()
        speed = result.tokens / max(1e-9, elapsed())
        found: dict[str, float] = {}
        if validation is not None and validation.due(step + 1, settings.steps):
            found = validation.measure(learner, model, named, step + 1, accelerator)
        progress(step=step + 1, total=settings.steps, loss=value, tokens_per_second=speed)
        if log is not None:
            values = {"loss": value, "learning_rate": rate, "gradient_norm": float(norm) if norm is not None else 0.0,
                      "tokens": result.tokens, "tokens_per_second": round(speed, 1), **found}  # fmt: skip
            log.record(step + 1, values, last=step + 1 == settings.steps)
        due = time.perf_counter() - last_saved >= settings.checkpoint_seconds and step + 1 < settings.steps
        if checkpoint is not None and accelerator.is_main_process and due:
            save_checkpoint(checkpoint, named, optimizers, state(step + 1), validation.best if validation else {})
            last_saved = time.perf_counter()
    result.seconds = elapsed()
    result.fingerprint = digest.hex()[:20]
    result.trained_parameters = sum(parameter.numel() for name, parameter in named.items() if name in touched)
    if validation is not None:
        validation.restore(named)
        result.validation, result.kept_step = validation.measured, validation.kept_step
    model.eval()
    return result


def _scalar(loss: object) -> torch.Tensor:
    if not isinstance(loss, torch.Tensor) or loss.dim():
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise MethodError(f"loss() gave {found}; expected one number as a tensor, the mean over the target tokens.")
    return loss


def _sum_over_processes(accelerator: Accelerator, named: dict[str, nn.Parameter], loss: torch.Tensor) -> None:
    """Add gradients and loss over processes.

    By hand instead of by DistributedDataParallel: methods that route by direction leave parameters
    without gradient in most batches, and a parameter that no process touched must keep none.
    """
    if accelerator.num_processes == 1:
        return
    import torch.distributed as dist

    touched = torch.tensor([float(p.grad is not None) for p in named.values()], device=loss.device)
    dist.all_reduce(touched)
    for flag, parameter in zip(touched.tolist(), named.values(), strict=True):
        if flag:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
    dist.all_reduce(loss)


def make_accelerator(mixed_precision: str) -> Accelerator:
    """An Accelerator for one job; ``auto`` means bf16 autocast where ``bf16_gains`` says so.

    Jobs share a worker's process, and accelerate keeps its settings in one place a process: they are
    reset first, the process group stays.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()
    if mixed_precision == "auto":
        mixed_precision = "bf16" if bf16_gains() else "no"
    accelerator: Accelerator = Accelerator(mixed_precision=mixed_precision)
    return accelerator
