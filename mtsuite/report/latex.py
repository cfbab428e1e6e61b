"""A table in LaTeX with booktabs: paste it in and it compiles.

It needs ``\\usepackage{booktabs,graphicx}``; symbols such as † and ± are written as commands.
Text in other scripts passes through unchanged and wants XeLaTeX or LuaLaTeX.
"""

from __future__ import annotations

from mtsuite.report.table import Cell, Mark, Table
from mtsuite.report.text import one_line

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "|": r"\textbar{}\allowbreak{}",  # signatures are long and have no blanks
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
    "±": r"$\pm$",
    "−": "$-$",
    "—": "---",
    "–": "--",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "Δ": r"$\Delta$",
    "α": r"$\alpha$",
    "ε": r"$\epsilon$",
    "λ": r"$\lambda$",
    "τ": r"$\tau$",
    "σ": r"$\sigma$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
}
# In OT1, the font encoding of a bare \documentclass{article}, \textquotedbl does not exist.
_COMMANDS['"'] = "''"


def escape(text: str) -> str:
    """Plain text that LaTeX prints as it is, on one line."""
    return "".join(_COMMANDS.get(character, character) for character in one_line(text))


def render_cell(cell: Cell, mark: Mark) -> str:
    """One cell; only the number itself is bold or underlined, not its † or ±."""
    text = escape(cell.text)
    if text.startswith("-") and not cell.is_hole:
        text = f"$-${text[1:]}"
    if mark == "best":
        text = rf"\textbf{{{text}}}"
    elif mark == "second":
        text = rf"\underline{{{text}}}"
    spread = rf" {{\scriptsize$\pm${escape(cell.sd_text)}}}" if cell.sd_text else ""
    return text + escape(cell.symbol) + spread


def render_latex(table: Table) -> str:
    """A ``table`` environment with caption, booktabs rules and the notes in a small block below."""
    align = "l" + "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table}[htbp]",
        r"\centering",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(table.title)}}}",
        rf"\label{{tab:{table.name}}}",
        # Only a table wider than the text is scaled down.
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"\toprule",
    ]
    if table.has_groups:
        spanners, rules = [""], []
        for heading, start, length in table.groups:
            spanners.append(rf"\multicolumn{{{length}}}{{c}}{{{escape(heading)}}}" if heading else " &" * (length - 1))
            if heading:
                rules.append(rf"\cmidrule(lr){{{start + 2}-{start + 1 + length}}}")
        lines += [" & ".join(spanners) + r" \\", " ".join(rules)]
    labels = [table.row_heading, *(column.label for column in table.columns)]
    lines += [" & ".join(map(escape, labels)) + r" \\", r"\midrule"]
    for index, (row, marks) in enumerate(zip(table.rows, table.marks, strict=True)):
        if row.rule_above and index:
            lines.append(r"\midrule")
        cells = [render_cell(cell, mark) for cell, mark in zip(row.cells, marks, strict=True)]
        # A row that starts with a bracket would be read as the optional argument of the \\ before it.
        label = escape(row.label)
        lines.append(" & ".join([f"{{{label}}}" if label.startswith(("[", "*")) else label, *cells]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}"]
    if table.notes:
        lines += ["", r"\vspace{4pt}", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"]
        for n in table.notes:
            text = escape(n.text)
            lines.append((rf"\textbf{{Warning:}} {text}" if n.alarm else text) + r"\par")
        lines.append(r"\end{minipage}")
    lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"
