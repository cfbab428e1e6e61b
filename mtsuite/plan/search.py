"""A row's learning rate, searched on validation text before its trainings (`search:`).

Every rate of the search is trained under the recipe's first seed, as an ordinary training, and translates the
validation text.  A ``choose`` job takes the best.  Trainings of the row read the rate from it: their keys hold the
choice's key, which holds those of all candidates.  The first seed's training is the chosen candidate itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mtsuite.data.corpus import VALIDATION
from mtsuite.jobs.choose import CANDIDATE, CHOICE, SCORE, candidate_role
from mtsuite.jobs.roles import PHASE
from mtsuite.method import Method, main_phase
from mtsuite.metrics.registry import column_of, make_metric
from mtsuite.plan.graph import Job, Plan
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Recipe

Model = tuple[list[str], int, str]  # directions, updates, what it is trained on: a model that a row trains


@dataclass(frozen=True)
class Searched:
    """A row's search: the key of its choice, and by (seed, trained on) the candidates' main jobs by rate."""

    choice: str
    rates: tuple[float, ...]
    metric: str
    trainings: int
    candidates: Mapping[tuple[int, str], Mapping[float, str]] = field(default_factory=dict)


def search_of(recipe: Recipe, name: str, method: Method) -> tuple[float, ...]:
    """The rates between which a row's is chosen; none when it is not searched.

    A search of the whole recipe leaves out rows that train nothing and rows that set a rate of their own.
    """
    row = recipe.methods[name]
    if row.search is not None:
        return tuple(row.search.learning_rate)
    if recipe.search is None or row.train.learning_rate is not None or main_phase(method.phases()) is None:
        return ()
    return tuple(recipe.search.learning_rate)


def headline(recipe: Recipe, columns: Mapping[str, Any], error: ErrorAt) -> str:
    """The metric that chooses: the first that is computed without COMET."""
    for name in recipe.metrics.names:
        if name not in columns:
            return column_of(name)
    raise error(("metrics", "names"), "a search chooses by a metric other than COMET: add one, such as chrF.")


def plan_search(
    plan: Plan,
    recipe: Recipe,
    name: str,
    method: Method,
    models: list[Model],
    metric: str,
    phases: Callable[..., dict[str, str]],
    score: Callable[[str, dict[str, str], str], str],
    error: ErrorAt,
) -> Searched | None:
    """Plan a row's candidates and the choice between them; None for a row that is not searched.

    ``models`` are those that the row trains for the table, ``phases`` the planner's, ``score`` gives the key of the
    score of a direction's validation text (direction, phases, label).
    """
    rates = search_of(recipe, name, method)
    if not rates:
        return None
    main = main_phase(method.phases())
    if main is None:
        raise error(("methods", name, "search"), f"{name!r} trains nothing, so there is no learning rate to search.")
    if recipe.methods[name].train.learning_rate is not None:
        told = "it chooses a learning rate, and `train` of the row (or its sweep) sets one: take one of them out."
        raise error(("methods", name, "search"), told)
    seed, inputs = recipe.seeds[0], {}
    candidates: dict[tuple[int, str], dict[float, str]] = {}
    for directions, steps, trained_on in models:
        for rate in rates:
            made = phases(name, seed, directions, steps, trained_on, rate=rate)
            job = made[PHASE + main.name]
            candidates.setdefault((seed, trained_on), {})[rate] = job
            inputs[candidate_role(rate, trained_on)] = job
            for direction in directions:
                label = f"{name} (learning rate {rate:g})"
                inputs[f"{SCORE}{rate!r}:{direction}"] = score(direction, made, label)
    spec = {
        "version": VERSIONS["choose"],
        "learning_rates": list(rates),
        "metric": metric,
        "lower_is_better": _lower_is_better(recipe, metric),
        "directions": recipe.directions,
        "seed": seed,
    }
    choice = plan.add(Job("choose", f"{name}: choose a learning rate", spec, inputs, cost=0.1))
    return Searched(choice, rates, metric, len(rates) * len(models), candidates)


def _lower_is_better(recipe: Recipe, metric: str) -> bool:
    use = next(use for use in recipe.metrics.names if column_of(use) == metric)
    return make_metric(use).lower_is_better


def validation_text() -> str:
    """The name under which validation text is translated."""
    return VALIDATION


def with_choice(job: Job, found: Searched, seed: int, trained_on: str, *, of_table: bool) -> Job:
    """A training job that takes its rate from the row's choice; the chosen candidate where that is the same model."""
    train = {**job.spec["train"], "learning_rate": None}
    inputs = {**job.inputs, CHOICE: found.choice}
    candidates = found.candidates.get((seed, trained_on), {}) if of_table else {}
    if not candidates:
        return replace(job, spec={**job.spec, "train": train}, inputs=inputs)
    spec = {"version": VERSIONS["chosen"], "phase": job.spec["phase"], "train": train}
    roles = {f"{CANDIDATE}{rate!r}": key for rate, key in candidates.items()}
    return Job("chosen", job.label, spec, {CHOICE: found.choice, **roles}, cost=0.1)
