"""Orders on several bases as tables, and in the formats of the command line."""

from __future__ import annotations

import csv
import io
import json

from mtsuite.compare.bases import LEVEL, AcrossBases, Pair
from mtsuite.report.render.formats import tables_as
from mtsuite.report.render.spreadsheet import safe_row
from mtsuite.report.render.table import Cell, Column, Row, Table, note
from mtsuite.report.tables.verdict import p_text

TITLE = "The order of the methods on several base models"


def bases_as(kind: str, found: AcrossBases, width: int = 120, terminal: bool = False) -> str:
    """The comparison in one of ``mtsuite.report.render.formats.FORMATS``."""
    if kind == "json":
        return json.dumps(_plain(found), indent=2, ensure_ascii=False) + "\n"
    if kind == "csv":
        return _csv(found)
    if kind != "text":
        return tables_as(kind, TITLE, bases_tables(found))
    from rich.console import Console

    from mtsuite.report.render.terminal import render_terminal

    buffer = io.StringIO()
    console = Console(file=buffer, width=width, force_terminal=terminal)
    for table in bases_tables(found):
        console.print(render_terminal(table, width))
        console.print()
    return buffer.getvalue()


def bases_tables(found: AcrossBases) -> list[Table]:
    """Ranks, agreement of each two bases, and the order of each two rows."""
    orders = found.orders
    names = [order.folder.name for order in orders]
    label = orders[0].folder.results.label
    columns = tuple(Column(name, name) for name in names)
    ranks = tuple(
        Row(row, label(row), tuple(Cell(f"{o.ranks[row]:g}  ({o.averages[row]:.2f})", o.ranks[row]) for o in orders))
        for row in found.rows
    )
    of = "; ".join(
        f"{o.folder.name}: {o.folder.results.info.get('model', '?')}, {o.directions} texts" for o in found.orders
    )
    told = note(f"Rank by {found.metric}, and in brackets the average over the directions of that base. {of}.")
    tables = [Table("bases-ranks", f"{TITLE}: {found.metric}", columns, ranks, (told,), "Method", "method")]
    agreement = tuple(
        Row(
            f"{a.one}, {a.other}",
            f"{a.one}, {a.other}",
            (
                Cell(f"{a.tau:.2f}", a.tau),
                Cell("too few directions" if a.interval is None else f"{a.interval[0]:.2f} to {a.interval[1]:.2f}"),
                Cell(str(a.directions), float(a.directions)),
            ),
        )
        for a in found.agreements
    )
    heads = (
        Column("tau", "Kendall's τ"),
        Column("interval", f"{LEVEL:.0%} interval", numeric=False),
        Column("directions", "directions"),
    )
    how = note(
        f"The interval is a percentile bootstrap over the directions that both bases have, {found.test.rounds} rounds, "
        f"seed {found.test.seed}. τ is 1 for the same order and −1 for the opposite one."
    )
    tables.append(Table("bases-agreement", "Agreement of the orders", heads, agreement, (how,), "Bases", "bases"))
    pairs = tuple(
        Row(
            f"{p.first} - {p.second}",
            f"{label(p.first)} − {label(p.second)}",
            (*_cells(p, names), Cell(_verdict(found, p))),
        )
        for p in found.pairs
    )
    last = Column("verdict", f"at p < {found.test.alpha:g}", numeric=False)
    tested = note(
        "Difference of the averages in points (positive: the first is better) and its p-value within the base: the "
        f"folder's own test of the average, or a {found.test}. Not corrected for the number of pairs."
    )
    tables.append(Table("bases-pairs", "Which order holds where", (*columns, last), pairs, (tested,), "Rows", "rows"))
    return tables


def _cells(pair: Pair, names: list[str]) -> list[Cell]:
    cells = []
    for name in names:
        delta, p = pair.by_base[name]
        cells.append(Cell(f"{delta:+.2f}" + ("" if p is None else f" (p {p_text(p)})"), delta))
    return cells


def _verdict(found: AcrossBases, pair: Pair) -> str:
    return pair.verdict(found.test.alpha)


def _plain(found: AcrossBases) -> dict[str, object]:
    return {
        "metric": found.metric,
        "bases": [
            {"folder": o.folder.name, "averages": dict(o.averages), "ranks": dict(o.ranks), "texts": o.directions}
            for o in found.orders
        ],
        "agreement": [
            {"bases": [a.one, a.other], "tau": a.tau, "interval": a.interval, "directions": a.directions}
            for a in found.agreements
        ],
        "pairs": [
            {
                "rows": [p.first, p.second],
                "verdict": _verdict(found, p),
                "by_base": {name: {"delta": delta, "p_value": value} for name, (delta, value) in p.by_base.items()},
            }
            for p in found.pairs
        ],
    }


def _csv(found: AcrossBases) -> str:
    """One line per pair of rows and base, with both ranks there."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("metric", "base", "first", "second", "rank_first", "rank_second", "delta", "p_value", "verdict"))
    for pair in found.pairs:
        for order in found.orders:
            delta, p = pair.by_base[order.folder.name]
            ranks = (f"{order.ranks[row]:g}" for row in (pair.first, pair.second))
            values = (f"{delta:.6f}", "" if p is None else f"{p:.6f}", _verdict(found, pair))
            writer.writerow(safe_row([found.metric, order.folder.name, pair.first, pair.second, *ranks, *values]))
    return text.getvalue()
