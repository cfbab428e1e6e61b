"""What is bold, what is underlined, and how numbers are written."""

from __future__ import annotations

import pytest

from mtsuite.report.render.table import Cell, Column, Row, Table
from mtsuite.report.render.text import count, fixed, listed, rate, slug
from mtsuite.units import duration


def column(values: list[float | None], better: str | None = "higher", floor: float | None = None) -> list[str]:
    rows = [Row(f"m{i}", f"M{i}", (Cell.of([] if v is None else [v]),)) for i, v in enumerate(values)]
    if floor is not None:
        rows.append(Row("floor", "Floor", (Cell.of([floor]),), ranked=False))
    table = Table("t", "T", (Column("x", "X", better=better),), tuple(rows))  # type: ignore[arg-type]
    return [marks[0] for marks in table.marks]


def test_best_is_bold_and_second_underlined() -> None:
    assert column([1.0, 3.0, 2.0]) == ["", "best", "second"]


def test_lower_is_better() -> None:
    assert column([1.0, 3.0, 2.0], better="lower") == ["best", "", "second"]


def test_numbers_that_print_alike_tie() -> None:
    assert column([23.451, 23.449, 20.0]) == ["best", "best", "second"]


def test_ties_for_the_second_place_are_all_underlined() -> None:
    assert column([3.0, 2.0, 2.0, 1.0]) == ["best", "second", "second", ""]


def test_where_all_are_equal_nothing_is_marked() -> None:
    assert column([2.0, 2.001]) == ["", ""]


def test_a_floor_row_is_never_marked_and_takes_no_place() -> None:
    assert column([1.0, 2.0], floor=9.0) == ["second", "best", ""]


def test_best_of_one_is_not_marked() -> None:
    assert column([1.0, None], floor=0.5) == ["", "", ""]


def test_a_column_without_an_order_is_not_marked() -> None:
    assert column([1.0, 2.0], better=None) == ["", ""]


def test_one_seed_has_no_spread() -> None:
    assert str(Cell.of([23.4])) == "23.40"


def test_several_seeds_show_mean_and_sample_sd() -> None:
    cell = Cell.of([20.0, 22.0, 24.0], symbol="†")
    assert (cell.value, cell.sd) == (22.0, 2.0)
    assert str(cell) == "22.00† ±2.00"


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_no_number_is_a_hole(values: list[float]) -> None:
    assert Cell.of(values).is_hole
    assert str(Cell.of(values)) == "—"


def test_a_row_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="row 'a' has 0 cells for 1 columns"):
        Table("t", "T", (Column("x", "X"),), (Row("a", "A", ()),))


def test_two_columns_with_one_key_are_an_error() -> None:
    with pytest.raises(ValueError, match="same key"):
        Table("t", "T", (Column("x", "X"), Column("x", "Y")), ())


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (512, "512"), (999.4, "999"), (999.6, "1 K"), (1200, "1.2 K"), (24_000, "24 K"), (655_360, "655 K"),
     (1_234_567, "1.23 M"), (45_600_000, "45.6 M"), (7_070_000_000, "7.07 B"), (999_999, "1 M")],
)  # fmt: skip
def test_counts(value: float, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_never_show_a_negative_zero() -> None:
    assert fixed(-0.001) == "0.00"
    assert fixed(-0.001, signed=True) == "0.00"
    assert fixed(1.2, signed=True) == "+1.20"


def test_names() -> None:
    assert slug("COMET (22)") == "comet-22-2a1217be", "other names give other files"
    assert slug("BLEU-paper") == "bleu-paper"
    assert slug("…").startswith("name-")
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert rate(47.31) == "47.3"
    assert rate(5400) == "5.4 K"
