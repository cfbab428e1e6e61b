"""Backward transfer, forward transfer and forgetting against sums done by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.report.tables.continual import Continual, continual

# Three tasks; rows: after stage 1, 2, 3.
SCORES = ((30.0, 8.0, 5.0), (24.0, 28.0, 6.0), (21.0, 29.0, 20.0))
START = (10.0, 9.0, 4.0)


def test_by_hand() -> None:
    found = continual(SCORES, START)
    assert found.start == pytest.approx((10 + 9 + 4) / 3)
    assert found.learned == pytest.approx((30 + 28 + 20) / 3)
    assert found.average == pytest.approx((21 + 29 + 20) / 3)
    assert found.backward == pytest.approx(((21 - 30) + (29 - 28)) / 2)  # -4
    assert found.forward == pytest.approx(((8 - 9) + (6 - 4)) / 2)  # 0.5
    assert found.forgetting == pytest.approx(((30 - 21) + (28 - 29)) / 2)  # 4


def test_forgetting_is_from_the_best_score_and_not_from_the_own_stage() -> None:
    scores = ((30.0, 8.0, 5.0), (34.0, 28.0, 6.0), (21.0, 29.0, 20.0))  # the first task gained at the second stage
    found = continual(scores, START)
    assert found.forgetting == pytest.approx(((34 - 21) + (28 - 29)) / 2)  # 6
    assert found.backward == pytest.approx(-4.0)
    before = continual(((30.0, 40.0), (25.0, 28.0)), (0.0, 0.0))  # a task's score before its own stage counts too
    assert before.forgetting == 5.0


def test_lower_is_better_turns_differences_round() -> None:
    upside = continual([[-x for x in line] for line in SCORES], [-x for x in START], lower_is_better=True)
    plain = continual(SCORES, START)
    assert (upside.backward, upside.forward, upside.forgetting) == pytest.approx((-4.0, 0.5, 4.0))
    assert (upside.start, upside.learned, upside.average) == pytest.approx(
        tuple(-x for x in (plain.start, plain.learned, plain.average))  # type: ignore[operator]
    )


def test_what_is_missing_leaves_its_own_numbers_open() -> None:
    assert continual(((30.0, None), (24.0, 28.0)), (10.0, 9.0)) == Continual(9.5, 29.0, 26.0, -6.0, None, 6.0)
    assert continual(((30.0, 8.0), (24.0, 28.0)), (10.0, None)) == Continual(None, 29.0, 26.0, -6.0, None, 6.0)
    assert continual(((None, 8.0), (24.0, 28.0)), (10.0, 9.0)) == Continual(9.5, None, 26.0, None, -1.0, None)


@pytest.mark.parametrize("scores", [((1.0,),), ((1.0, 2.0),), ((1.0, 2.0), (1.0,))])
def test_only_square_matrices(scores: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="square matrix"):
        continual(scores, scores[0])


@st.composite
def sequences(draw: st.DrawFn) -> tuple[list[list[float]], list[float]]:
    tasks = draw(st.integers(2, 5))
    line = st.lists(st.floats(0, 100), min_size=tasks, max_size=tasks)
    return draw(st.lists(line, min_size=tasks, max_size=tasks)), draw(line)


@given(sequences(), st.floats(-50, 50))
def test_properties(case: tuple[list[list[float]], list[float]], shift: float) -> None:
    scores, start = case
    found = continual(scores, start)
    assert found.backward is not None
    assert found.forgetting is not None
    assert found.forgetting >= -found.backward - 1e-9, "the best earlier score is no less than the own stage's"
    moved = continual([[x + shift for x in line] for line in scores], [x + shift for x in start])
    for name in ("backward", "forward", "forgetting"):
        assert getattr(moved, name) == pytest.approx(getattr(found, name), abs=1e-9), "a constant changes no difference"
