"""Where the console program starts, and where it has ended."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

from thatlook.own_packages import prefer_own_packages


def main() -> None:
    """Run `thatlook` with its own packages, whatever the present folder holds."""
    try:
        prefer_own_packages()
        from thatlook.cli import main as run

        run()
    except KeyboardInterrupt:  # While it starts, or a second one while it ends.
        with suppress(OSError, AttributeError):
            sys.stderr.write("thatlook: stopped.\n")
        sys.exit(130)
    finally:
        _end_at_once()


def _end_at_once() -> None:
    """From here on Ctrl-C ends the process without a word: there is nothing left to be put in order."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
