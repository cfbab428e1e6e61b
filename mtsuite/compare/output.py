"""A comparison of results folders as tables, and in the formats of the command line."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mtsuite.compare.differences import Kind, differences
from mtsuite.compare.rows import Choice, Group, Side, choose
from mtsuite.compare.scores import Line, MetricScores, Place, Tested, compare_scores
from mtsuite.metrics.files import PairedTest
from mtsuite.report.render.formats import tables_as
from mtsuite.report.render.spreadsheet import safe_fields
from mtsuite.report.render.table import Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import listed, slug
from mtsuite.report.tables.query import DECIMALS, change_text
from mtsuite.report.tables.verdict import p_text, symbol, symbols_mean
from mtsuite.results.folder import AVERAGE

COLUMNS = (
    "metric", "direction", "testset", "folder", "method", "score", "sd", "seeds", "against_folder", "against_method",
    "delta", "p_value", "p_segments", "p_seeds", "test", "n", "signature",
)  # fmt: skip
_LONGEST = 32  # characters of a value that differs; JSON has all of it


@dataclass(frozen=True)
class Compared:
    """All that ``mtsuite compare`` found out."""

    choice: Choice
    kinds: tuple[Kind, ...]
    scores: tuple[MetricScores, ...]
    test: PairedTest

    @property
    def title(self) -> str:
        return "Comparison of " + listed([folder.name for folder in self.choice.folders])


def compare_results(given: Sequence[str], rows: Sequence[str] = (), test: PairedTest | None = None) -> Compared:
    """Results folders, or single rows of them (``results/table1:lora``), side by side.

    Raises StoreError and MetricError for what is no results folder and where there is nothing to compare.
    """
    test = test or PairedTest()
    choice = choose(given, rows)
    kinds = differences(choice.folders) if len(choice.folders) > 1 else []
    return Compared(choice, tuple(kinds), tuple(compare_scores(choice, test)), test)


def compared_as(kind: str, compared: Compared, width: int = 120, terminal: bool = False) -> str:
    """The comparison in one of ``mtsuite.report.render.formats.FORMATS``."""
    if kind == "csv":
        return _csv(compared)
    if kind == "json":
        return _json(compared)
    tables = [*difference_tables(compared), *score_tables(compared)]
    if kind != "text":
        return tables_as(kind, compared.title, tables)
    from rich.console import Console

    from mtsuite.report.render.terminal import render_terminal

    buffer = io.StringIO()
    console = Console(file=buffer, width=width, force_terminal=terminal)
    for table in tables:
        console.print(render_terminal(table, width))
        console.print()
    return buffer.getvalue()


# -- tables ---------------------------------------------------------------------------------------


def difference_tables(compared: Compared) -> list[Table]:
    """What is not the same, in one table; what is the same is counted under it.  None for a single folder."""
    if not compared.kinds:
        return []
    names = [folder.name for folder in compared.choice.folders]
    columns = tuple(Column(name, name, numeric=False) for name in names)
    rows = []
    for kind in compared.kinds:
        for number, difference in enumerate(kind.differences):
            label = f"{kind.name}: {difference.name}"
            cells = tuple(Cell(_cut(value)) for value in difference.values)
            rows.append(Row(f"{kind.name} {difference.name}", label, cells, rule_above=number == 0))
    same = listed([f"{kind.same} of {kind.name}" for kind in compared.kinds if kind.same])
    notes = [note(f"The same everywhere: {same}.")] if same else []
    unchanged = [kind.name for kind in compared.kinds if kind.same and not kind.differences]
    if unchanged:
        notes.append(note(f"No difference at all: {listed(unchanged)}."))
    unsaid = listed([f"{kind.unsaid} of {kind.name}" for kind in compared.kinds if kind.unsaid])
    if unsaid:
        notes.append(
            note(
                f"Missing in some folders, which an earlier version wrote, and at the default in the others: {unsaid}."
            )
        )
    if not any(folder.results.recipe for folder in compared.choice.folders):
        notes.append(note("The folders hold no recipe.yaml."))
    return [Table("differences", "What differs", columns, tuple(rows), tuple(notes), "Key", "key")]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def score_tables(compared: Compared) -> list[Table]:
    """A table a metric: rows side by side, and under each but the first its difference from the first."""
    return [_score_table(compared, scores) for scores in compared.scores]


def _score_table(compared: Compared, scores: MetricScores) -> Table:
    several = len({direction for direction, _ in scores.places}) < len(scores.places)
    columns = []
    for place in scores.places:
        key = " ".join(place) if several else place[0]
        columns.append(Column(key, place[0], place[1], signature=scores.signatures[place]))
    average = len(scores.places) > 1
    if average:
        columns.append(Column(AVERAGE, "Avg."))
    rows = []
    for group, lines in scores.groups:
        for number, line in enumerate(lines):
            key, label = _key(line.side), _side_name(compared, group, line.side)
            rows.append(Row(key, label, tuple(_scores(line, scores, average)), rule_above=number == 0))
            if line.tested:
                cells = tuple(_differences(compared, scores, line, average))
                first = lines[0].side
                less = f"difference from {_side_name(compared, group, first)}" if len(lines) > 2 else "difference"
                rows.append(Row(f"{key} - {_key(first)}", less, cells))
    name = f"compare-{slug(scores.metric)}"
    notes = tuple(_notes(compared, scores))
    return Table(name, f"{compared.title}: {scores.metric}", tuple(columns), tuple(rows), notes, "Row", "row")


def _key(side: Side) -> str:
    return f"{side.folder.name}:{side.method}"


def _side_name(compared: Compared, group: Group, side: Side) -> str:
    if len(compared.choice.folders) == 1:
        return side.label
    same = {one.label for one in group.sides} == {side.label}
    label = side.label if same or side.label == side.method else f"{side.label} [{side.method}]"
    return f"{label} ({side.folder.name})"


def _scores(line: Line, scores: MetricScores, average: bool) -> Iterator[Cell]:
    for place in scores.places:
        yield Cell.of(list(line.scores[place]), DECIMALS)
    if average:
        yield Cell.of(list(line.average), DECIMALS)


def _differences(compared: Compared, scores: MetricScores, line: Line, average: bool) -> Iterator[Cell]:
    for place in scores.places:
        yield _difference(compared, scores, line.tested.get(place))
    if average:
        yield _difference(compared, scores, line.tested_average)


def _difference(compared: Compared, scores: MetricScores, tested: Tested | None) -> Cell:
    if tested is None:
        return Cell.empty()
    delta = tested.comparison.delta
    mark = symbol(delta, tested.p_value, compared.test.alpha, lower_is_better=scores.lower_is_better)
    return Cell(f"{change_text(delta)} ({p_text(tested.p_value)})", delta, symbol=mark)


def _notes(compared: Compared, scores: MetricScores) -> list[Note]:
    sense = "lower is better" if scores.lower_is_better else "higher is better"
    several = any(len(values) > 1 for _, lines in scores.groups for line in lines for values in line.scores.values())
    spread = " Mean over seeds ± sample standard deviation." if several else ""
    notes = [note(f"{scores.metric}, {sense}.{spread}")]
    for signature in dict.fromkeys(scores.signatures.values()):
        where = [place[0] for place, made in scores.signatures.items() if made == signature]
        of = "" if len(where) == len(scores.places) else f" for {listed(where)}"
        notes.append(note(f"{scores.metric} signature{of}: {signature}"))
    if scores.tested:
        tested = [one for _, lines in scores.groups for line in lines for one in line.tested.values()]
        sizes = listed([str(n) for n in dict.fromkeys(one.n for one in tested)])
        text = (
            f"{symbols_mean('significantly better', 'significantly worse than the first row of the group')} "
            f"(p < {compared.test.alpha:g}; {compared.test}; n = {sizes}; Holm over the directions of a row; the "
            "average is a single test)."
        )
        if any(one.comparison.p_seeds is not None for one in tested):
            text += " Where trainings vary, p is at least that of Welch's t-test over training seeds."
        notes.append(note(text))
    notes += [note(text) for text in compared.choice.left_out]
    for folder in compared.choice.folders:
        more = [d for d in folder.results.directions if d not in {place[0] for place in scores.places}]
        if more:
            notes.append(note(f"Not in every folder, or not comparable: {listed(more)} of {folder.name}."))
    return notes + [note(text, alarm=True) for text in scores.problems]


# -- for programs ---------------------------------------------------------------------------------


def _entries(compared: Compared) -> Iterator[dict[str, Any]]:
    """One entry a score, those of averages included; unrounded."""
    for scores in compared.scores:
        for _, lines in scores.groups:
            first = lines[0].side
            for line in lines:
                places: list[tuple[Place, Sequence[float], Tested | None, str]] = [
                    (place, line.scores[place], line.tested.get(place), scores.signatures[place])
                    for place in scores.places
                ]
                if len(scores.places) > 1:
                    signed = "; ".join(dict.fromkeys(scores.signatures.values()))
                    places.append(((AVERAGE, ""), line.average, line.tested_average, signed))
                for (direction, testset), values, tested, signature in places:
                    if not values:
                        continue
                    entry = {
                        "metric": scores.metric, "direction": direction, "testset": testset,
                        "folder": line.side.folder.name, "method": line.side.method,
                        "score": statistics.fmean(values), "seeds": len(values), "signature": signature,
                    }  # fmt: skip
                    if len(values) > 1:
                        entry["sd"] = statistics.stdev(values)
                    if tested is not None:
                        entry |= {
                            "against_folder": first.folder.name, "against_method": first.method,
                            "delta": tested.comparison.delta, "p_value": tested.p_value,
                            "p_segments": tested.comparison.p_segments, "p_seeds": tested.comparison.p_seeds,
                            "test": str(compared.test), "n": tested.n,
                        }  # fmt: skip
                    yield entry


def _csv(compared: Compared) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(safe_fields, _entries(compared)))
    return buffer.getvalue()


def _json(compared: Compared) -> str:
    value = {
        "folders": {folder.name: str(folder.results.folder) for folder in compared.choice.folders},
        "differences": {
            kind.name: {
                "same": kind.same,
                "unsaid": kind.unsaid,
                "different": {one.name: list(one.values) for one in kind.differences},
            }
            for kind in compared.kinds
        },
        "scores": list(_entries(compared)),
        "problems": list(dict.fromkeys(text for scores in compared.scores for text in scores.problems)),
        "left_out": list(compared.choice.left_out),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
