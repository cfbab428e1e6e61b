"""The one meaning of the symbols of significance."""

from __future__ import annotations

from pathlib import Path

import pytest

import mtsuite
from mtsuite.report.tables.verdict import symbol


@pytest.mark.parametrize(
    ("delta", "p", "lower", "shown"),
    [(1, 0.01, False, "†"), (-1, 0.01, False, "‡"), (1, 0.01, True, "‡"), (-1, 0.01, True, "†"), (1, 0.05, False, ""),
     (0, 0.01, False, ""), (0, 0.01, True, "")],
)  # fmt: skip
def test_symbol_follows_the_sense_of_the_metric(delta: float, p: float, lower: bool, shown: str) -> None:
    assert symbol(delta, p, 0.05, lower_is_better=lower) == shown


def test_symbols_are_defined_in_one_file() -> None:
    root = Path(mtsuite.__file__).parent
    texts = {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8") for p in root.rglob("*.py")}
    holders = {name for name, text in texts.items() if '"†", "‡"' in text}
    deciders = {name for name, text in texts.items() if "BETTER_SYMBOL if" in text}
    assert holders == deciders == {"report/tables/verdict.py"}
