"""A complete HTML document around a fragment; its style sheets and scripts are the files of ``static/``."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "static"
TABLE_STYLES, TABLE_SCRIPTS = ("tables.css",), ("tables.js",)
STYLES = (*TABLE_STYLES, "report.css")
# In the order in which they run; each works without the others, but for translations.js, which marks differences.
SCRIPTS = (*TABLE_SCRIPTS, "matrices.js", "navigation.js", "differences.js", "translations.js")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'"


def document(title: str, body: str, style_files: tuple[str, ...], script_files: tuple[str, ...]) -> str:
    """A complete page around a fragment; its policy forbids the browser every request and every other script."""
    script = f"\n{scripts(script_files)}\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY.format(digest)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{styles(style_files)}
</style>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""


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
