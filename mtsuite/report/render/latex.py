"""A table in LaTeX with booktabs: paste it in and it compiles.

It needs ``\\usepackage{booktabs,graphicx}``; symbols such as † and ± are written as commands, so that pdfLaTeX prints
them in any font encoding.  It cannot print other scripts: there a name in Chinese stands as its code points, [U+4E2D],
while XeLaTeX and LuaLaTeX get the characters themselves (the document chooses a font that has them).
"""

from __future__ import annotations

import re
import unicodedata

from mtsuite.report.render.table import Cell, Mark, Table
from mtsuite.report.render.text import one_line

_WIDE = 8  # columns
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
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "η": r"$\eta$",
    "θ": r"$\theta$",
    "κ": r"$\kappa$",
    "μ": r"$\mu$",
    "µ": r"$\mu$",
    "π": r"$\pi$",
    "ρ": r"$\rho$",
    "φ": r"$\phi$",
    "ω": r"$\omega$",
    "«": r"$\ll$",
    "»": r"$\gg$",
    "„": ",,",
    "•": r"$\bullet$",
    "∞": r"$\infty$",
    "\u00a0": "~",
    "\u00ad": r"\-",
    "\u2010": "-",
    "\u2011": "-",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
}
# In OT1, the font encoding of a bare \documentclass{article}, \textquotedbl does not exist.
_COMMANDS['"'] = "''"


# Letters that pdfLaTeX prints in its default encoding (tried with TeX Live 2022), less those that want T1.
_PRINTED = "!-~¡-ſ"
_NOT_IN_OT1 = "ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ"
_OTHER = re.compile(rf"(?:[^\s{_PRINTED}]|[{_NOT_IN_OT1}])(?:\s*(?:[^\s{_PRINTED}]|[{_NOT_IN_OT1}]))*")
_PIECES = re.compile(rf"({'|'.join(map(re.escape, _COMMANDS))})")


def escape(text: str) -> str:
    """Plain text that LaTeX prints as it is, on one line."""
    plain = "".join(c for c in one_line(text) if unicodedata.category(c) not in {"Cc", "Cs"})
    pieces = _PIECES.split(plain)
    return "".join(_COMMANDS.get(piece) or _OTHER.sub(_other_script, piece) for piece in pieces)


def _other_script(match: re.Match[str]) -> str:
    """Characters for engines that know all of Unicode (those that have \\Umathcode), code points for pdfLaTeX."""
    text = match.group()
    visible = [c for c in text if not c.isspace() and unicodedata.category(c) != "Cf"]
    points = " ".join(f"U+{ord(c):04X}" for c in visible)
    return rf"{{\ifdefined\Umathcode {text}\else [{points}]\fi}}"


def _header(table: Table) -> list[str]:
    """Comments on how the file is used."""
    lines = [
        rf"% \input{{{table.name}.tex}} it, or paste it in; needs \usepackage{{booktabs,graphicx}} in the preamble.",
    ]
    if len(table.columns) >= _WIDE:
        lines += [
            r"% It is wide and is scaled down to the text's width. In two columns write table* for table; for a page",
            r"% on its side, \usepackage{rotating} and sidewaystable for table.",
        ]
    texts = [table.title, *(n.text for n in table.notes), *(row.label for row in table.rows)]
    if any(r"\ifdefined" in escape(text) for text in texts):
        lines += [
            r"% Some text is in a script that pdfLaTeX cannot print (it shows code points): use XeLaTeX or LuaLaTeX",
            r"% with \usepackage{fontspec} and a font that has it.",
        ]
    return lines


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
        *_header(table),
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
