"""Translating a user's own text with a method that a run has trained."""

from __future__ import annotations

from collections.abc import Iterable

from mtsuite.data.direction import Direction
from mtsuite.data.text import too_long
from mtsuite.errors import DataError, RecipeError, did_you_mean
from mtsuite.jobs.context import JobContext
from mtsuite.plan.planned import Planned
from mtsuite.run.store import Store
from mtsuite.run.trained import find_trained


def translate_lines(
    planned: Planned, store: Store, method: str, direction: str, lines: Iterable[str], seed: int | None = None
) -> list[str]:
    """One translation a line, and a blank line for a blank one.

    ``lines`` are read once it is clear that they can be translated.

    Raises RecipeError for a row, seed or direction that the recipe has not, StoreError when the row has not been
    trained yet, DataError for a line that is too long.
    """
    from mtsuite.jobs.translate import translate_text

    wanted = str(Direction.parse(direction))
    if wanted not in planned.recipe.directions:
        known = did_you_mean(wanted, planned.recipe.directions)
        raise RecipeError(f"--direction: {wanted} is not among the recipe's directions. {known}")
    job, inputs = find_trained(planned, store, method, seed, wanted)
    spec = {**job.spec, "direction": wanted, "directions": [wanted]}
    given = list(lines)
    for number, line in enumerate(given, start=1):
        if problem := too_long(line):
            raise DataError(f"line {number} of the text: {problem}.")
    written = [line for line in given if line.strip()]
    made = iter(translate_text(spec, inputs, written, JobContext(keys=job.inputs)) if written else [])
    return [next(made) if line.strip() else "" for line in given]
