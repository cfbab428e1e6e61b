"""A view of a transfer matrix as CSV, Markdown and HTML; every number that is a difference comes with its sign."""

from __future__ import annotations

import csv
import io
from html import escape

from mtsuite.report.render import markdown
from mtsuite.report.render.csv_table import number
from mtsuite.report.render.spreadsheet import safe
from mtsuite.report.render.text import HOLE, MINUS, fixed, typographic
from mtsuite.report.tables.matrix_view import View
from mtsuite.report.tables.relations import Band

CORNER = "trained on \\ tested on"


def matrix_csv(view: View) -> str:
    """Unrounded numbers; first column ``trained_on``; under scores the first rows are ``base`` and ``start``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trained_on", *view.columns])
    lines = [(key, line) for key, _, line in view.above]
    for name, values in [*lines, *zip(view.rows, view.values, strict=True)]:
        writer.writerow([safe(name), *("" if v is None else number(v) for v in values)])
    return buffer.getvalue()


def matrix_markdown(view: View) -> str:
    """The grid (scores of base and start above it), with lines that say how to read it."""
    body = [[markdown.escape(label), *map(view.text, line)] for _, label, line in view.above]
    for trained, line in zip(view.rows, view.values, strict=True):
        texts = map(view.text, line)
        body.append([trained, *(f"**{t}**" if trained == d else t for t, d in zip(texts, view.columns, strict=True))])
    head = [markdown.escape(CORNER), *view.columns]
    parts = [
        f"### {markdown.escape(view.title)}",
        markdown.grid(head, body, [False] + [True] * len(view.columns)),
        "\n".join(f"- {markdown.escape(text)}" for text in view.reading),
    ]
    return "\n\n".join(parts) + "\n"


def matrix_html(view: View) -> str:
    """A coloured table: the number in each cell, the scores behind it in its tooltip, rules between families."""
    low, top = view.span
    starts = {band.start for band in view.column_bands if band.start}
    row_starts = {band.start for band in view.row_bands if band.start}
    heads = "".join(
        f'<th scope="col"{_kind(["part"] if i in starts else [])}>{escape(d)}</th>' for i, d in enumerate(view.columns)
    )
    lines = []
    for _, label, line in view.above:
        cells = "".join(f'<td class="plain">{typographic(view.text(v))}</td>' for v in line)
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    for y, (trained, values, tips) in enumerate(zip(view.rows, view.values, view.tips, strict=True)):
        cells = ""
        for x, (tested, value, tip) in enumerate(zip(view.columns, values, tips, strict=True)):
            parted = ["part"] if x in starts else []
            if value is None:
                cells += f"<td{_kind(['hole', *parted])}>{HOLE}</td>"
                continue
            colour = "up" if view.is_good(value) or not view.signed else "down"
            heat = abs(value) / top if view.signed else (value - low) / (top - low)
            own = ["own"] if trained == tested else []
            cells += (
                f'<td{_kind([colour, *own, *parted])} style="--heat:{min(1.0, heat):.3f}" title="{escape(tip)}">'
                f"{typographic(view.text(value))}</td>"
            )
        lines.append(
            f'<tr{_kind(["part"] if y in row_starts else [])}><th scope="row">{escape(trained)}</th>{cells}</tr>'
        )
    if view.signed:
        scale = f"The colours end at ±{fixed(top)}, the largest number off the diagonal (1 at least)."
    else:
        scale = f"The colours go from {fixed(low)} (pale) to {fixed(top)} (dark)."
    notes = "\n".join(f"<li>{escape(text).replace(' -', f' {MINUS}')}</li>" for text in [*view.reading, scale])
    figure = f"""<figure class="matrix">
<figcaption>{escape(view.title)}</figcaption>
<div class="scroll" tabindex="0" role="region" aria-label="{escape(view.title)}">
<table>
<thead>
<tr><td></td><th class="axis" colspan="{len(view.columns)}" scope="colgroup">tested on</th></tr>
{_families(view.column_bands)}<tr><th class="axis" scope="col">trained on</th>{heads}</tr>
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
    if not view.folded:
        return figure
    return f'<details class="block"><summary>{escape(view.title)}</summary>\n{figure}</details>\n'


def _kind(names: list[str]) -> str:
    return f' class="{" ".join(names)}"' if names else ""


def _families(found: list[Band]) -> str:
    """A line of headings over the columns, where there are several families."""
    if len(found) < 2:
        return ""
    cells = "".join(
        f'<th{_kind(["axis", *(["part"] if band.start else [])])} colspan="{band.length}" scope="colgroup">'
        f"{escape(band.heading)}</th>"
        for band in found
    )
    return f"<tr><td></td>{cells}</tr>\n"
