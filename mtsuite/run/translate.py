"""Translating a user's own text with a method that a run has trained."""

from __future__ import annotations

from collections.abc import Iterable

from mtsuite.data.direction import Direction
from mtsuite.errors import RecipeError, StoreError, did_you_mean
from mtsuite.jobs.context import JobContext
from mtsuite.plan.build import Planned
from mtsuite.run.store import Store


def translate_lines(
    planned: Planned, store: Store, method: str, direction: str, lines: Iterable[str], seed: int | None = None
) -> list[str]:
    """One translation a line; ``lines`` are read once it is clear that they can be translated.

    Raises RecipeError for a row, seed or direction that the recipe has not, StoreError when the row has not been
    trained yet.
    """
    from mtsuite.jobs.translate import translate_text

    wanted = Direction.parse(direction)
    if str(wanted) not in planned.recipe.directions:
        known = did_you_mean(str(wanted), planned.recipe.directions)
        raise RecipeError(f"--direction: {wanted} is not among the recipe's directions. {known}")
    if method not in planned.recipe.methods:
        raise RecipeError(f"--method: no row {method!r}. {did_you_mean(method, planned.recipe.methods)}")
    seed = planned.recipe.seeds[0] if seed is None else seed
    line = next((x for x in planned.lines if (x.method, x.seed, x.trained_on) == (method, seed, "all")), None)
    if line is None:
        raise RecipeError(f"--seed: {seed} is not among the recipe's seeds {planned.recipe.seeds}.")
    job = planned.plan.jobs[line.translations]
    missing = [planned.plan.jobs[key] for key in job.inputs.values() if not store.has_output(planned.plan.jobs[key])]
    if missing:
        raise StoreError(
            f"{method} has not been trained in this store ({missing[0].label} is missing). Run the recipe first."
        )
    inputs = {role: store.path(planned.plan.jobs[key]) for role, key in job.inputs.items()}
    spec = {**job.spec, "direction": str(wanted), "directions": [str(wanted)]}
    return translate_text(spec, inputs, list(lines), JobContext(keys=job.inputs))
