"""A plan for the eye."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mtsuite.method import main_phase
from mtsuite.plan.budget import (
    Finished,
    duration,
    pairs_seen,
    pretraining,
    rate_of,
    seconds_of,
    text_lines,
    trainings_of,
    transfer_budget,
)
from mtsuite.plan.cost import base_estimate, row_estimates
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.plan.sequence import stage_steps

if TYPE_CHECKING:
    from rich.console import Console


def print_plan(
    planned: Planned,
    done: Callable[[Job], bool],
    console: Console,
    *,
    every_job: bool = False,
    finished: Finished = lambda _: iter(()),
    folder: Callable[[Job], Path] = lambda job: Path(job.key),
) -> None:
    """Jobs by kind with what is cached, the base model, the text, and what each row costs.

    ``finished`` gives what finished jobs of a kind measured, ``folder`` where a job lies.
    """
    from rich.table import Table

    jobs = list(planned.plan)
    cached = {job.key for job in jobs if done(job)}
    kinds = Table("kind", "jobs", "cached", "to run", box=None, pad_edge=False)
    for kind in dict.fromkeys(job.kind for job in jobs):
        mine = [job for job in jobs if job.kind == kind]
        have = sum(job.key in cached for job in mine)
        kinds.add_row(kind, str(len(mine)), str(have), str(len(mine) - have))
    console.print(kinds)
    trained = list(finished("train"))  # read once: rows ask again and again
    base = base_estimate(planned)
    console.print(f"\nBase model: {base.text}")
    if told := pretraining(planned, done, finished, folder):
        console.print(told, highlight=False)
    for line in text_lines(planned.sizes):
        console.print(line, highlight=False)
    seen = pairs_seen(planned, trained)
    amount = "by the length of the text, known when it was trained on" if seen is None else str(seen)
    console.print(f"Training pairs seen per direction: {amount}\n", highlight=False)
    table = Table(
        "row", "trained", "steps", "rate", "tokens at most", "time", "memory", "remark", box=None, pad_edge=False
    )
    for row in row_estimates(planned, base):
        rate, overridden = rate_of(planned, row.name)
        time = "-" if rate == "-" else duration(seconds_of(trainings_of(planned, row.name), trained))
        remark = "; ".join(filter(None, [row.remark, overridden]))
        table.add_row(row.name, row.trained, row.updates, rate, row.tokens, time, row.memory, remark)
    console.print(table)
    if any(main_phase(method.phases()) for method in planned.methods.values()):
        console.print("Time: of training under one seed, from finished trainings in the store; ? where there are none.")
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
        found.append(
            f"Transfer: {', '.join(recipe.transfer.methods)}; {ways} trainings of {steps} steps each: "
            f"{transfer_budget(recipe)}"
        )
    if recipe.sequence is not None:
        order = " → ".join(recipe.sequence.directions)
        found.append(f"Sequence: {', '.join(recipe.sequence.methods)}; {stage_steps(recipe)} steps per stage: {order}")
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
