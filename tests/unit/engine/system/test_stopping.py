"""Stop signals: they end a program in order, and what is to be ignored stays so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from engine.system.stopping import ENDING, terminable


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in ENDING}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_stop_signal_closes_what_is_open(number: signal.Signals) -> None:
    """What the block opened is closed; the status says which signal it was; the handler of before is back."""
    closed: list[bool] = []
    signal.signal(number, signal.SIG_DFL)

    def work() -> None:
        with terminable(), ExitStack() as opened:
            opened.callback(closed.append, True)
            signal.raise_signal(number)

    with pytest.raises(SystemExit) as ended:
        work()
    assert (ended.value.code, closed) == (128 + number, [True])
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_stays_ignored() -> None:
    """`nohup thatlook ingest …` goes on when its terminal is closed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with terminable():
        signal.raise_signal(signal.SIGHUP)
