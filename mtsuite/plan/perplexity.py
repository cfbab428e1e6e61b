"""Perplexity jobs (`forgetting.perplexity`): of the base, of every joint model, of every stage of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.identity import identity
from mtsuite.jobs.same import SAME, START
from mtsuite.method import Method, main_phase
from mtsuite.plan.graph import Job, Plan
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.phases import at_start
from mtsuite.recipe.schema import Recipe

BASE = "base"  # stands where a row's name does


@dataclass(frozen=True)
class Perplexity:
    """Where the perplexities of one model come from: its row (or ``base``) and the key of the job."""

    method: str
    seed: int
    trained_on: str
    job: str


def plan_perplexity(
    plan: Plan,
    recipe: Recipe,
    methods: Mapping[str, Method],
    models: Mapping[tuple[str, int, str], Mapping[str, str]],
    common: Mapping[str, Any],
    inputs: Mapping[str, str],
) -> list[Perplexity]:
    """Add the jobs; ``models`` are the phases by row, seed and what it was trained on, ``inputs`` corpus and base.

    Phases with a start job among them are a row's model before training: where it is the base, the base's numbers are
    taken.  Rows that train nothing are the base and have no job of their own.
    """
    if not recipe.forgetting.perplexity:
        return []
    languages = recipe.forgetting.languages or recipe.languages()
    shared = {
        "version": VERSIONS["perplexity"],
        "languages": languages,
        "sentences": recipe.forgetting.sentences,
        **common,
    }
    base = Job("perplexity", "base: perplexity", {**shared, "identity": BASE}, dict(inputs), cost=3.0)
    found = [Perplexity(BASE, 0, "all", plan.add(base))]
    focus = {code: focused(code, recipe.parsed_directions()) for code in languages}
    if recipe.forgetting.focus == "none":
        focus = dict.fromkeys(languages)
    for (name, seed, trained_on), phases in models.items():
        method = methods[name]
        if main_phase(method.phases()) is None:
            continue
        spec = {
            **shared,
            "focus": {code: str(direction) if direction else None for code, direction in focus.items()},
            "identity": identity(type(method)),
            "config": method.config.model_dump(mode="json"),
            "seed": seed,
            "_use": recipe.methods[name].use or name,
        }
        on = "" if trained_on == "all" else f" (trained on {trained_on})"
        needed = {**inputs, **phases}
        if START in phases:
            spec |= at_start(method)
            needed[SAME] = found[0].job
            on = " (before training)"
        job = Job("perplexity", f"{name}{on}: perplexity (seed {seed})", spec, needed, cost=4.0)
        found.append(Perplexity(name, seed, trained_on, plan.add(job)))
    return found


def focused(language: str, directions: list[Direction]) -> Direction | None:
    """The direction whose sub-network reads text of a language: the first into it, else the first out of it."""
    into = (d for d in directions if d.target == language)
    return next(into, None) or next((d for d in directions if d.source == language), None)
