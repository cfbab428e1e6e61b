"""Perplexity on held-out monolingual text: of the base, of the joint models, of every stage of a sequence."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from mtsuite.chart import Chart, Series
from mtsuite.report.results import ALL, Perplexity, Results
from mtsuite.report.sequence import stages
from mtsuite.report.table import Cell, Column, Note, Row, Table, note
from mtsuite.report.text import fixed, listed

BASE, BASE_LABEL = "base", "Base model"
_BITS = 3  # decimals

Number = Callable[[Perplexity], float]


def perplexity_tables(results: Results) -> list[Table]:
    """Perplexity of a token; bits per byte with their change; both of joint models, the latter also by stage."""
    if not results.perplexities:
        return []
    made = [_perplexity_table(results), _bits_table(results)]
    by_stage = _stages_table(results)
    return [*made, by_stage] if by_stage is not None else made


def _languages(results: Results) -> list[str]:
    return list(dict.fromkeys(p.language for p in results.perplexities))


def _models(results: Results) -> list[tuple[str, str]]:
    """(row, label) of the base and of the joint models, in the report's order."""
    there = {p.method for p in results.perplexities if p.trained_on == ALL}
    rows = [(m, results.label(m)) for m in results.methods if m in there]
    return [(BASE, BASE_LABEL)] * (BASE in there) + rows


def _values(results: Results, method: str, language: str, number: Number, trained_on: str = ALL) -> list[float]:
    """One number a seed."""
    wanted = (method, trained_on, language)
    return [number(p) for p in results.perplexities if (p.method, p.trained_on, p.language) == wanted]


def _bits(p: Perplexity) -> float:
    return p.bits_per_byte


def _averages(results: Results, method: str, trained_on: str = ALL) -> list[float]:
    """Mean bits per byte over the languages, one a seed."""
    by_seed: dict[str, list[float]] = {}
    for p in results.perplexities:
        if (p.method, p.trained_on) == (method, trained_on):
            by_seed.setdefault(p.seed, []).append(p.bits_per_byte)
    count = len(_languages(results))
    return [statistics.fmean(values) for values in by_seed.values() if len(values) == count]


def _perplexity_table(results: Results) -> Table:
    columns = tuple(Column(code, code, "", "lower") for code in _languages(results))
    rows = [
        Row(method, label, tuple(
            Cell.of(_values(results, method, code, lambda p: p.perplexity)) for code in _languages(results)
        ), ranked=method != BASE)
        for method, label in _models(results)
    ]  # fmt: skip
    title = f"{results.title}: Perplexity on held-out monolingual text"
    notes = [note("exp of the mean negative log-likelihood of a token; lower is better, and only models with one "
                  "tokenizer compare. Best of the trained rows in bold.")]  # fmt: skip
    return Table("perplexity", title, columns, tuple(rows), (*notes, *_notes(results)))


def _bits_table(results: Results) -> Table:
    languages = _languages(results)
    columns = [Column(code, code, "Bits per byte", "lower") for code in languages]
    columns += [Column("average", "Avg.", "Bits per byte", "lower"), Column("change", "Avg.", "Change", "lower")]
    before = _averages(results, BASE)
    rows = []
    for method, label in _models(results):
        cells = [Cell.of(_values(results, method, code, _bits), _BITS) for code in languages]
        cells.append(Cell.of(_averages(results, method), _BITS))
        cells.append(Cell.empty() if method == BASE else _change(_averages(results, method), before))
        rows.append(Row(method, label, tuple(cells), ranked=method != BASE))
    title = f"{results.title}: Bits per byte on held-out monolingual text"
    reading = (
        "Negative log-likelihood in bits over the text's UTF-8 bytes: comparable between tokenizers. Lower is better. "
        "Change: against the base model; above 0, something of the languages was forgotten."
    )
    notes = [note(reading)]
    return Table("bits-per-byte", title, tuple(columns), tuple(rows), (*notes, *_notes(results)))


def _change(values: Sequence[float], before: Sequence[float]) -> Cell:
    if not values or not before:
        return Cell.hole()
    cell = Cell.of([value - statistics.fmean(before) for value in values], _BITS)
    assert cell.value is not None
    return Cell(fixed(cell.value, _BITS, signed=True), cell.value, cell.sd, cell.sd_text)


def _sequence(results: Results) -> tuple[list[str], list[str]]:
    """Directions of the sequence, and the rows of which perplexity was measured after its stages."""
    told = results.info.get("sequence") or {}
    directions = [str(d) for d in told.get("directions") or []]
    there = {p.method for p in results.perplexities if p.trained_on in stages(directions)}
    return directions, [str(m) for m in told.get("methods") or [] if m in there]


def _stages_table(results: Results) -> Table | None:
    directions, methods = _sequence(results)
    if not methods:
        return None
    languages = _languages(results)
    columns = [Column(code, code, "Bits per byte") for code in languages]
    columns += [Column("average", "Avg.", "Bits per byte"), Column("change", "Avg.", "Change")]
    before = _averages(results, BASE)
    cells = [Cell.of(_values(results, BASE, code, _bits), _BITS) for code in languages]
    rows = [Row(BASE, BASE_LABEL, (*cells, Cell.of(before, _BITS), Cell.empty()), ranked=False)]
    for method in methods:
        for number, stage in enumerate(stages(directions)):
            cells = [Cell.of(_values(results, method, code, _bits, stage), _BITS) for code in languages]
            after = _averages(results, method, stage)
            name = f"{results.label(method)}: {'+ ' * bool(number)}{directions[number]}"
            row = (*cells, Cell.of(after, _BITS), _change(after, before))
            rows.append(Row(f"{method}:{number + 1}", name, row, ranked=False, rule_above=number == 0))
    title = f"{results.title}: Bits per byte after every stage of the sequence"
    reading = "A line a stage: trained on the direction named, after those of the lines above it."
    notes = [note(f"{reading} Change: against the base model.")]
    return Table(
        "bits-per-byte-sequence", title, tuple(columns), tuple(rows), (*notes, *_notes(results)), "Method: trained on",
        "method_stage",
    )  # fmt: skip


def _notes(results: Results) -> list[Note]:
    base = [p for p in results.perplexities if p.method == BASE] or list(results.perplexities)
    sizes = [f"{p.language} {int(p.sentences):,} sentences, {int(p.tokens):,} tokens" for p in base]
    found = [
        "Validation sentences, which nothing was trained on (probes may have looked at them), each by itself behind "
        "the begin token and without an instruction; the end of a sentence is not scored.",
        f"Text: {'; '.join(dict.fromkeys(sizes))}.",
    ]
    focus = (results.info.get("forgetting") or {}).get("focus") or {}
    if any(focus.values()):
        pairs = ", ".join(f"{code} {direction}" for code, direction in focus.items() if direction)
        found.append(
            f"Where a method's active part depends on the direction, each language was read by that of: {pairs}."
        )
    elif focus:
        found.append("Where a method's active part depends on the direction, it was measured without one.")
    missing = [m for m in results.info.get("trained_methods") or [] if (m, results.label(m)) not in _models(results)]
    if missing:
        labels = listed([results.label(m) for m in missing])
        found.append(f"Not here: {labels} (a model for each direction, or its job failed).")
    return [note(text) for text in found]


def perplexity_charts(results: Results) -> list[Chart]:
    """Change in bits per byte by language, bars; over the stages of a sequence, lines."""
    languages, made = _languages(results), []
    before = {code: _values(results, BASE, code, _bits) for code in languages}
    bars = []
    for method, label in _models(results):
        if method == BASE:
            continue
        pairs = [(code, _values(results, method, code, _bits)) for code in languages if before[code]]
        changes = [(code, statistics.fmean(v) - statistics.fmean(before[code])) for code, v in pairs if v]
        if changes:
            bars.append(Series(label, tuple(code for code, _ in changes), tuple(change for _, change in changes)))
    if bars:
        made.append(
            Chart(
                "bits-per-byte-change",
                "Held-out monolingual text: change in bits per byte",
                "bars",
                "language",
                "bits per byte, change against the base model",
                tuple(bars),
                "Above 0 the model predicts text of the language worse than before training (mean over seeds).",
            )
        )
    return [*made, *_stage_chart(results)]


def _stage_chart(results: Results) -> list[Chart]:
    directions, methods = _sequence(results)
    before = _averages(results, BASE)
    places = ["before", *(f"{'+ ' * bool(i)}{d}" for i, d in enumerate(directions))]
    lines = []
    for method in methods:
        found = [before, *(_averages(results, method, stage) for stage in stages(directions))]
        kept = [(place, statistics.fmean(values)) for place, values in zip(places, found, strict=True) if values]
        if kept:
            lines.append(Series(results.label(method), tuple(p for p, _ in kept), tuple(v for _, v in kept)))
    if not lines:
        return []
    return [
        Chart(
            "bits-per-byte-sequence",
            "Trained one after another: bits per byte",
            "lines",
            "after training on",
            f"bits per byte, mean of {len(_languages(results))} languages",
            tuple(lines),
            "Held-out monolingual text after every stage of the sequence; lower is better (mean over seeds).",
        )
    ]
