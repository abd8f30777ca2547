"""A server that does not answer is left alone for a while."""

from __future__ import annotations

import pytest

from engine.errors import StoreUnavailable
from engine.system.breaker import Breaker


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, first_s=1.0, longest_s=4.0, clock=clock)


def allowed(breaker: Breaker) -> bool:
    try:
        breaker.check("The store")
    except StoreUnavailable:
        return False
    return True


def test_single_failures_change_nothing(breaker: Breaker) -> None:
    """Two in a row, an answer, two more: every call goes through."""
    for outcome in (breaker.failed, breaker.failed, breaker.answered, breaker.failed, breaker.failed):
        assert allowed(breaker)
        outcome()
    assert allowed(breaker)


def test_after_three_in_a_row_one_call_at_a_time_tries(breaker: Breaker, clock: Clock) -> None:
    """Refused at once for a second; then one goes through, and beside it nobody."""
    for _ in range(3):
        breaker.failed()
    assert not allowed(breaker)
    clock.now += 1.0
    assert [allowed(breaker) for _ in range(3)] == [True, False, False]


def test_the_time_between_tries_doubles_up_to_a_limit(breaker: Breaker, clock: Clock) -> None:
    """1, 2, 4, 4 seconds."""
    for _ in range(3):
        breaker.failed()
    waits = []
    for _ in range(4):
        began = clock.now
        while not allowed(breaker):
            clock.now += 0.5
        waits.append(clock.now - began)
        breaker.failed()
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_an_answer_closes_it(breaker: Breaker, clock: Clock) -> None:
    """Everybody is let through again, and the next outage begins with the short wait."""
    for _ in range(5):
        breaker.failed()
    clock.now += 10
    assert allowed(breaker)
    breaker.answered()
    assert all(allowed(breaker) for _ in range(5))
    for _ in range(3):
        breaker.failed()
    clock.now += 1.0
    assert allowed(breaker)


def test_a_try_that_never_comes_back_does_not_keep_it_open_for_ever(breaker: Breaker, clock: Clock) -> None:
    """A caller that tried and was ended before its call was: another one tries later."""
    for _ in range(3):
        breaker.failed()
    clock.now += 1.0
    assert allowed(breaker)
    clock.now += 4.0
    assert allowed(breaker)
