"""A plan for the eye."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mtsuite.plan.cost import base_estimate, row_estimates
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.plan.sequence import stage_steps

if TYPE_CHECKING:
    from rich.console import Console


def print_plan(planned: Planned, done: Callable[[Job], bool], console: Console, *, every_job: bool = False) -> None:
    """Jobs by kind with what is cached, the base model, and what each row costs."""
    from rich.table import Table

    jobs = list(planned.plan)
    cached = {job.key for job in jobs if done(job)}
    kinds = Table("kind", "jobs", "cached", "to run", box=None, pad_edge=False)
    for kind in dict.fromkeys(job.kind for job in jobs):
        mine = [job for job in jobs if job.kind == kind]
        have = sum(job.key in cached for job in mine)
        kinds.add_row(kind, str(len(mine)), str(have), str(len(mine) - have))
    console.print(kinds)
    base = base_estimate(planned)
    console.print(f"\nBase model: {base.text}")
    table = Table(
        "row", "trained", "updates", "pairs seen", "tokens at most", "memory", "remark", box=None, pad_edge=False
    )
    for row in row_estimates(planned, base):
        table.add_row(row.name, row.trained, row.updates, row.pairs, row.tokens, row.memory, row.remark)
    console.print(table)
    for told in beside(planned):
        console.print(told, highlight=False)
    if every_job:
        for job in jobs:
            state = "cached" if job.key in cached else "to run"
            console.print(f"{job.key}  {state:7}  {job.kind:10} {job.label}", highlight=False)


def beside(planned: Planned) -> list[str]:
    """What is trained and measured beside the rows of the table, a sentence each."""
    recipe, found = planned.recipe, []
    if recipe.transfer is not None and recipe.transfer.methods:
        steps = recipe.transfer.max_steps or recipe.train.max_steps
        ways = len(recipe.transfer.directions or recipe.directions)
        found.append(f"Transfer: {', '.join(recipe.transfer.methods)}; {ways} trainings of {steps} updates each")
    if recipe.sequence is not None:
        order = " → ".join(recipe.sequence.directions)
        found.append(f"Sequence: {', '.join(recipe.sequence.methods)}; {stage_steps(recipe)} updates a stage: {order}")
    for name, search in planned.searches.items():
        rates = ", ".join(f"{rate:g}" for rate in search.rates)
        trainings = f"{search.trainings} trainings under seed {recipe.seeds[0]}"
        found.append(
            f"Search: {name}; {trainings}, learning rates {rates}, chosen by {search.metric} on validation text"
        )
    if recipe.forgetting.zero_shot_directions:
        found.append(f"Tested, not trained on: {', '.join(recipe.forgetting.zero_shot_directions)}")
    if planned.perplexities:
        languages = ", ".join(recipe.forgetting.languages or recipe.languages())
        models = len({p.job for p in planned.perplexities})
        found.append(f"Perplexity: {models} models; {recipe.forgetting.sentences} sentences at most in {languages}")
    return found
