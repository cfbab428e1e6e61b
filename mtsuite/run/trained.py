"""Finding what a run has trained: the job of a row with the folders that it reads."""

from __future__ import annotations

from pathlib import Path

from mtsuite.errors import MethodError, RecipeError, StoreError, did_you_mean
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.results.trained_on import ALL, OWN
from mtsuite.run.store import Store


def find_trained(
    planned: Planned, store: Store, method: str, seed: int | None = None, direction: str | None = None
) -> tuple[Job, dict[str, Path]]:
    """A translate job of the row's model (of the direction's own, where each has one), and its inputs by role.

    Raises RecipeError for a row or seed that the recipe has not, or a direction that is needed and missing;
    MethodError when the row's method cannot be used; StoreError when the row has not been trained yet.
    """
    recipe = planned.recipe
    if method not in recipe.methods:
        raise RecipeError(f"--method: no row {method!r}. {did_you_mean(method, recipe.methods)}")
    broken = next((row for row in planned.broken if row.name == method), None)
    if broken is not None:
        raise MethodError(f"methods.{method}: {broken.error}")
    seed = recipe.seeds[0] if seed is None else seed
    if seed not in recipe.seeds:
        raise RecipeError(f"--seed: {seed} is not among the recipe's seeds {recipe.seeds}.")
    own = recipe.methods[method].one_model_per_direction
    if own and direction is None:
        raise RecipeError(f"--direction: {method} has a model for each direction; say which: {recipe.directions}.")
    line = next(
        line
        for line in planned.lines
        if (line.method, line.seed, line.trained_on) == (method, seed, OWN if own else ALL)
        and (not own or line.direction == direction)
    )
    job = planned.plan.jobs[line.translations]
    missing = [planned.plan.jobs[key] for key in job.inputs.values() if not store.has_output(planned.plan.jobs[key])]
    if missing and (problem := store.problem(missing[0])) is not None:
        raise StoreError(
            f"{store.path(missing[0])} ({missing[0].label}) is not trusted: {problem}. Run the recipe again: the "
            "folder is moved aside and written again."
        )
    if missing:
        raise StoreError(
            f"{method} has not been trained in this store ({missing[0].label} is missing). Run the recipe first."
        )
    return job, {role: store.path(planned.plan.jobs[key]) for role, key in job.inputs.items()}
