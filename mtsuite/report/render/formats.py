"""Tables as one text in the formats of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from mtsuite.report.render.document import TABLE_SCRIPTS, TABLE_STYLES, document
from mtsuite.report.render.html_table import render_html
from mtsuite.report.render.latex import render_latex
from mtsuite.report.render.markdown import render_markdown
from mtsuite.report.render.table import Table

FORMATS = ("text", "md", "tex", "csv", "html", "json")


def tables_as(kind: str, title: str, tables: Sequence[Table]) -> str:
    """Markdown, LaTeX or a page that needs no network; ``kind`` is ``md``, ``tex`` or ``html``."""
    if kind == "md":
        return "\n".join(render_markdown(table) for table in tables)
    if kind == "tex":
        return "\n".join(render_latex(table) for table in tables)
    body = "<main>\n" + "\n".join(render_html(table) for table in tables) + "</main>"
    return document(title, body, TABLE_STYLES, TABLE_SCRIPTS)
