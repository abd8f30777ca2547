"""Stop signals: they end a program in order, and what is to be ignored stays so. Each in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from engine.system.stopping import ENDING

WITHIN = """
import signal, sys
from contextlib import ExitStack
from engine.system.stopping import terminable
number = int(sys.argv[1])
signal.signal(number, signal.Handlers(int(sys.argv[2])))
try:
    with terminable(), ExitStack() as opened:
        opened.callback(print, "closed")
        signal.raise_signal(number)
        print("went on")
finally:
    print(signal.getsignal(number).name)
"""


def run(number: signal.Signals, before: signal.Handlers) -> tuple[int, list[str]]:
    command = [sys.executable, "-c", WITHIN, str(int(number)), str(int(before))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("number", ENDING)
def test_a_stop_signal_closes_what_is_open(number: signal.Signals) -> None:
    """What the block opened is closed; the status says which signal it was; the handler of before is back."""
    assert run(number, signal.SIG_DFL) == (128 + number, ["closed", "SIG_DFL"])


def test_what_is_ignored_stays_ignored() -> None:
    """`nohup thatlook ingest …` goes on when its terminal is closed."""
    assert run(signal.SIGHUP, signal.SIG_IGN) == (0, ["went on", "closed", "SIG_IGN"])
