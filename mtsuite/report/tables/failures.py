"""Failure modes in the report: averages over directions, off-target rates by direction, what is written instead.

Numbers are those of failures.csv; nothing is measured here.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from mtsuite.chart import Chart, Series
from mtsuite.metrics.failures import INTO, MEASURES, OTHER, MeasureKind, measure_kind
from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import listed
from mtsuite.report.tables.topic import Topic
from mtsuite.results.folder import FLOOR_ROWS, TABLE, Failure, Results

Places = Sequence[tuple[str, str]]  # (direction, test set)
Numbers = Mapping[
    tuple[str, str, str, str], Mapping[str, float]
]  # (measure, row, direction, test set) to {seed: value}

ABOUT = (
    "What goes wrong with translations besides being wrong: another language than the one asked for, text of the "
    "source, far too much or too little of it, loops, nothing at all. Rates are percentages of a test set's segments."
)


def topic(results: Results) -> Topic | None:
    """The tables and the chart, where the folder has failures.csv with rows of the table's models."""
    rows = [f for f in results.failures if f.trained_on in TABLE]
    if not rows:
        return None
    numbers = _numbers(rows)
    measured = {(f.direction, f.testset) for f in rows}
    testsets = dict.fromkeys(f.testset for f in rows)
    places = [(d, testset) for testset in testsets for d in results.directions if (d, testset) in measured]
    notes = [note(text) for text in results.info.get("failure_notes") or []]
    tables = [_averages(results, rows, numbers, places, notes), _by_direction(results, rows, numbers, places, notes)]
    instead = _instead(results, rows, numbers, places)
    chart = _chart(tables[0])
    return Topic(
        "failures",
        "Failure modes",
        "Failure modes",
        ABOUT,
        tuple(tables) if instead is None else (*tables, instead),
        () if chart is None else (chart,),
    )


def average_column(results: Results, name: str, places: Places) -> tuple[Column, Callable[[str], Cell], list[Note]]:
    """A failure mode as a column of another table: the column, a row's cell, and what stands under the table.

    The cell is the average over ``places``, the mean of the seeds'; a hole where one of them is missing.
    """
    kind = measure_kind(name)
    rows = [f for f in results.failures if f.trained_on in TABLE]
    numbers = _numbers(rows)
    notes = _definition(kind, rows)
    if not any(f.measure == name for f in rows):
        notes = [note(f"{kind.label} was not measured: run the recipe again; nothing is trained or translated twice.")]
    return measure_column(kind), lambda method: _average(results, numbers, name, method, places), notes


def _numbers(rows: Sequence[Failure]) -> Numbers:
    numbers: dict[tuple[str, str, str, str], dict[str, float]] = defaultdict(dict)
    for f in rows:
        numbers[f.measure, f.method, f.direction, f.testset][f.seed] = f.value
    return numbers


def measure_column(kind: MeasureKind) -> Column:
    """A measure as a column; where less is not better, nothing in it is marked."""
    better: Better | None = "lower" if kind.lower else None
    unit = f" {kind.unit}" if kind.unit else ""
    return Column(kind.key, f"{kind.label}{unit}", "", better)


def definition(kind: MeasureKind, signature: str) -> Note:
    """What a measure counts, with its signature."""
    return note(f"{kind.label}: {kind.about}. Signature: {signature}")


def language_order(codes: Iterable[str]) -> list[str]:
    """Codes of languages by the alphabet, each once, with what is none of the candidates at the end."""
    return sorted(set(codes), key=lambda code: (code == OTHER, code))


def _average(results: Results, numbers: Numbers, name: str, method: str, places: Places) -> Cell:
    """The average over directions: the mean over seeds, with its spread."""
    found = [numbers.get((name, method, *place), {}) for place in places]
    if not found or not all(found):
        # Nobody counts how a copied source or another system's output ended: no number, and none missing.
        counted = any(key[:2] == (name, method) for key in numbers)
        measured = any(key[1] == method for key in numbers)
        return Cell.hole() if counted or not measured else Cell.empty()
    seeds = [seed for seed in found[0] if all(seed in values for values in found)]
    averages = [statistics.fmean(values[seed] for values in found) for seed in seeds]
    return _cell(results, numbers, method, averages)


def _cell(results: Results, numbers: Numbers, method: str, values: Sequence[float]) -> Cell:
    """A number a seed; a row that trains nothing and is the same under every seed has no spread to show."""
    trained = method in (results.info.get("trained_methods") or results.methods)
    moves = trained or any(len(set(seeds.values())) > 1 for key, seeds in numbers.items() if key[1] == method)
    return Cell.of(values if moves else values[:1])


def _rows(results: Results, cells: Callable[[str], Sequence[Cell]]) -> tuple[Row, ...]:
    return tuple(
        Row(m, results.label(m), tuple(cells(m)), ranked=m not in FLOOR_ROWS, rule_above=m in FLOOR_ROWS)
        for m in results.methods
    )


def _averages(
    results: Results, rows: Sequence[Failure], numbers: Numbers, places: Places, notes: Sequence[Note]
) -> Table:
    """Methods down, measures across."""
    shown = [kind for kind in MEASURES if any(f.measure == kind.key for f in rows)]
    cells = _rows(results, lambda m: [_average(results, numbers, kind.key, m, places) for kind in shown])
    told = [note(f"Averages over {_places(places)}; % of the segments of each. {_reading(cells)}")]
    told += [text for kind in shown for text in _definition(kind, rows)]
    title = f"{results.title}: Failure modes, averages over directions"
    return Table("failures", title, tuple(map(measure_column, shown)), cells, (*told, *notes))


def _by_direction(
    results: Results, rows: Sequence[Failure], numbers: Numbers, places: Places, notes: Sequence[Note]
) -> Table:
    """Off-target rates: methods down, directions across."""
    name = "off-target"
    kind = measure_kind(name)
    several = len({testset for _, testset in places}) > 1
    columns = [Column(f"{t}.{d}" if several else d, d, t, "lower") for d, t in places]
    columns.append(Column("average", "Avg.", "", "lower"))

    def cells(method: str) -> list[Cell]:
        found = [list(numbers.get((name, method, *place), {}).values()) for place in places]
        own = [_cell(results, numbers, method, values) if values else Cell.hole() for values in found]
        return [*own, _average(results, numbers, name, method, places)]

    made = _rows(results, cells)
    told = [note(f"% of the segments. {_reading(made)}"), *_definition(kind, rows)]
    title = f"{results.title}: Off-target rate by direction"
    return Table("failures-off-target", title, tuple(columns), made, (*told, *notes))


def _instead(results: Results, rows: Sequence[Failure], numbers: Numbers, places: Places) -> Table | None:
    """What off-target segments are written in: methods down, languages across; None when there are none."""
    codes = language_order(f.measure.removeprefix(INTO) for f in rows if f.measure.startswith(INTO))
    if not codes:
        return None

    def cells(method: str) -> list[Cell]:
        seeds = {seed for place in places for seed in numbers.get(("off-target", method, *place), {})}
        if not seeds:
            return [Cell.hole() for _ in codes]
        return [
            _cell(
                results,
                numbers,
                method,
                [
                    statistics.fmean(numbers.get((INTO + code, method, *p), {}).get(seed, 0.0) for p in places)
                    for seed in sorted(seeds)
                ],
            )
            for code in codes
        ]

    told = note(
        f"% of all segments that are off-target and most likely in this language; averages over {_places(places)}. "
        "Only the candidates of the signature are told apart."
    )
    title = f"{results.title}: What off-target segments are written in"
    columns = tuple(Column(code, code) for code in codes)
    return Table("failures-languages", title, columns, _rows(results, cells), (told,))


def _chart(table: Table) -> Chart | None:
    """A heat map of the rates that all complete rows have; the floor row is left out."""
    rows = [row for row in table.rows if row.ranked and not any(cell.is_hole for cell in row.cells)]
    indices = [
        i
        for i, column in enumerate(table.columns)
        if column.better == "lower" and all(row.cells[i].value is not None for row in rows)
    ]
    if not rows or not indices:
        return None
    labels = tuple(table.columns[i].label.removesuffix(" %") for i in indices)
    series = tuple(
        Series(row.label, labels, tuple(round(row.cells[i].value or 0.0, 2) for i in indices)) for row in rows
    )
    title = "Failure modes, averages over directions"
    return Chart("failures", title, "grid", "", "% of segments", series, "Darker is worse. Means over seeds.")


def _places(places: Places) -> str:
    sets = list(dict.fromkeys(testset for _, testset in places))
    directions = len({direction for direction, _ in places})
    return f"{directions} direction{'s' * (directions != 1)}" + (f" and {listed(sets)}" if len(sets) > 1 else "")


def _reading(rows: Sequence[Row]) -> str:
    text = "Lower is better where a number is bold; best in bold, second best underlined."
    if any(cell.sd_text for row in rows for cell in row.cells):
        text += " Mean over seeds ± sample standard deviation."
    return text


def _definition(kind: MeasureKind, rows: Sequence[Failure]) -> list[Note]:
    """What a measure counts; one note a signature, with the directions that it is of."""
    covered: dict[str, list[str]] = defaultdict(list)
    for f in rows:
        if f.measure == kind.key and f.direction not in covered[f.signature]:
            covered[f.signature].append(f.direction)
    if len(covered) == 1:
        return [definition(kind, signature) for signature in covered]
    several = [note(f"{kind.label} signature for {listed(ds)}: {signature}") for signature, ds in covered.items()]
    return [note(f"{kind.label}: {kind.about}."), *several]
