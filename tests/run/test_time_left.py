"""How long a run still takes, on a clock that goes when told."""

from __future__ import annotations

import pytest

from mtsuite.run.time_left import TimeLeft

from .conftest import job

A, B = job("train a", cost=30.0, n=1), job("train b", cost=10.0, n=2)
BASE = job("base", kind="base", cost=10.0)
SAY = [job(f"translate {n}", kind="translate", cost=2.0, n=n) for n in range(10)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_follows_the_costs(clock: Clock) -> None:
    left = TimeLeft([A, B], clock)
    assert left.seconds() is None
    left.start(A)
    assert left.seconds() is None
    clock.now += 2
    left.advance(A, {"step": 1, "total": 30})
    assert left.seconds() is None, "one of 40 is too little to tell"
    clock.now += 4
    left.advance(A, {"step": 1, "total": 10})  # 3 of 40 in 6 s
    assert left.seconds() == pytest.approx(74)
    assert left.done == 3
    clock.now += 14
    left.settle(A)  # 30 of 40 in 20 s
    assert left.seconds() == pytest.approx(20 / 3)


def test_a_slow_kind_does_not_slow_the_others(clock: Clock) -> None:
    left = TimeLeft([BASE, A, B], clock)
    left.start(BASE)
    clock.now += 100
    left.settle(BASE)  # ten times what it was to cost, and nothing else is known
    assert left.seconds() == pytest.approx(400)
    left.start(A)
    clock.now += 15
    left.advance(A, {"step": 50, "total": 100})  # as fast as it was to be
    assert left.seconds() == pytest.approx(15 + 10)


def test_jobs_side_by_side_share_the_time(clock: Clock) -> None:
    """Two at a time: a training of cost 10 takes 20 s, 10 s of the clock; a translation of cost 2 half a second."""
    trains = [job(f"train {n}", cost=10.0, n=n) for n in range(4)]
    left = TimeLeft([*trains, *SAY], clock)
    for one, other in (trains[:2], trains[2:]):
        left.start(one)
        left.start(other)
        clock.now += 20
        left.settle(one)
        left.settle(other)
    assert left.seconds() == pytest.approx(20), "twenty of cost at the speed of the trainings"
    left.start(SAY[0])
    left.start(SAY[1])
    clock.now += 1
    left.settle(SAY[0])
    left.settle(SAY[1])
    assert left.seconds() == pytest.approx(8 * 0.5)


def test_what_failed_or_was_skipped_took_no_time_of_others(clock: Clock) -> None:
    left = TimeLeft([A, B, *SAY], clock)
    left.start(B)
    clock.now += 10
    left.settle(B)
    left.start(A)
    left.drop(A)  # at once
    for one in SAY[:5]:
        left.drop(one)
    assert left.seconds() == pytest.approx(10), "ten of cost, a second each"
    assert left.done == 50


def test_time_in_which_nothing_runs_counts_for_nothing(clock: Clock) -> None:
    left = TimeLeft([A, B], clock)
    clock.now += 1000
    left.start(A)
    clock.now += 30
    left.settle(A)
    clock.now += 1000
    assert left.seconds() == pytest.approx(10)


def test_a_job_that_stopped_begins_again(clock: Clock) -> None:
    left = TimeLeft([A], clock)
    left.start(A)
    clock.now += 15
    left.advance(A, {"step": 1, "total": 2})
    left.stop(A)
    assert left.done == 0
    left.start(A)
    clock.now += 30
    left.advance(A, {"step": 1, "total": 1})
    assert left.seconds() == 0


def test_steps_that_a_checkpoint_restored_say_nothing_about_speed(clock: Clock) -> None:
    left = TimeLeft([A, B], clock)
    left.start(A)
    clock.now += 1
    left.advance(A, {"step": 20, "total": 30, "restored": 20})
    assert left.seconds() is None, "nothing was worked off in this run"
    clock.now += 9
    left.advance(A, {"step": 25, "total": 30})  # 5 of the 20 that are left, in 10 s
    assert left.done == 25
    assert left.seconds() == pytest.approx(30)
    clock.now += 10
    left.settle(A)  # 10 in 20 s
    assert left.seconds() == pytest.approx(20)


def test_a_job_that_starts_again_and_fails_after_a_restore(clock: Clock) -> None:
    left = TimeLeft([A, B], clock)
    left.start(A)
    left.advance(A, {"step": 15, "total": 30, "restored": 15})
    left.stop(A)
    left.start(A)
    clock.now += 6
    left.advance(A, {"step": 3, "total": 30})
    assert left.seconds() == pytest.approx(74), "begun anew, nothing is restored"
    left.advance(A, {"step": 15, "total": 30, "restored": 15})
    left.drop(A)
    assert left.seconds() is None, "all that was done was restored"
