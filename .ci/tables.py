"""Tables of pages, taken from results/: python .ci/tables.py PAGE... writes them anew (`make docs`).

Between `<!-- table: results/table1/tables/bleu.md -->` and `<!-- end of table -->` stands the table of that file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def filled(page: str) -> str:
    """The page with its tables as results/ has them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}{_table(ROOT / found[2])}{found[3]}", page)


def _table(path: Path) -> str:
    """The table without the deviation over seeds, but for the last column's (the average), to fit on a page."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    if not lines:
        raise SystemExit(f"{path}: expected a Markdown table, found none.")
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rows = [[*(re.sub(r" ±[\d.]+$", "", cell) for cell in row[:-1]), row[-1]] for row in rows]
    rule = [cell.endswith(":") for cell in rows[1]]  # right-aligned
    widths = [max(len(row[i]) for j, row in enumerate(rows) if j != 1) for i in range(len(rule))]
    rows[1] = ["-" * (width - right) + ":" * right for width, right in zip(widths, rule, strict=True)]
    aligned = [str.rjust if right else str.ljust for right in rule]
    padded = [[align(*at) for align, *at in zip(aligned, row, widths, strict=True)] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in padded)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
