"""The jobs of a method's phases: a probe's look, a training with its budget."""

from __future__ import annotations

from typing import Any

from mtsuite.identity import identity
from mtsuite.jobs.roles import PHASE
from mtsuite.method import Method, Probe, Train
from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS
from mtsuite.recipe.schema import Recipe, Row, TrainOverride


def probe_job(
    name: str,
    method: Method,
    probe: Probe,
    seed: int | None,
    common: dict[str, Any],
    inputs: dict[str, str],
) -> Job:
    """A look at the base model, which rows of other configurations share, or (with a seed) at a trained one."""
    spec = {
        "version": VERSIONS["probe"],
        "identity": identity(type(probe)),
        "settings": probe.model_dump(mode="json"),
        **common,
    }
    config = method.config.model_dump(mode="json")
    if seed is not None:
        return Job(
            "probe",
            f"{name}: {probe.name} (seed {seed})",
            {**spec, "config": config, "seed": seed},
            inputs,
            cost=10.0,
        )
    base = {role: key for role, key in inputs.items() if not role.startswith(PHASE)}
    return Job("probe", f"{name}: {probe.name}", {**spec, "_config": config}, base, cost=10.0)


def train_job(
    recipe: Recipe,
    label: str,
    method: Method,
    phase: Train,
    seed: int,
    budget: dict[str, Any],
    common: dict[str, Any],
    inputs: dict[str, str],
) -> Job:
    """A training of one phase with its ``budget``; the key holds those settings of the method that the phase names."""
    train = recipe.train
    spec = {
        "version": VERSIONS["train"],
        "identity": identity(type(method)),
        "config": settings_of(method, phase),
        "seed": seed,
        "train": budget,
        "_checkpoint_seconds": train.checkpoint_seconds,
        **common,
    }
    if recipe.model.dtype != "float32":
        spec["computed_in"] = "frozen type"  # without autocast too; mixed products failed or were cast by the method
    if recipe.tracking:
        spec["_tracking"] = {"trackers": recipe.tracking, "project": recipe.name or "mtsuite", "run": label}
    tokens = budget["steps"] * train.tokens_per_batch * train.gradient_accumulation_steps
    return Job("train", label, spec, inputs, cost=tokens / 10_000)


def settings_of(method: Method, phase: Train) -> dict[str, Any]:
    """The settings of the method on which a phase depends."""
    config: dict[str, Any] = method.config.model_dump(mode="json")
    return config if phase.settings is None else {key: config[key] for key in phase.settings}


def at_start(method: Method) -> dict[str, Any]:
    """What the specification of a job says for a model before its first training: that phase, and its settings."""
    phase = next(phase for phase in method.phases() if isinstance(phase, Train))
    return {"start": phase.name, "config": settings_of(method, phase)}


def replay_of(recipe: Recipe, own: TrainOverride) -> float:
    """The share of monolingual tokens that a row's trainings on parallel text mix in."""
    return recipe.train.monolingual_replay if own.monolingual_replay is None else own.monolingual_replay


def _validation(recipe: Recipe) -> dict[str, Any] | None:
    """What trainings on parallel text measure on the way; None when nothing."""
    train = recipe.train
    if train.evaluate_every is None:
        return None
    return {"every": train.evaluate_every, "pairs": train.evaluate_pairs, "keep": train.keep}


def train_spec(
    recipe: Recipe, row: Row, phase: Train, steps: int, *, main: bool, rate: float | None = None
) -> dict[str, Any]:
    """The budget of one phase: the row's own values for its main phase, then the recipe's, then the method's.

    ``rate`` is that of a candidate of a search, for the main phase.
    """
    train = recipe.train
    own = row.train if main else type(row.train)()
    shared = train.learning_rate if main else None
    replay = replay_of(recipe, own)
    return {
        **({"monolingual_replay": replay} if replay and phase.text == "parallel" else {}),
        **({"validation": measured} if (measured := _validation(recipe)) and phase.text == "parallel" else {}),
        "steps": steps,
        "learning_rate": (rate if main else None) or own.learning_rate or shared or phase.learning_rate,
        "optimizer": own.optimizer or train.optimizer,
        "weight_decay": train.weight_decay if own.weight_decay is None else own.weight_decay,
        **train.model_dump(
            mode="json",
            include={
                "tokens_per_batch",
                "sentences_per_batch",
                "gradient_accumulation_steps",
                "beta2",
                "schedule",
                "warmup_steps",
                "max_grad_norm",
                "mixed_precision",
            },
        ),
    }
