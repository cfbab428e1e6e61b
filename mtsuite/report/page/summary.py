"""What stands at the head of the page: what was compared, and the answer in a few sentences made from the numbers."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mtsuite.report.render.table import Row, Table
from mtsuite.report.render.text import count, fixed, listed
from mtsuite.report.tables.matrix import Matrix, transfer_matrices
from mtsuite.report.tables.query import change_text, trained_params
from mtsuite.results.folder import TABLE, Results
from mtsuite.units import MEGABYTE, duration, size_text


@dataclass(frozen=True)
class Sentence:
    """``lead``: what it is about; ``anchor``: the section where the numbers are."""

    lead: str
    anchor: str
    text: str


def facts(results: Results) -> list[tuple[str, str]]:
    """What was compared: (name, text) pairs; what the folder does not say is left out."""
    info = results.info
    rows = [results.label(m) for m in info["methods"] if m in results.methods]
    seeds = sorted({s.seed for s in results.scores if s.trained_on in TABLE and s.method in _trained(results)})
    found = [
        ("Model", str(info.get("model") or "")),
        ("Data", str(info.get("data") or "")),
        ("Rows", f"{len(rows)}: {listed(rows)}"),
        ("Directions", f"{len(results.directions)}: {listed(results.directions)}"),
        ("Seeds", listed(seeds)),
        ("Budget", _budget(results)),
        ("Metrics", listed(results.metrics)),
        ("Decoding", str(info.get("decoding") or "")),
    ]
    return [(name, text) for name, text in found if text]


def _trained(results: Results) -> list[str]:
    return [str(m) for m in results.info.get("trained_methods") or results.methods]


def _budget(results: Results) -> str:
    """Updates and target tokens of the rows, one number where they agree, else from the least to the most."""
    fairness = results.info.get("fairness") or {}
    streams = [s for s in fairness.get("streams") or [] if isinstance(s, dict) and not s.get("transfer")]
    streams = [s for s in streams if s.get("text") != "monolingual"]
    parts = []
    for key, unit in (("updates", "updates"), ("target_tokens", "target tokens")):
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for s in streams:
            if isinstance(s.get(key), int):
                sums[str(s.get("method")), str(s.get("seed"))] += s[key]
        if sums:
            low, high = min(sums.values()), max(sums.values())
            parts.append(f"{low:,} {unit}" if low == high else f"{low:,} to {high:,} {unit}")
    return f"{' on '.join(parts)} of parallel text a trained row and seed" if parts else ""


def answer(results: Results, scores: Sequence[Sequence[Table]]) -> list[Sentence]:
    """The comparison in sentences: the best rows, what is significant, what it cost, what transfer did.

    ``scores`` are the score tables of each metric, the headline's first.
    """
    found = [
        _best(results, scores),
        _significant(results),
        _cost(results, scores[0][0]),
        _transfer([matrix for matrix in transfer_matrices(results) if matrix.metric == results.metrics[0]]),
    ]
    return [sentence for sentence in found if sentence is not None]


def _ranking(table: Table) -> list[tuple[float, Row]]:
    """Ranked rows that are complete, best first, with the average **as displayed**, by which the table marks too."""
    index = [column.key for column in table.columns].index("average")
    rows = [(float(row.cells[index].text), row) for row in table.rows if row.ranked and not row.cells[index].is_hole]
    return sorted(rows, key=lambda pair: pair[0], reverse=table.columns[index].better == "higher")


def _leaders(table: Table) -> list[str]:
    ranking = _ranking(table)
    return [row.label for average, row in ranking if average == ranking[0][0]]


def _best(results: Results, scores: Sequence[Sequence[Table]]) -> Sentence | None:
    table = scores[0][0]
    ranking = _ranking(table)
    if len(ranking) < 2:
        return None
    metric = results.metrics[0]
    leaders = _leaders(table)
    top = ranking[0][1].cells[-1]
    where = f"the average of {sum(c.better is not None for c in table.columns) - 1} directions"
    spread = f" ±{top.sd_text}" if top.sd_text else ""
    if len(leaders) == len(ranking):
        text = f"All rows have the same {metric} {top.text} on {where}."
    elif len(leaders) > 1:
        text = f"{listed(leaders)} share the best {metric} on {where}, {top.text}."
    else:
        behind, second = ranking[1]
        text = (
            f"{leaders[0]} has the best {metric} on {where}: {top.text}{spread}, "
            f"{fixed(abs(ranking[0][0] - behind))} ahead of {second.label}."
        )
    if len(scores[0]) > 1:
        text += " There are several test sets; this is the first."
    agree: list[str] = []
    differ: list[str] = []
    for other, tables in zip(results.metrics[1:], scores[1:], strict=True):
        if len(_ranking(tables[0])) < 2:
            continue
        if _leaders(tables[0]) == leaders:
            agree.append(other)
        else:
            differ.append(f"by {other} it is {listed(_leaders(tables[0]))}")
    if agree:
        text += f" {listed(agree)} agree{'s' if len(agree) == 1 else ''}."
    if differ:
        said = "; ".join(differ)
        text += f" {said[0].upper()}{said[1:]}."
    return Sentence("Best", "scores", text)


def _significant(results: Results) -> Sentence | None:
    """Every row against the baseline in the headline metric: in how many directions it differs significantly."""
    metric, baseline = results.metrics[0], str(results.info.get("baseline"))
    tests = [
        c
        for c in results.comparisons
        if (c.metric, c.baseline) == (metric, baseline) and c.direction in results.directions
    ]
    if not tests:
        return None
    alike: dict[str, list[str]] = defaultdict(list)
    for method in results.methods:
        own = [c for c in tests if c.method == method]
        sure = [c for c in own if c.p_value < results.alpha and c.delta != 0]
        better = sum((c.delta < 0) == results.lower_is_better(metric) for c in sure)
        parts = [f"{word} in {n}" for word, n in (("better", better), ("worse", len(sure) - better)) if n]
        if own:
            alike[f"{' and '.join(parts) or 'different in none'} of {len(own)}"].append(results.label(method))
    said = "; ".join(f"{listed(labels)} {text}" for text, labels in alike.items())
    return Sentence(
        "Significance",
        "significance",
        f"Against {results.label(baseline)}, significantly (p < {results.alpha:g}, corrected, {metric}) by direction: "
        f"{said}.",
    )


def _cost(results: Results, table: Table) -> Sentence | None:
    """The best trained row's cost beside that of the row that trains the fewest parameters."""
    trained = _trained(results)
    rows = [
        (average, row, params)
        for average, row in _ranking(table)
        if row.key in trained and (params := trained_params(results, row.key))
    ]
    if not rows:
        return None
    average, best, params = rows[0]
    text = f"{best.label} trains {count(params)} parameters{_effort(results, best.key)}"
    other, least, fewest = min(rows, key=lambda entry: entry[2])
    if fewest < params:
        change = change_text(other - average)
        text += (
            f"; {least.label} trains the fewest, {count(fewest)}{_effort(results, least.key)}, "
            f"at {change} {results.metrics[0]}"
        )
    return Sentence("Cost", "costs", f"{text}.")


def _effort(results: Results, method: str) -> str:
    seconds = _mean_cost(results, method, "train_seconds")
    memory = _mean_cost(results, method, "peak_memory_mb")
    parts = [duration(seconds)] if seconds else []
    if memory:
        parts.append(f"{size_text(memory * MEGABYTE)} at most")
    return f" ({', '.join(parts)})" if parts else ""


def _mean_cost(results: Results, method: str, name: str) -> float | None:
    values = [c.numbers[name] for c in results.costs if c.method == method and name in c.numbers]
    return statistics.fmean(values) if values else None


def _transfer(matrices: Sequence[Matrix]) -> Sentence | None:
    parts = []
    for matrix in matrices:
        own, others, worse = map(matrix.mean_over_seeds, ("diagonal", "off_diagonal", "share_worse"))
        if own is not None and others is not None and worse is not None:
            parts.append(
                f"{matrix.label} {change_text(own)} there and {change_text(others)} in the other directions, "
                f"{100 * worse:.0f} % of which get worse"
            )
    if not parts:
        return None
    text = (
        f"Trained on one direction, on average ({matrices[0].metric}, change against {matrices[0].reference}): "
        f"{'; '.join(parts)}."
    )
    return Sentence("Transfer", "transfer", text)
