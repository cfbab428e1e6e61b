"""The job of a plan that looks for test segments in training text."""

from __future__ import annotations

from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.planned import Planned
from mtsuite.recipe.schema import Recipe


def near_job(recipe: Recipe, planned: Planned) -> Job | None:
    """The search for near-duplicates, where the recipe asks for it or for the row that is made from it."""
    asked = recipe.leakage
    if recipe.data.evaluate_on == "validation" or not (asked.near_duplicates or asked.translation_memory):
        return None
    spec = {"version": VERSIONS["near"], "similarity": asked.similarity}
    inputs = {"corpus": planned.corpus}
    if planned.untrained:
        inputs["untrained"] = planned.untrained
    return Job("near", "near-duplicates of test segments", spec, inputs, cost=20.0)
