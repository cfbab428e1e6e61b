"""What transfer matrices come to: means by relation and family, in tables of a row a method.

With several seeds each number is computed for every seed and shown as mean ± sample standard deviation.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from itertools import groupby

from mtsuite.data.languages import language
from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import listed, slug
from mtsuite.report.tables.matrix import Matrix, Summary
from mtsuite.report.tables.query import change_text
from mtsuite.report.tables.relations import Trait, group_of, relation
from mtsuite.results.folder import Results

_MEAN, _RELATION, _FAMILY = "Mean change", "Others by shared end", "Others by family"
_Number = Callable[[Summary], float | None]
# Key, label, group, the number, and what its cells are called in Summary.counts.
_COLUMNS: tuple[tuple[str, str, str, _Number, str], ...] = (
    ("diagonal", "own direction", _MEAN, lambda s: s.diagonal, "own"),
    ("off_diagonal", "others", _MEAN, lambda s: s.off_diagonal, "others"),
    ("reversed", "reversed", _RELATION, lambda s: s.by_relation["reversed"], "reversed"),
    ("same_target", "same target", _RELATION, lambda s: s.by_relation["same_target"], "same_target"),
    ("same_source", "same source", _RELATION, lambda s: s.by_relation["same_source"], "same_source"),
    ("neither", "neither", _RELATION, lambda s: s.by_relation["neither"], "neither"),
    ("within_family", "within", _FAMILY, lambda s: s.within_family, "within_family"),
    ("across_families", "across", _FAMILY, lambda s: s.across_families, "across_families"),
)


def change_cell(values: Sequence[float | None]) -> Cell:
    """One number a seed as a signed mean, with ± where there are several; a hole when a seed has none."""
    found = [v for v in values if v is not None]
    if not found or len(found) < len(values):
        return Cell.hole()
    cell = Cell.of(found)
    return Cell(change_text(statistics.fmean(found)), cell.value, cell.sd, cell.sd_text)


def transfer_table(results: Results, matrices: Sequence[Matrix], *, beside_start: bool = False) -> Table:
    """The summaries of one metric's matrices (one panel), a row a method.

    Changes are against each method's start where the matrices have it, else against the base; ``beside_start`` says
    that the latter stand beside the former.
    """
    first = matrices[0]
    notes = [
        note(
            f"Each model is trained on one direction and tested on all: its own and the others. Changes are in "
            f"{first.unit} against {first.reference}, {_better(first)} is better; worse: the share of others that "
            "lost."
        ),
        *_budget(results),
        *reference_notes(first, beside_start=beside_start),
        *_reading(matrices),
    ]
    title = f"{results.title}: Cross-lingual transfer, {first.metric}, change against {first.reference}"
    return _summaries(_file("transfer", first, beside_start), title, matrices, notes, ranked=True)


def _budget(results: Results) -> list[Note]:
    """How long the single-direction trainings are, beside a direction's share of the joint training."""
    told = results.info.get("transfer") or {}
    steps, joint, count = told.get("steps"), told.get("joint_steps"), len(results.info.get("directions") or [])
    if not steps or not joint or not count:
        return []  # a folder of an earlier version
    share = joint / count
    return [
        note(
            f"Each model is trained for {steps:,} steps on its direction: {steps / share:.3g} times a direction's "
            f"share of the joint training ({joint:,} steps in {count} directions). "
            "LANDeRMT's Figure 3: 1,250 steps each."
        )
    ]


def _file(kind: str, matrix: Matrix, beside_start: bool) -> str:
    return f"{kind}-from-base-{_stem(matrix)}" if beside_start else f"{kind}-{_stem(matrix)}"


def reference_notes(matrix: Matrix, *, beside_start: bool) -> list[Note]:
    """What the reference of the changes is, where there are two."""
    if matrix.start:
        return [
            note(
                "Its own start: the method's model before its first training step, so the change is what training did. "
                f"Start: what the surgery did before that, the mean of the start's scores less those of "
                f"{matrix.base_label}."
            )
        ]
    if beside_start:
        return [note(f"Against {matrix.base_label}: what the user gets, surgery and training together.")]
    return []


def difference_table(results: Results, found: Sequence[Matrix]) -> Table:
    """The same numbers of the differences between methods, a row a pair; ``found`` are differences."""
    first = found[0]
    notes = [
        note(
            f"Trained on one direction and tested on all, each method minus {first.base_label}, cell by cell, in "
            f"{first.unit}: of the scores themselves, whatever each method started from. {_better(first).capitalize()} "
            f"is better; worse: the share of the others in which the method is behind {first.base_label}."
        ),
        *_reading(found),
    ]
    title = f"{results.title}: Cross-lingual transfer, {first.metric}, difference from {first.base_label}"
    return _summaries(f"transfer-difference-{_stem(first)}", title, found, notes, ranked=False)


def _summaries(name: str, title: str, matrices: Sequence[Matrix], notes: Sequence[Note], *, ranked: bool) -> Table:
    better: Better = _better(matrices[0])
    per_matrix = [matrix.summaries() for matrix in matrices]
    shown = [column for column in _COLUMNS if any(s.counts[column[4]] for found in per_matrix for s in found)]
    columns = [Column(key, label, group, better if ranked else None) for key, label, group, *_ in shown]
    columns.append(Column("percent_worse", "worse, %", "Others", "lower" if ranked else None))
    started = any(matrix.start for matrix in matrices)
    if started:
        columns.append(Column("start_change", "start", f"Less {matrices[0].base_label}"))
    rows = []
    for matrix, found in zip(matrices, per_matrix, strict=True):
        cells = [change_cell([number(s) for s in found]) for *_, number, _ in shown]
        shares = [100 * s.share_worse for s in found if s.share_worse is not None]
        cells.append(Cell.of(shares, 1) if len(shares) == len(found) else Cell.hole())
        cells += [change_cell([one.surgery for one in matrix.by_seed or (matrix,)])] if started else []
        rows.append(Row(matrix.method, matrix.label, tuple(cells)))
    return Table(name, title, tuple(columns), tuple(rows), tuple(notes))


def _better(matrix: Matrix) -> Better:
    return "lower" if matrix.lower_is_better else "higher"


def _stem(matrix: Matrix) -> str:
    return slug(matrix.metric) + (f"-{matrix.suffix}" if matrix.suffix else "")


def _reading(matrices: Sequence[Matrix]) -> list[Note]:
    """What the columns are, on how many cells they stand, and what ± is."""
    found = [
        note(
            "By shared end: reversed is de-en for a model of en-de; same target fr-de, same source en-fr; neither is "
            "all else, such as fr-en, where a language is read that was written before."
        ),
        note(
            f"By family: the others without the reversed ones; within, where the languages beside "
            f"{beside(matrices[0])} are different ones of one family."
        ),
        note(f"Others: {listed_cells(matrices)}."),
    ]
    return [*found, *seed_notes(matrices), *map(note, matrices[0].signatures)]


def seed_notes(matrices: Sequence[Matrix]) -> list[Note]:
    notes = []
    if any(m.by_seed for m in matrices):
        notes.append(note("Computed for every seed; mean ± sample standard deviation over seeds."))
    partial = [m.label for m in matrices if m.seeds > 1 and not m.by_seed]
    if partial:
        notes.append(
            note(f"{listed(partial)}: of the mean over seeds, without ±, since cells of some seeds are missing.")
        )
    return notes


def beside(matrix: Matrix) -> str:
    """The name of the language that directions are not filed under."""
    return language(matrix.pivot).name


def listed_cells(matrices: Sequence[Matrix]) -> str:
    """How many cells off the diagonal the summaries stand on, in all and by kind."""
    alike: dict[str, list[str]] = {}
    for matrix in matrices:
        s = matrix.summary()
        kinds = [f"{s.counts[kind]} {label}" for _, label, _, _, kind in _COLUMNS[2:] if s.counts[kind]]
        parts = f" ({', '.join(kinds)})" if kinds else ""
        alike.setdefault(f"{s.cells} off-diagonal cells a method{parts}", []).append(matrix.label)
    if len(alike) == 1:
        return next(iter(alike))
    return "; ".join(f"{listed(labels)}: {text}" for text, labels in alike.items())


# -- groups against groups --------------------------------------------------------------------------


def groups_tables(results: Results, matrices: Sequence[Matrix], *, beside_start: bool = False) -> list[Table]:
    """Families against families and scripts against scripts, where there are at least two; one panel's matrices."""
    tables = [_groups(results, matrices, trait, beside_start) for trait in ("family", "script")]
    return [table for table in tables if table is not None]


def _groups(results: Results, matrices: Sequence[Matrix], trait: Trait, beside_start: bool) -> Table | None:
    first = matrices[0]
    rows = list(dict.fromkeys(group_of(d, first.pivot, trait) for d in first.rows))
    columns = list(dict.fromkeys(group_of(d, first.pivot, trait) for d in first.columns))
    if len({*rows, *columns}) < 2:
        return None
    made = []
    for number, matrix in enumerate(matrices):
        of_seeds = [_means(one, trait) for one in matrix.by_seed or (matrix,)]
        for position, row in enumerate(rows):
            cells = [Cell(row)]
            for column in columns:
                found = [means.get((row, column)) for means in of_seeds]
                cells.append(change_cell(found) if any(v is not None for v in found) else Cell.empty())
            made.append(Row(matrix.method, matrix.label, tuple(cells), rule_above=number > 0 and position == 0))
    plural = {"family": "families", "script": "scripts"}[trait]
    notes = [
        note(
            f"Mean change against {first.reference} in {first.unit}, by the {trait} of the language beside "
            f"{beside(first)}: trained on a direction of the row's, tested on those of the column's. A model's own "
            "direction and its reverse are left out; a number is missing where nothing else is there."
        ),
        note(f"Cells behind each number: {_sizes(first, trait, rows, columns)}."),
        *seed_notes(matrices),
        *map(note, first.signatures),
    ]
    return Table(
        _file(f"transfer-{plural}", first, beside_start),
        f"{results.title}: Cross-lingual transfer between {plural}, {first.metric}, change against {first.reference}",
        (Column("trained_on", "Trained on", numeric=False), *(Column(c, c, "Tested on") for c in columns)),
        tuple(made),
        tuple(notes),
    )


def _groups_of(matrix: Matrix, trait: Trait) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for trained, tested, change in matrix.cells():
        if relation(trained, tested) not in ("own", "reversed"):
            pair = (group_of(trained, matrix.pivot, trait), group_of(tested, matrix.pivot, trait))
            found.setdefault(pair, []).append(change)
    return found


def _means(matrix: Matrix, trait: Trait) -> dict[tuple[str, str], float]:
    return {pair: statistics.fmean(changes) for pair, changes in _groups_of(matrix, trait).items()}


def _sizes(matrix: Matrix, trait: Trait, rows: Sequence[str], columns: Sequence[str]) -> str:
    """``Germanic on Romance 8, …``, pairs of equal size together."""
    found = _groups_of(matrix, trait)
    sized = sorted(((len(found[r, c]), f"{r} on {c}") for r in rows for c in columns if (r, c) in found), reverse=True)
    parts = [
        f"{size} ({listed([pair for _, pair in pairs], 3)})" for size, pairs in groupby(sized, key=lambda item: item[0])
    ]
    return "; ".join(parts)
