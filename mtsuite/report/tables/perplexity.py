"""Perplexity on held-out monolingual text: of the base, of the joint models, of every stage of a sequence.

Changes are against a row's own start (its model before the first training step) and against the base.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from mtsuite.chart import Chart, Series
from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import fixed, listed
from mtsuite.report.tables.matrix import OWN_START
from mtsuite.report.tables.sequence import stages
from mtsuite.results.folder import Perplexity, Results
from mtsuite.results.trained_on import ALL, START

BASE, BASE_LABEL = "base", "Base model"
_BITS = 3  # decimals
_CHANGE = "Change of the average against"

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


def _averages(results: Results, method: str, trained_on: str = ALL) -> dict[str, float]:
    """Mean bits per byte over the languages by seed."""
    by_seed: dict[str, list[float]] = {}
    for p in results.perplexities:
        if (p.method, p.trained_on) == (method, trained_on):
            by_seed.setdefault(p.seed, []).append(p.bits_per_byte)
    count = len(_languages(results))
    return {seed: statistics.fmean(values) for seed, values in by_seed.items() if len(values) == count}


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
    columns += [Column("average", "Avg.", "Bits per byte", "lower"), *_change_columns(results, "lower")]
    rows = []
    for method, label in _models(results):
        cells = [Cell.of(_values(results, method, code, _bits), _BITS) for code in languages]
        cells.append(Cell.of(list(_averages(results, method).values()), _BITS))
        cells += _changes(results, method, _averages(results, method))
        rows.append(Row(method, label, tuple(cells), ranked=method != BASE))
    title = f"{results.title}: Bits per byte on held-out monolingual text"
    reading = (
        "Negative log-likelihood in bits over the text's UTF-8 bytes: comparable between tokenizers. Lower is better. "
        "Above 0, something of the languages was forgotten."
    )
    notes = [note(reading), *_references(results)]
    return Table("bits-per-byte", title, tuple(columns), tuple(rows), (*notes, *_notes(results)))


def _change_columns(results: Results, better: Better | None = None) -> list[Column]:
    columns = [Column("change_from_base", "base model", _CHANGE, better)]
    return [Column("change_from_start", OWN_START, _CHANGE, better), *columns] if _started(results) else columns


def _started(results: Results) -> bool:
    return any(p.trained_on == START for p in results.perplexities)


def _references(results: Results) -> list[Note]:
    if not _started(results):
        return [note("Change against the base model, which holds what the surgery before training did too.")]
    return [
        note(
            "Change against a row's own start (its model before the first training step): what training did. Against "
            "the base model: what the user gets, surgery and training together."
        )
    ]


def _changes(results: Results, method: str, averages: Mapping[str, float]) -> list[Cell]:
    """Cells of ``_change_columns``; the base itself has none."""
    if method == BASE:
        return [Cell.empty()] * len(_change_columns(results))
    references = [_averages(results, method, START)] if _started(results) else []
    return [_change(averages, before) for before in [*references, _averages(results, BASE)]]


def _change(values: Mapping[str, float], before: Mapping[str, float]) -> Cell:
    """Mean over seeds of the difference, seed by seed; the base has one number for all seeds."""
    if not values or not before:
        return Cell.hole()
    mean = statistics.fmean(before.values())
    cell = Cell.of([value - before.get(seed, mean) for seed, value in values.items()], _BITS)
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
    columns += [Column("average", "Avg.", "Bits per byte"), *_change_columns(results)]

    def line(key: str, label: str, method: str, stage: str, *, rule: bool = False) -> Row:
        cells = [Cell.of(_values(results, method, code, _bits, stage), _BITS) for code in languages]
        after = _averages(results, method, stage)
        changes = _changes(results, BASE if stage == START else method, after)
        row = (*cells, Cell.of(list(after.values()), _BITS), *changes)
        return Row(key, label, row, ranked=False, rule_above=rule)

    rows = [line(BASE, BASE_LABEL, BASE, ALL)]
    for method in methods:
        label, started = results.label(method), _started(results)
        if started:
            rows.append(line(f"{method}:0", f"{label}: own start", method, START, rule=True))
        for number, stage in enumerate(stages(directions)):
            name = f"{label}: {'+ ' * bool(number)}{directions[number]}"
            rows.append(line(f"{method}:{number + 1}", name, method, stage, rule=number == 0 and not started))
    title = f"{results.title}: Bits per byte after every stage of the sequence"
    reading = "A line a stage: trained on the direction named, after those of the lines above it."
    notes = [note(reading), *_references(results)]
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
    made = [_change_chart(results, from_start=True)] if _started(results) else []
    made.append(_change_chart(results, from_start=False))
    return [*(chart for chart in made if chart is not None), *_stage_chart(results)]


def _change_chart(results: Results, *, from_start: bool) -> Chart | None:
    """Bars a language: change of the joint models against their own start, or against the base."""
    languages, bars = _languages(results), []
    for method, label in _models(results):
        if method == BASE:
            continue
        where = (method, START) if from_start else (BASE, ALL)
        before = {code: _values(results, where[0], code, _bits, where[1]) for code in languages}
        pairs = [(code, _values(results, method, code, _bits)) for code in languages if before[code]]
        changes = [(code, statistics.fmean(v) - statistics.fmean(before[code])) for code, v in pairs if v]
        if changes:
            bars.append(Series(label, tuple(code for code, _ in changes), tuple(change for _, change in changes)))
    if not bars:
        return None
    beside = _started(results) and not from_start
    return Chart(
        "bits-per-byte-change" + "-from-base" * beside,
        "Held-out monolingual text: change in bits per byte" + " from the base model" * beside,
        "bars",
        "language",
        f"bits per byte, change against {OWN_START if from_start else 'the base model'}",
        tuple(bars),
        f"Above 0 the model predicts text of the language worse than {OWN_START if from_start else 'the base model'} "
        "(mean over seeds).",
    )


def _stage_chart(results: Results) -> list[Chart]:
    directions, methods = _sequence(results)
    places = ["before", *(f"{'+ ' * bool(i)}{d}" for i, d in enumerate(directions))]
    lines = []
    for method in methods:
        before = _averages(results, method, START) if _started(results) else _averages(results, BASE)
        found = [before, *(_averages(results, method, stage) for stage in stages(directions))]
        kept = [(p, statistics.fmean(values.values())) for p, values in zip(places, found, strict=True) if values]
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
