"""A method's phase that learns."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.jobs.assemble import open_adapted, open_base, open_method, open_text, prompts_told
from mtsuite.jobs.choose import CHOICE, read_choice
from mtsuite.jobs.context import JobContext
from mtsuite.meter import peak_training_memory_mb
from mtsuite.method import Train
from mtsuite.train.track import TrackedRun, TrainingLog


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Train one phase and save what it trained; leaves ``checkpoint/`` while it runs, and removes it."""
    import torch

    from mtsuite.data.batches import MonolingualStream, ParallelStream, ReplayStream
    from mtsuite.jobs.watch import Watch
    from mtsuite.train.loop import LoopSettings, fit, make_accelerator
    from mtsuite.train.optim import OptimizerSettings
    from mtsuite.train.validation import Validation

    settings = _settings(spec, inputs)
    method = open_method(spec)
    phase = next(p for p in method.phases() if isinstance(p, Train) and p.name == spec["phase"])
    text = open_text(spec, inputs, context)
    accelerator = make_accelerator(settings["mixed_precision"])
    base = open_base(spec, inputs, context)
    model, _ = open_adapted(method, base, inputs, phase.name, seed=spec["seed"])
    remarks = [str(remark) for remark in method.remarks(model)]
    watch = Watch(model, method.trainable(model, phase), f"{spec['_use']}: phase {phase.name!r}")
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype != torch.float32:
            parameter.data = parameter.data.float()  # trained weights are updated in full precision
    model = model.to(accelerator.device)
    watch.begin()
    stream: ParallelStream | MonolingualStream | ReplayStream
    if phase.text == "parallel":
        stream = ParallelStream(
            text,
            seed=spec["seed"],
            tokens_per_batch=settings["tokens_per_batch"],
            sentences_per_batch=settings["sentences_per_batch"],
            accumulation=settings["gradient_accumulation_steps"],
            loss_on=phase.loss_on,
        )
        if share := settings.get("monolingual_replay"):
            per_update = settings["tokens_per_batch"] * settings["gradient_accumulation_steps"]
            stream = ReplayStream(stream, share, seed=spec["seed"], tokens_per_update=per_update)
    else:
        stream = MonolingualStream(
            text,
            seed=spec["seed"],
            tokens_per_batch=settings["tokens_per_batch"],
            accumulation=settings["gradient_accumulation_steps"],
        )
    validation = None
    if (asked := settings.get("validation")) is not None:
        held_out = {d: list(text.batches(d, limit=asked["pairs"])) for d in text.directions}
        validation = Validation(held_out, asked["every"], keep_best=asked["keep"] == "best")
    torch.manual_seed(spec["seed"])
    log = _log(spec, settings, output, context) if accelerator.is_main_process else None
    with log or contextlib.nullcontext():
        result = fit(
            method,
            model,
            stream,
            LoopSettings(
                steps=settings["steps"],
                optimizer=OptimizerSettings(
                    name=settings["optimizer"],
                    learning_rate=settings["learning_rate"],
                    weight_decay=settings["weight_decay"],
                    beta2=settings["beta2"],
                ),
                schedule=settings["schedule"],
                warmup_steps=settings["warmup_steps"],
                max_grad_norm=settings["max_grad_norm"],
                checkpoint_seconds=spec["_checkpoint_seconds"],
            ),
            accelerator,
            checkpoint=output / "checkpoint",
            progress=watch.over(context.progress),
            log=log,
            validation=validation,
        )
    watch.end()
    if accelerator.is_main_process:
        method.save(model, output)
        shutil.rmtree(output / "checkpoint", ignore_errors=True)
    return {
        "losses": result.losses,
        "trainable_parameters": result.trained_parameters,
        "total_parameters": sum(p.numel() for p in model.parameters()),
        "active_parameters": method.active_parameters(model),
        "tokens": result.tokens,
        "target_tokens": result.target_tokens,
        "target_tokens_by_direction": result.target_tokens_by_direction,
        "pairs_by_direction": result.pairs_by_direction,
        "pairs_there": {str(d): len(text.corpus.pairs("train", d)) for d in text.directions},
        "replayed_tokens": result.replayed_tokens,
        "padding_share": result.padding_tokens / max(1, result.tokens),
        "too_long": stream.too_long,
        "left_out": {code: found.to_dict() for code, found in stream.left_out.items()},
        "max_length": text.max_length,
        **prompts_told(spec, text),
        **({"remarks": remarks} if remarks else {}),
        "updates": len(result.losses),
        "train_seconds": result.seconds,
        "tokens_per_second": result.tokens / max(1e-9, result.seconds),
        "peak_memory_mb": peak_training_memory_mb(),
        "text": phase.text,
        "fingerprint": result.fingerprint,
        "resumed_at": result.resumed_at,
        **(
            {"validation": result.validation, "kept_step": result.kept_step, "keep": asked["keep"]}
            if asked is not None
            else {}
        ),
        **({"trackers_failed": log.failed} if log is not None and log.failed else {}),
    }


def _settings(spec: Mapping[str, Any], inputs: Mapping[str, Path]) -> dict[str, Any]:
    """The budget, with the learning rate that was chosen where the row's is searched."""
    if CHOICE not in inputs:
        return dict(spec["train"])
    return {**spec["train"], "learning_rate": read_choice(inputs[CHOICE])["learning_rate"]}


def _log(spec: dict[str, Any], budget: Mapping[str, Any], output: Path, context: JobContext) -> TrainingLog:
    """The file of the training's course and the recipe's trackers."""
    tracking = spec.get("_tracking")
    if not tracking:
        return TrainingLog(output)
    settings = {key: value for key, value in budget.items() if isinstance(value, int | float | str)}
    run = TrackedRun(
        project=tracking["project"],
        name=tracking["run"],
        key=output.name.removesuffix(".partial"),
        folder=context.shared / "tracking",
        offline=context.offline,
        config={"method": spec["_use"], "phase": spec["phase"], "seed": spec["seed"], **settings},
    )
    return TrainingLog(output, tracking["trackers"], run)
