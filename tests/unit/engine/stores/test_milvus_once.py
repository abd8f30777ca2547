"""What several calls of one request ask alike is asked once."""

from __future__ import annotations

from threading import Barrier

import pytest

from engine.errors import StoreUnavailable
from engine.retrieval.concurrent import Together
from engine.stores.milvus.once import once, one_request


def test_calls_of_one_request_share_an_answer_and_the_next_request_asks_anew() -> None:
    """Three at the same moment, on threads of their own: one question, one answer; other keys are other questions."""
    asked, together, pool = list[str](), Barrier(3), Together(4, "test")

    def call() -> str:
        together.wait(10)
        return once("rows", lambda: asked.append("rows") or f"answer {len(asked)}")

    for number in (1, 2):
        with one_request(), one_request():
            assert pool.run([call] * 3) == [f"answer {number}"] * 3
            assert once("other", lambda: "another") == "another"
    assert asked == ["rows"] * 2
    pool.close()


def test_without_a_request_each_call_asks() -> None:
    """A worker's reads follow its own writes."""
    answers = iter(range(2))
    assert [once("rows", lambda: next(answers)) for _ in range(2)] == [0, 1]


def test_a_failure_is_everybodys() -> None:
    """Nobody waits for ever, or asks a server again that is down."""

    def fail() -> str:
        raise StoreUnavailable("down")

    with one_request():
        for ask in (fail, lambda: "never asked"):
            with pytest.raises(StoreUnavailable, match="down"):
                once("rows", ask)
