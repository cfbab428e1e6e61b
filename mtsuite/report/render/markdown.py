"""A table in GitHub's Markdown: bold is ``**23.45**``, underlined is ``<u>23.45</u>``."""

from __future__ import annotations

import re

from rich.cells import cell_len

from mtsuite.report.render.table import Cell, Mark, Table
from mtsuite.report.render.text import one_line

_SPECIAL = re.compile(r"([\\`*_\[\]|#~$])")


def escape(text: str) -> str:
    """Plain text that Markdown shows as it is, on one line."""
    safe = _SPECIAL.sub(r"\\\1", one_line(text))
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render_cell(cell: Cell, mark: Mark) -> str:
    """One cell; only the number itself is bold or underlined, not its † or ±."""
    text = escape(cell.text)
    if mark == "best":
        text = f"**{text}**"
    elif mark == "second":
        text = f"<u>{text}</u>"
    return text + escape(cell.symbol) + (f" ±{escape(cell.sd_text)}" if cell.sd_text else "")


def grid(head: list[str], body: list[list[str]], right: list[bool]) -> str:
    """A Markdown table whose source is aligned too."""
    widths = [max(3, *(cell_len(line[i]) for line in [head, *body])) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = []
        for text, width, to_right in zip(cells, widths, right, strict=True):
            blanks = " " * (width - cell_len(text))
            padded.append(blanks + text if to_right else text + blanks)
        return f"| {' | '.join(padded)} |"

    ruler = [("-" * (w - 1) + ":") if to_right else "-" * w for w, to_right in zip(widths, right, strict=True)]
    return "\n".join([line(head), f"| {' | '.join(ruler)} |", *(line(cells) for cells in body)])


def render_markdown(table: Table) -> str:
    """The table as Markdown: heading, table, notes as a list."""
    several = len({column.group for column in table.columns if column.group}) > 1
    head = [escape(table.row_heading)]
    for column in table.columns:
        group = f"{escape(column.group)}<br>" if several and column.group else ""
        head.append(group + escape(column.label))
    body = [
        [escape(row.label), *(render_cell(cell, mark) for cell, mark in zip(row.cells, marks, strict=True))]
        for row, marks in zip(table.rows, table.marks, strict=True)
    ]
    parts = [f"### {escape(table.title)}", grid(head, body, [False, *(column.numeric for column in table.columns)])]
    if table.notes:
        parts.append("\n".join(("- **Warning:** " if n.alarm else "- ") + escape(n.text) for n in table.notes))
    return "\n\n".join(parts) + "\n"
