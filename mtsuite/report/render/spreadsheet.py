"""Text in CSV files that a spreadsheet would take for a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_FORMULA = re.compile(r"\s*(?:[=@]|[+-].)|[\t\r]")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")


def safe(value: Any) -> Any:
    """A field as it is, or with an apostrophe before it where a spreadsheet would run it.

    Numbers stay what they are, with their signs, and so does the empty field; an apostrophe is what spreadsheets
    themselves put before text that looks like a formula (and they do not show it).
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def safe_row(values: Iterable[Any]) -> list[Any]:
    """A row of fields, each ``safe``."""
    return [safe(value) for value in values]


def safe_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row by column, each field ``safe``."""
    return {key: safe(value) for key, value in row.items()}
