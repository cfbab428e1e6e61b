"""A table as an HTML fragment: bold is ``<strong>``, underlined is ``<u>``.

Every heading is a button that ``static/tables.js`` turns into a sorter; without the script it is a plain table.
Each cell carries its unrounded number in ``data-value``, each row its key in ``data-row``.
"""

from __future__ import annotations

from html import escape

from mtsuite.report.render.csv_table import number
from mtsuite.report.render.table import Cell, Column, Mark, Note, Table
from mtsuite.report.render.text import typographic


def render_cell(cell: Cell, mark: Mark, column: Column) -> str:
    """One ``<td>``; only the number itself is bold or underlined, not its † or ±."""
    text = escape(typographic(cell.text) if column.numeric else cell.text)
    if mark == "best":
        text = f"<strong>{text}</strong>"
    elif mark == "second":
        text = f"<u>{text}</u>"
    if cell.symbol:
        text += f"<sup>{escape(cell.symbol)}</sup>"
    if cell.sd_text:
        text += f' <span class="sd">±{escape(cell.sd_text)}</span>'
    kind = " ".join(name for name, on in (("num", column.numeric), ("hole", cell.is_hole)) if on)
    value = "" if cell.value is None else f' data-value="{number(cell.value)}"'
    return f'<td class="{kind}"{value}>{text}</td>' if kind else f"<td{value}>{text}</td>"


def render_notes(notes: tuple[Note, ...], folded: bool = False) -> str:
    """The notes as a list; alarms come first, in red and with the word, and are never folded away."""
    alarms = [f'<li class="alarm"><strong>Warning:</strong> {escape(n.text)}</li>' for n in notes if n.alarm]
    others = [f"<li>{escape(n.text)}</li>" for n in notes if not n.alarm]
    lines = ['<ul class="notes">', *alarms, "</ul>"] if alarms else []
    if others:
        listing = ['<ul class="notes">', *others, "</ul>"]
        lines += ["<details>", "<summary>Notes</summary>", *listing, "</details>"] if folded else listing
    return "\n".join(lines)


def _head(table: Table) -> list[str]:
    rows = []
    if table.has_groups:
        spans = ["<td></td>"]
        for heading, _, length in table.groups:
            if heading:
                spans.append(f'<th colspan="{length}" scope="colgroup" class="span">{escape(heading)}</th>')
            else:
                spans.append(f'<td colspan="{length}"></td>')
        rows.append(f"<tr>{''.join(spans)}</tr>")
    labels = [f'<th scope="col"><button type="button">{escape(table.row_heading)}</button></th>']
    for column in table.columns:
        kind = ' class="num"' if column.numeric else ""
        kind += ' data-better="lower"' if column.better == "lower" else ""
        labels.append(f'<th scope="col"{kind}><button type="button">{escape(column.label)}</button></th>')
    rows.append(f'<tr class="sorters">{"".join(labels)}</tr>')
    return rows


def render_html(table: Table, folded_notes: bool = False, caption: str = "") -> str:
    """A ``<figure>`` with caption (the title unless given), scrolling table, and notes (folded up if asked)."""
    caption = caption or table.title
    body = []
    for index, (row, marks) in enumerate(zip(table.rows, table.marks, strict=True)):
        names = [name for name, on in (("floor", not row.ranked), ("rule", row.rule_above and index > 0)) if on]
        kind = f' class="{" ".join(names)}"' if names else ""
        cells = "".join(render_cell(c, m, col) for c, m, col in zip(row.cells, marks, table.columns, strict=True))
        kind += f' data-row="{escape(row.key)}"'
        body.append(f'<tr{kind}><th scope="row">{escape(row.label)}</th>{cells}</tr>')
    lines = [
        f'<figure class="table" id="table-{escape(table.name)}">',
        f"<figcaption>{escape(caption)}</figcaption>",
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">',
        '<table class="sortable">',
        "<thead>",
        *_head(table),
        "</thead>",
        "<tbody>",
        *body,
        "</tbody>",
        "</table>",
        "</div>",
        *([render_notes(table.notes, folded_notes)] if table.notes else []),
        "</figure>",
    ]
    return "\n".join(lines) + "\n"
