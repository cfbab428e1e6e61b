"""A transfer matrix as CSV, Markdown and an HTML heat map; every number comes with its sign where it is a change."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from html import escape

from mtsuite.report import markdown
from mtsuite.report.csv_table import number
from mtsuite.report.main_table import DECIMALS, change_text
from mtsuite.report.matrix import Grid, Matrix
from mtsuite.report.text import HOLE, fixed, typographic

CORNER = "trained on \\ tested on"


def matrix_csv(matrix: Matrix, grid: Grid, with_base: bool = False) -> str:
    """Unrounded numbers; first column ``trained_on``; with the base's scores as a first row if asked."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trained_on", *matrix.columns])
    lines = [("base", matrix.base)] if with_base else []
    for name, values in [*lines, *zip(matrix.rows, grid, strict=True)]:
        writer.writerow([name, *("" if v is None else number(v) for v in values)])
    return buffer.getvalue()


def matrix_markdown(matrix: Matrix, change: bool) -> str:
    """Scores (the base's above them) or changes, with a line that says how to read them."""
    grid = matrix.changes if change else matrix.scores
    shown = change_text if change else _score_text
    body = [] if change else [[markdown.escape(matrix.base_label), *(_or_hole(v, shown) for v in matrix.base)]]
    for trained, line in zip(matrix.rows, grid, strict=True):
        texts = [_or_hole(v, shown) for v in line]
        body.append([trained, *(f"**{t}**" if trained == d else t for t, d in zip(texts, matrix.columns, strict=True))])
    head = [markdown.escape(CORNER), *matrix.columns]
    parts = [
        f"### {markdown.escape(title(matrix, change))}",
        markdown.grid(head, body, [False] + [True] * len(matrix.columns)),
        "\n".join(f"- {markdown.escape(text)}" for text in reading(matrix, change)),
    ]
    return "\n\n".join(parts) + "\n"


def title(matrix: Matrix, change: bool) -> str:
    what = f"change against {matrix.base_label}" if change else "scores"
    return f"{matrix.label}, trained on one direction: {matrix.metric}, {what}"


def reading(matrix: Matrix, change: bool) -> list[str]:
    """Sentences under the matrix."""
    lines = ["Rows: trained on; columns: tested on; bold: the model's own direction."]
    if change:
        lines.append(f"{matrix.unit} above (+) or below (-) {matrix.base_label}.")
        s = matrix.summary()
        parts = [
            f"own direction {change_text(s.diagonal)}" if s.diagonal is not None else "",
            f"others {change_text(s.off_diagonal)}" if s.off_diagonal is not None else "",
            f"{100 * s.share_worse:.1f} % of them worse" if s.share_worse is not None else "",
            f"within family {change_text(s.within_family)}" if s.within_family is not None else "",
            f"across families {change_text(s.across_families)}" if s.across_families is not None else "",
        ]
        lines.append(f"Mean change: {'; '.join(part for part in parts if part)}.")
    else:
        lines.append(f"First row: {matrix.base_label}.")
    if matrix.seeds > 1:
        lines.append(f"Means over {matrix.seeds} seeds.")
    if any(v is None for line in (matrix.changes if change else matrix.scores) for v in line):
        lines.append(f"{HOLE}: no score was recorded.")
    return lines


def _score_text(value: float) -> str:
    return fixed(value, DECIMALS)


def _or_hole(value: float | None, shown: Callable[[float], str]) -> str:
    return HOLE if value is None else shown(value)


def span(matrix: Matrix) -> float:
    """The end of the colour scale on both sides of 0: the largest change off the diagonal, and at least 1 point.

    The diagonal, what training was for, is many times larger; scaled to it, interference would be invisible.
    """
    pairs = zip(matrix.rows, matrix.changes, strict=True)
    cells = [(r, c, v) for r, line in pairs for c, v in zip(matrix.columns, line, strict=True) if v is not None]
    return max([1.0, *(abs(v) for r, c, v in cells if r != c)])


def matrix_html(matrix: Matrix) -> str:
    """The changes as a coloured table: sign and number in each cell, the score itself in its tooltip."""
    top = span(matrix)
    head = "".join(f'<th scope="col">{escape(d)}</th>' for d in matrix.columns)
    lines = []
    for trained, changes, scores in zip(matrix.rows, matrix.changes, matrix.scores, strict=True):
        cells = []
        for tested, change, score, base in zip(matrix.columns, changes, scores, matrix.base, strict=True):
            if change is None or score is None or base is None:
                cells.append(f'<td class="hole">{HOLE}</td>')
                continue
            good = (change < 0) == matrix.lower_is_better and change != 0
            kind = ("up" if good else "down") + (" own" if trained == tested else "")
            tip = f"trained on {trained}, tested on {tested}: {_score_text(score)}"
            tip += f"; {matrix.base_label}: {_score_text(base)}"
            cells.append(
                f'<td class="{kind}" style="--heat:{min(1.0, abs(change) / top):.3f}" title="{escape(tip)}">'
                f"{typographic(change_text(change))}</td>"
            )
        lines.append(f'<tr><th scope="row">{escape(trained)}</th>{"".join(cells)}</tr>')
    scale = f"The colours end at ±{fixed(top, DECIMALS)}, the largest change off the diagonal (1 at least)."
    notes = "\n".join(f"<li>{escape(text)}</li>" for text in [*reading(matrix, change=True), scale])
    return f"""<figure class="matrix">
<figcaption>{escape(title(matrix, change=True))}</figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="{escape(title(matrix, change=True))}">
<table>
<thead>
<tr><td></td><th class="axis" colspan="{len(matrix.columns)}" scope="colgroup">tested on</th></tr>
<tr><th class="axis" scope="col">trained on</th>{head}</tr>
</thead>
<tbody>
{chr(10).join(lines)}
</tbody>
</table>
</div>
<ul class="notes">
{notes}
</ul>
</figure>
"""
