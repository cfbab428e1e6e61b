"""Directions that are tested and not trained on: scores of every row, and their changes.

Changes are against a row's own start (its model before the first training step) and against an untrained row.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mtsuite.chart import Chart, Series
from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import HOLE, listed, slug
from mtsuite.report.tables.matrix import OWN_START
from mtsuite.report.tables.query import DECIMALS, Panel, change_text, panel_tests, panels
from mtsuite.report.tables.verdict import significance_notes, symbol_of
from mtsuite.results.folder import AVERAGE, FLOOR_ROWS, TABLE, Results
from mtsuite.results.trained_on import START

Seeds = dict[str, float]  # seed to score


def untrained_directions(results: Results) -> list[str]:
    """The directions that the recipe tests without training on them."""
    told = results.info.get("forgetting") or {}
    return [str(d) for d in told.get("zero_shot_directions") or []]


def untrained_tables(results: Results) -> list[Table]:
    """For every metric (and test set, when a direction has several) a table of scores and one of changes."""
    made = []
    for metric in results.metrics if untrained_directions(results) else []:
        for panel in panels(results, metric, untrained_directions(results)):
            cells = _cells(results, metric, panel)
            if any(cells.values()):
                made.append(_score_table(results, metric, panel, cells))
                if results.has_starts:
                    made.append(_change_table(results, metric, panel, cells, _starts(results, metric, panel)))
                made.append(_change_table(results, metric, panel, cells, None))
    return made


def _base(results: Results) -> str:
    return str(results.info["forgetting"]["base"])


def _cells(results: Results, metric: str, panel: Panel) -> dict[str, list[Seeds]]:
    """Row to {seed: score} by column; rows without any score, or that cannot do these directions, are not in it."""
    found: dict[tuple[str, str, str], Seeds] = defaultdict(dict)
    for s in results.scores:
        if s.metric == metric and s.trained_on in TABLE:
            found[s.method, s.direction, s.testset][s.seed] = s.score
    trained = results.info.get("trained_methods") or results.methods
    left_out = results.info["forgetting"].get("left_out") or {}
    rows = {}
    for method in results.methods:
        if method in left_out:
            continue
        line = [found[method, d, testset] for d, testset in panel.columns]
        if method not in trained and all(len(set(seeds.values())) < 2 for seeds in line):
            line = [dict(list(seeds.items())[:1]) for seeds in line]  # untrained: it has no spread over seeds to show
        rows[method] = line
    return rows


Starts = dict[str, list[Seeds]]


def _starts(results: Results, metric: str, panel: Panel) -> Starts:
    """Trained row to the scores of its start, by column."""
    found: dict[tuple[str, str, str], Seeds] = defaultdict(dict)
    for s in results.scores:
        if s.metric == metric and s.trained_on == START:
            found[s.method, s.direction, s.testset][s.seed] = s.score
    trained = results.info.get("trained_methods") or results.methods
    return {m: [found[m, d, testset] for d, testset in panel.columns] for m in results.methods if m in trained}


def _columns(panel: Panel, better: Better) -> tuple[Column, ...]:
    columns = [Column(d, d, testset, better) for d, testset in panel.columns]
    return (*columns, Column("average", "Avg.", "", better))


def _average(line: Sequence[Seeds]) -> list[float]:
    """The mean over the directions, one a seed that has them all."""
    common = [seed for seed in line[0] if all(seed in seeds for seeds in line)] if line else []
    return [statistics.fmean(seeds[seed] for seeds in line) for seed in common]


def _score_table(results: Results, metric: str, panel: Panel, cells: dict[str, list[Seeds]]) -> Table:
    better: Better = "lower" if results.lower_is_better(metric) else "higher"
    tests = [c for c in panel_tests(results.against_baseline, metric, panel) if c.direction != AVERAGE]
    symbols = {(c.method, c.direction): symbol_of(results, c) for c in tests}
    rows = []
    for method, line in cells.items():
        shown = [
            Cell.of(list(seeds.values()), DECIMALS, symbols.get((method, direction), ""))
            for seeds, (direction, _) in zip(line, panel.columns, strict=True)
        ]
        floor = method in FLOOR_ROWS
        row = (*shown, Cell.of(_average(line), DECIMALS))
        rows.append(Row(method, results.label(method), row, ranked=not floor, rule_above=floor))
    title = f"{results.title}: Directions not trained on, {metric}"
    table = Table(_name(metric, panel), title, _columns(panel, better), tuple(rows))
    said = [note(text) for text in significance_notes(results, tests, table)]
    return replace(table, notes=(*_notes(results, metric, panel), *said))


def _change_table(
    results: Results, metric: str, panel: Panel, cells: dict[str, list[Seeds]], starts: Starts | None
) -> Table:
    """Changes against the rows' own ``starts``, or (None) against the base."""
    better: Better = "lower" if results.lower_is_better(metric) else "higher"
    base = _base(results)
    rows = []
    for method, line in cells.items():
        if method in FLOOR_ROWS or method == base or (starts is not None and method not in starts):
            continue
        changes = _changes(line, cells.get(base, []) if starts is None else starts[method])
        row = (*(_signed(seeds.values()) for seeds in changes), _signed(_average(changes)))
        rows.append(Row(method, results.label(method), row))
    name = f"{_name(metric, panel)}-change"
    against = OWN_START if starts is not None else results.label(base)
    told = f"Score less that of {results.label(base)}, in {metric} points"
    if starts is not None:
        told = (
            f"Score less that of the row's model before its first training step, in {metric} points: what training did"
        )
    elif results.has_starts:
        name, told = f"{name}-from-base", f"{told}: what the user gets, surgery and training together"
    title = f"{results.title}: Directions not trained on, change in {metric} against {against}"
    notes = [note(f"{told}.")]
    return Table(name, title, _columns(panel, better), tuple(rows), (*notes, *_notes(results, metric, panel)))


def _changes(line: Sequence[Seeds], base: Sequence[Seeds]) -> list[Seeds]:
    """Score less the base's of the same seed, or of its mean where it has fewer seeds."""
    if len(base) != len(line):
        return [{} for _ in line]
    return [
        {seed: score - before.get(seed, statistics.fmean(before.values())) for seed, score in seeds.items()}
        if before
        else {}
        for seeds, before in zip(line, base, strict=True)
    ]


def _signed(values: Iterable[float]) -> Cell:
    cell = Cell.of(list(values), DECIMALS)
    return cell if cell.value is None else Cell(change_text(cell.value), cell.value, cell.sd, cell.sd_text)


def _name(metric: str, panel: Panel) -> str:
    return f"zero-shot-directions-{slug(metric)}" + (f"-{panel.suffix}" if panel.suffix else "")


def _notes(results: Results, metric: str, panel: Panel) -> list[Note]:
    told = results.info["forgetting"]
    languages = "every language of them is trained in other directions"
    found = [f"No row was trained on these directions; {languages}. They are in no average of the other tables."]
    here = [s for s in results.scores if s.metric == metric and (s.direction, s.testset) in panel.columns]
    found += [f"{metric} signature: {text}" for text in dict.fromkeys(s.signature for s in here if s.signature)]
    sizes = list(dict.fromkeys(s.n for s in here if s.n))
    if sizes:
        found.append(f"n = {listed(sizes)} segments a direction.")
    reasons: dict[str, list[str]] = defaultdict(list)
    for method, reason in (told.get("left_out") or {}).items():
        reasons[str(reason)].append(results.label(method))
    found += [f"Not here: {listed(labels)} ({reason})." for reason, labels in reasons.items()]
    found += [str(text) for text in results.info.get("untrained_notes") or []]
    expected = {m for m in results.methods if m not in (told.get("left_out") or {})}
    holes = [results.label(m) for m in results.methods if m in expected and m not in {s.method for s in here}]
    if holes:
        found.append(f"{HOLE} {listed(holes)}: no score was recorded (not run, or an earlier job failed).")
    return [note(text) for text in found]


def untrained_charts(results: Results) -> list[Chart]:
    """The changes of the headline metric: a group of bars a direction."""
    if not untrained_directions(results):
        return []
    metric, base, started = results.metrics[0], _base(results), results.has_starts
    charts = []
    for panel in panels(results, metric, untrained_directions(results))[:1]:
        cells, starts = _cells(results, metric, panel), _starts(results, metric, panel)
        bars = []
        for method, line in cells.items():
            if method not in FLOOR_ROWS and method != base and (method in starts or not started):
                before = starts[method] if started else cells.get(base, [])
                changes = zip((d for d, _ in panel.columns), _changes(line, before), strict=True)
                kept = [(d, statistics.fmean(seeds.values())) for d, seeds in changes if seeds]
                bars.append(Series(results.label(method), tuple(d for d, _ in kept), tuple(v for _, v in kept)))
        bars = [series for series in bars if series.x]
        if bars:
            charts.append(
                Chart(
                    f"{_name(metric, panel)}-change",
                    f"Directions not trained on: change in {metric}",
                    "bars",
                    "direction",
                    f"{metric}, change against {OWN_START if started else results.label(base)}",
                    tuple(bars),
                    f"Above 0 training on other directions helped, below 0 it did harm, in {metric} points (mean over "
                    "seeds).",
                )
            )
    return charts
