"""Training on directions one after another (`sequence:`): every stage goes on from the weights of the one before.

A stage is the method's main phase, trained again on the next direction: new optimizer, new warm-up, the whole course of
the learning rate.  The first stage is the model of a transfer run on that direction: the same job when it is as long.
Phases ahead of the main one are those of the first stage; phases behind it are run anew behind every stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mtsuite.method import Method, main_phase
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Recipe
from mtsuite.recipe.schema import Sequence as SequenceBlock


def stage_name(directions: Sequence[str]) -> str:
    """``en-de+en-fr``: what a model was trained on, in order; ``trained_on`` in scores.csv."""
    return "+".join(directions)


def stage_steps(recipe: Recipe) -> int:
    """Updates of a stage: the sequence's own number, else that of transfer runs, else that of joint training."""
    assert recipe.sequence is not None
    transfer = recipe.transfer.max_steps if recipe.transfer is not None else None
    return recipe.sequence.max_steps or transfer or recipe.train.max_steps


def plan_sequence(
    recipe: Recipe,
    methods: Mapping[str, Method],
    phases: Callable[..., dict[str, str]],
    line: Callable[[str, Method | None, int, str, str, Mapping[str, str]], None],
    error: ErrorAt,
) -> dict[tuple[str, int, str], dict[str, str]]:
    """Plan every stage and its tests; the phases of each stage's model by row, seed and stage.

    ``phases`` and ``line`` are the planner's.  Raises RecipeError for a row that trains nothing on parallel text, and
    where the first stage would be another model than the transfer run of the same name.
    """
    made: dict[tuple[str, int, str], dict[str, str]] = {}
    sequence = recipe.sequence
    if sequence is None:
        return made
    steps = stage_steps(recipe)
    for index, name in enumerate(sequence.methods):
        if name in methods:  # not among the rows whose own code fails
            _check(recipe, sequence, index, methods[name], steps, error)
    for seed in recipe.seeds:
        for name in sequence.methods:
            before: dict[str, str] | None = None
            for number, direction in enumerate(sequence.directions if name in methods else [], start=1):
                stage = stage_name(sequence.directions[:number])
                before = phases(name, seed, [direction], steps, stage, transfer=True, before=before)
                made[name, seed, stage] = before
                for tested in sequence.directions:
                    line(name, methods[name], seed, stage, tested, before)
    return made


def _check(recipe: Recipe, sequence: SequenceBlock, index: int, method: Method, steps: int, error: ErrorAt) -> None:
    name, first = sequence.methods[index], sequence.directions[0]
    main = main_phase(method.phases())
    if main is None:
        raise error(("sequence", "methods", index), f"{name!r} trains nothing; name rows that are trained.")
    if main.text != "parallel":
        message = f"{name!r} trains on monolingual text alone, so there is nothing to train it on in turn."
        raise error(("sequence", "methods", index), message)
    transfer = recipe.transfer
    if transfer is None or name not in transfer.methods or first not in (transfer.directions or recipe.directions):
        return
    other = transfer.max_steps or recipe.train.max_steps
    if other != steps:
        raise error(
            ("sequence", "max_steps"),
            f"{name!r} would be trained on {first} alone twice, for {steps} steps as the first stage and for {other} "
            "in transfer, and a results folder holds one such model: set both to one number, or leave "
            "sequence.max_steps out.",
        )
