"""Rows as they are before their first training step (``trained_on`` is ``start``): the reference of their changes.

A method's surgery may change the base before anything is trained.  A start job measures whether it did; where it did
not, translations, scores and perplexity of the start are the base's and are not made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtsuite.identity import identity
from mtsuite.jobs.roles import PHASE
from mtsuite.method import Method, Probe, Train, main_phase
from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.perplexity import focused
from mtsuite.plan.phases import at_start
from mtsuite.plan.untrained import left_out
from mtsuite.recipe.schema import Recipe


@dataclass(frozen=True)
class Start:
    """A row's untrained model under one seed: the key of its start job, and by role the looks that surgery uses."""

    method: str
    seed: int
    job: str
    looks: tuple[tuple[str, str], ...]


def tested_at_start(recipe: Recipe, methods: Mapping[str, Method]) -> dict[str, list[str]]:
    """Trained rows of which a table shows a change, with the directions in which it does (none: perplexity alone)."""
    found: dict[str, list[str]] = {}
    for name, method in methods.items():
        if main_phase(method.phases()) is None:
            continue
        asked: list[str] = []
        if recipe.transfer is not None and name in recipe.transfer.methods:
            asked += recipe.directions
        if recipe.sequence is not None and name in recipe.sequence.methods:
            asked += recipe.sequence.directions
        if not left_out(recipe, name, method):
            asked += recipe.forgetting.zero_shot_directions
        if asked or (recipe.forgetting.perplexity and not recipe.methods[name].one_model_per_direction):
            found[name] = list(dict.fromkeys(asked))
    return found


def looks_before(method: Method, phases: Mapping[str, str]) -> dict[str, str]:
    """Role and key of the looks at the base ahead of the first training; ``phases`` are keys by name."""
    found: dict[str, str] = {}
    for phase in method.phases():
        if isinstance(phase, Train):
            break
        if isinstance(phase, Probe) and phase.looks_at == "base":
            found[PHASE + phase.name] = phases[phase.name]
    return found


def start_job(
    recipe: Recipe, name: str, method: Method, seed: int, shared: Mapping[str, Any], inputs: Mapping[str, str]
) -> Job:
    """Measures whether the start is the base; ``inputs`` are corpus, base and the looks."""
    told = recipe.forgetting
    plain = told.perplexity and (
        told.focus == "none"
        or any(focused(code, recipe.parsed_directions()) is None for code in told.languages or recipe.languages())
    )
    spec = {
        "version": VERSIONS["start"],
        "identity": identity(type(method)),
        **at_start(method),
        "seed": seed,
        "plain_text": plain,
        **shared,
        "_use": recipe.methods[name].use or name,
    }
    return Job("start", f"{name}: before training (seed {seed})", spec, dict(inputs), cost=3.0)
