"""Numbers of continual learning from a matrix of scores, as the literature defines them.

R[t][i] is the score on task i after stage t, where stage t trained on task t; b[i] is the score before any training.
Of T tasks, with larger scores better:

    average     1/T sum_i R[T][i]                                        Lopez-Paz and Ranzato 2017 (ACC)
    backward    1/(T-1) sum_{i<T} R[T][i] - R[i][i]                      same (BWT): what later stages did to task i
    forward     1/(T-1) sum_{i>1} R[i-1][i] - b[i]                       same (FWT): what earlier stages did for task i
    forgetting  1/(T-1) sum_{i<T} max_{t<T} R[t][i] - R[T][i]            Chaudhry et al. 2018 (F)
    learned     1/T sum_i R[i][i]                                        what each stage reached on its own task
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Numbers = Sequence[float | None]


@dataclass(frozen=True)
class Continual:
    """In the metric's points; None where a score that the number needs is missing."""

    start: float | None
    learned: float | None
    average: float | None
    backward: float | None
    forward: float | None
    forgetting: float | None


def continual(scores: Sequence[Numbers], start: Numbers, *, lower_is_better: bool = False) -> Continual:
    """The numbers of one sequence: ``scores[t][i]``, two stages or more, as many tasks; ``start[i]`` before the first.

    Where lower scores are better, differences change their sign, so that a positive ``backward`` is always good and a
    positive ``forgetting`` always bad; ``start``, ``learned`` and ``average`` stay scores.  Raises ValueError when the
    matrix is not square.
    """
    tasks = len(start)
    if len(scores) != tasks or any(len(line) != tasks for line in scores) or tasks < 2:
        raise ValueError(f"expected a square matrix of two tasks or more, and a start of each; found {len(scores)} "
                         f"stages and {tasks} tasks")  # fmt: skip
    sign = -1.0 if lower_is_better else 1.0
    last, earlier = scores[-1], range(tasks - 1)
    own = [scores[i][i] for i in range(tasks)]
    return Continual(
        start=_mean(start),
        learned=_mean(own),
        average=_mean(last),
        backward=_mean([_less(last[i], own[i], sign) for i in earlier]),
        forward=_mean([_less(scores[i - 1][i], start[i], sign) for i in range(1, tasks)]),
        forgetting=_mean([_less(_best([line[i] for line in scores[:-1]], sign), last[i], sign) for i in earlier]),
    )


def _best(values: Numbers, sign: float) -> float | None:
    found = [value for value in values if value is not None]
    return max(found, key=lambda value: sign * value) if len(found) == len(values) else None


def _less(value: float | None, other: float | None, sign: float) -> float | None:
    return None if value is None or other is None else sign * (value - other)


def _mean(values: Numbers) -> float | None:
    found = [value for value in values if value is not None]
    return statistics.fmean(found) if found and len(found) == len(values) else None
