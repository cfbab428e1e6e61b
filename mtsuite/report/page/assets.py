"""Style sheets and scripts of the pages, which lie as files of their own in ``page/``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TABLE_STYLES, TABLE_SCRIPTS = ("tables.css",), ("tables.js",)
STYLES = (*TABLE_STYLES, "report.css")
# In the order in which they run; each works without the others, but for translations.js, which marks differences.
SCRIPTS = (*TABLE_SCRIPTS, "matrices.js", "navigation.js", "differences.js", "translations.js")


@cache
def styles(names: tuple[str, ...]) -> str:
    """These style sheets, one after the other."""
    return "\n".join(_read(name) for name in names)


@cache
def scripts(names: tuple[str, ...]) -> str:
    """These scripts as one in strict mode."""
    return "\n".join(['"use strict";', *(_read(name) for name in names)])


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").strip()
