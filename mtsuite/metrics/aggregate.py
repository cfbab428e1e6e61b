"""From sums of sufficient statistics to corpus scores, many samples at a time.

Resampling needs thousands of corpus scores of one test set.  sacrebleu computes one at a time; here the same formulas
run over all rounds in numpy, and tests hold the two together to the last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mtsuite.errors import MetricError
from mtsuite.metrics.base import MetricResult

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Aggregate = Callable[[Array, int], Array]


def table_of(result: MetricResult) -> Array:
    """One row a segment: its sufficient statistics, or its score.  Raises MetricError when neither was kept."""
    import numpy as np

    if result.statistics is not None:
        return np.asarray(result.statistics, dtype=np.float64)
    if result.segments is None:
        raise MetricError(f"{result.metric} has kept neither statistics nor segment scores; score it again.")
    return np.asarray(result.segments, dtype=np.float64)[:, None]


def aggregation(result: MetricResult) -> Aggregate:
    """From (rounds, statistics) sums over ``n`` segments to (rounds,) corpus scores, as the signature says.

    Raises MetricError for a signature without a known sum.
    """
    if result.statistics is None:
        return lambda sums, n: sums[:, 0] / n
    options = dict(part.split(":", 1) for part in result.signature.split("|") if ":" in part)
    if "smooth" in options:
        if options.get("eff") != "no" or options["smooth"] not in ("exp", "none"):
            raise MetricError(f"BLEU with these options cannot be tested: {result.signature}.")
        return lambda sums, n: bleu_from_sums(sums, smooth=options["smooth"])
    if "nc" in options:
        return lambda sums, n: chrf_from_sums(sums)
    if len(result.statistics[0]) == 2:  # TER: edits, reference length
        return lambda sums, n: ter_from_sums(sums)
    raise MetricError(f"It is not known how to add up the statistics of {result.metric} ({result.signature}).")


def bleu_from_sums(sums: Array, smooth: str = "exp") -> Array:
    """BLEU of many samples at once: (rounds, 10) sums of length, reference length, matches 1–4, n-grams 1–4.

    sacrebleu's ``BLEU.compute_bleu`` without effective order, in numpy; a test holds the two together.
    """
    import numpy as np

    length, reference, right, total = sums[:, 0], sums[:, 1], sums[:, 2:6], sums[:, 6:10]
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.where(length < reference, np.exp(1 - reference / length), 1.0)
        brevity = np.where(length > 0, brevity, 0.0)
        precisions = np.where(total > 0, 100 * right / total, 0.0)
        if smooth == "exp":
            empty = (right == 0) & (total > 0)
            halves = 2.0 ** np.cumsum(empty, axis=1)
            precisions = np.where(empty, 100 / (halves * total), precisions)
        logs = np.log(precisions)
        scores: Array = brevity * np.exp(logs.mean(1))
    return np.where(right.any(axis=1), scores, 0.0)


def chrf_from_sums(sums: Array, beta: int = 2) -> Array:
    """chrF of many samples at once: (rounds, 3 · orders) sums of hypothesis, reference and matching n-grams.

    sacrebleu's ``CHRF._compute_f_score`` without epsilon smoothing; orders that one side lacks are left out.
    """
    import numpy as np

    hypothesis, reference, match = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    with np.errstate(divide="ignore", invalid="ignore"):
        there = (hypothesis > 0) & (reference > 0)
        orders = np.maximum(there.sum(1), 1)
        precision = np.where(there, match / hypothesis, 0.0).sum(1) / orders
        recall = np.where(there, match / reference, 0.0).sum(1) / orders
        score: Array = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
    return np.where(precision + recall > 0, 100 * score, 0.0)


def ter_from_sums(sums: Array) -> Array:
    """TER of many samples at once: (rounds, 2) sums of edits and reference words."""
    import numpy as np

    edits, words = sums[:, 0], sums[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        score: Array = np.where(words > 0, 100 * edits / words, np.where(edits > 0, 100.0, 0.0))
    return score
