"""All that a report shows of cross-lingual transfer, from a results folder: matrices, their views, their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from mtsuite.report.render.table import Table
from mtsuite.report.tables.matrix import Matrix, differences, transfer_matrices
from mtsuite.report.tables.matrix_view import View, base_change_view, change_view, difference_view, score_view
from mtsuite.report.tables.transfer_tables import difference_table, groups_tables, transfer_table
from mtsuite.results.folder import Results


@dataclass(frozen=True)
class Transfer:
    """``matrices``: one a metric, table and method; ``tables`` come with the metric that they are of."""

    matrices: tuple[Matrix, ...]
    views: tuple[View, ...]
    tables: tuple[tuple[str, Table], ...]


def transfer(results: Results, metrics: Sequence[str] | None = None) -> Transfer:
    """Matrices, pictures and tables of these metrics (all of the report's); all empty when nothing was transferred."""
    matrices = [m for m in transfer_matrices(results) if metrics is None or m.metric in metrics]
    views: list[View] = []
    tables: list[tuple[str, Table]] = []
    for (metric, _), group in groupby(matrices, key=lambda m: (m.metric, m.suffix)):
        of_metric = list(group)
        minus = differences(results, of_metric)
        views += [view for m in of_metric for view in _changes(m)]
        views += [difference_view(m) for m in minus]
        views += [score_view(m) for m in of_metric]
        made = [transfer_table(results, of_metric)]
        against_base = [m.against_base() for m in of_metric] if results.has_starts else []
        made += [transfer_table(results, against_base, beside_start=True)] if against_base else []
        made += [difference_table(results, minus)] if minus else []
        made += groups_tables(results, of_metric)
        made += groups_tables(results, against_base, beside_start=True) if against_base else []
        tables += [(metric, table) for table in made]
    return Transfer(tuple(matrices), tuple(views), tuple(tables))


def _changes(matrix: Matrix) -> list[View]:
    """The change against the method's start, and that against the base where the two differ."""
    twice = bool(matrix.start) and not matrix.starts_as_base
    return [change_view(matrix), *([base_change_view(matrix)] if twice else [])]
