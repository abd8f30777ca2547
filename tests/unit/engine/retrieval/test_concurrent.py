"""Several questions at once, with the request's deadline."""

from __future__ import annotations

from functools import partial
from threading import Barrier

import pytest

from engine.retrieval.concurrent import Together, together
from engine.system.clock import Deadline, Stopwatch, time_left_s


def test_calls_run_at_the_same_time_and_answer_in_order() -> None:
    """Three calls that wait for each other come back; one after the other they never would."""
    meeting, pool = Barrier(3, timeout=20), Together(2, "test")

    def met(number: int) -> int:
        meeting.wait()
        return number

    assert pool.run([partial(met, number) for number in range(3)]) == [0, 1, 2]
    pool.close()


def test_nested_calls_never_wait_for_each_other_s_threads() -> None:
    """Four calls with four calls each, three deep, on a single thread."""
    pool = Together(1, "test")

    def count(depth: int) -> int:
        return 1 if depth == 0 else sum(pool.run([partial(count, depth - 1)] * 4))

    assert count(3) == 64
    pool.close()


def test_the_first_error_is_raised() -> None:
    """Whichever thread it came from."""
    pool = Together(2, "test")
    with pytest.raises(ZeroDivisionError):
        pool.run([lambda: 1.0, lambda: 1 / 0, lambda: 2.0])
    pool.close()


def test_threads_know_how_much_time_the_request_has_left() -> None:
    """Inside a stage of a request with a deadline; outside there is none."""
    pool, watch = Together(2, "test"), Stopwatch(Deadline.within(60))
    assert time_left_s() is None
    with watch.stage("candidates"):
        left = pool.run([time_left_s] * 3)
    assert all(seconds is not None and 50 < seconds <= 60 for seconds in left)
    assert time_left_s() is None
    pool.close()


def test_a_store_in_this_process_is_asked_one_after_the_other() -> None:
    """Its limit is the processor."""
    order: list[int] = []
    assert together(object(), [partial(order.append, number) for number in range(4)]) == [None] * 4
    assert order == [0, 1, 2, 3]


def test_stages_side_by_side_are_shares_of_the_time_that_passed() -> None:
    """Two threads that each spent a long second on candidates do not make two seconds of an answer."""
    watch, parts = Stopwatch(), [Stopwatch(), Stopwatch()]
    with watch.side_by_side(parts):
        for part in parts:
            part._ms.update(candidates=60_000.0, rescore=20_000.0)
    timing = watch.timing_ms()
    assert timing["total"] < 10_000
    assert timing["candidates"] == pytest.approx(3 * timing["rescore"], abs=0.01)
