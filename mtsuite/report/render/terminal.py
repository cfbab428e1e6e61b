"""A table in the terminal, through rich.

A table wider than the window is cut into blocks of columns, each with the methods' names again:
a number is never broken over two lines.  Colour says nothing that bold, underline or words do not,
so ``NO_COLOR`` loses nothing.
"""

from __future__ import annotations

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from mtsuite.report.render.table import Cell, Mark, Table

_PADDING = 3  # blanks between columns


def render_cell(cell: Cell, mark: Mark, dim: bool = False) -> Text:
    """One cell; only the number itself is bold or underlined, not its † or ±."""
    style = {"best": "bold", "second": "underline", "": ""}[mark]
    # The style belongs to the number alone: as the style of the whole Text, rich would underline the padding too.
    joined = Text(end="")
    joined.append(cell.text, style="dim" if cell.is_hole or dim else style).append(cell.symbol)
    if cell.sd_text:
        joined.append(f" ±{cell.sd_text}", style="dim")
    return joined


def _several_groups(table: Table) -> bool:
    """A single group (one test set) stands in the title already and would only widen the first column."""
    return len({column.group for column in table.columns if column.group}) > 1


def _blocks(table: Table, width: int) -> list[list[int]]:
    """Columns for each block, so that a block fits in ``width`` characters where a column fits at all."""
    first = max(cell_len(text) for text in [table.row_heading, *(row.label for row in table.rows)])
    several = _several_groups(table)
    blocks: list[list[int]] = []
    used = 0
    for index, column in enumerate(table.columns):
        texts = [column.label, *([column.group] if several else []), *(str(row.cells[index]) for row in table.rows)]
        need = _PADDING + max(cell_len(text) for text in texts)
        if not blocks or used + need > width:
            blocks.append([])
            used = first
        blocks[-1].append(index)
        used += need
    return blocks


def _block(table: Table, columns: list[int]) -> RichTable:
    grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="none")
    groups = _several_groups(table)
    grid.add_column(Text(f"\n{table.row_heading}" if groups else table.row_heading), no_wrap=True)
    previous = ""
    for index in columns:
        column = table.columns[index]
        # The heading of a group stands over its first column only; rich has no spanning cells.
        head = column.group if column.group != previous else ""
        previous = column.group
        label = Text(f"{head}\n{column.label}" if groups else column.label)
        grid.add_column(label, justify="right" if column.numeric else "left", no_wrap=True)
    for position, (row, marks) in enumerate(zip(table.rows, table.marks, strict=True)):
        if row.rule_above and position:
            grid.add_section()
        cells = [render_cell(row.cells[i], marks[i], dim=not row.ranked) for i in columns]
        grid.add_row(Text(row.label, style="" if row.ranked else "dim"), *cells)
    return grid


def render_terminal(table: Table, width: int = 100) -> RenderableType:
    """Title, table (in blocks if need be) and notes, for ``Console.print``."""
    parts: list[RenderableType] = [Text(table.title, style="bold"), Text("")]
    blocks = _blocks(table, width)
    for position, columns in enumerate(blocks):
        if position:
            parts.append(Text(""))
        parts.append(_block(table, columns))
    if table.notes:
        parts.append(Text(""))
    for n in table.notes:
        parts.append(Text(f"WARNING: {n.text}", style="bold red") if n.alarm else Text(n.text, style="dim"))
    return Group(*parts)


def print_table(table: Table, console: Console) -> None:
    """Print to a console, as wide as it is."""
    console.print(render_terminal(table, console.width))
