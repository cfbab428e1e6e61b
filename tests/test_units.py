"""Sizes as text: one unit a size, each the thousandfold of the one before."""

from __future__ import annotations

import pytest

from mtsuite.meter import peak_memory_mb, reset_peak_memory
from mtsuite.units import MEGABYTE, size_text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"), (17, "17 B"), (999, "999 B"), (1000, "1.0 kB"), (9_940, "9.9 kB"), (3_200_000, "3.2 MB"),
        (966e6, "966 MB"), (999.4e6, "999 MB"), (999.6e6, "1.0 GB"), (1e9, "1.0 GB"), (1.5e9, "1.5 GB"),
        (2**30, "1.1 GB"), (113.1e9, "113.1 GB"), (2.5e12, "2.5 TB"),
    ],
)  # fmt: skip
def test_sizes(number: float, text: str) -> None:
    assert size_text(number) == text


def test_the_meter_counts_in_the_same_unit() -> None:
    reset_peak_memory()
    before = peak_memory_mb()
    block = bytearray(200 * MEGABYTE)
    block[::4096] = b"x" * len(block[::4096])  # touched, so that it is there
    after = peak_memory_mb()
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(200, abs=8)  # 191 in units of 2^20 bytes
