"""What the system refuses, in words; and a program that is stopped while it starts."""

from __future__ import annotations

import errno
import signal

import pytest

from engine.system.refusals import system_words
from thatlook import cli, program


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the output cannot be read or written: the disk is full; "),
        (OSError(errno.ENOSPC, "No space", "/srv/x"), "/srv/x cannot be read or written: the disk is full; "),
        (OSError(errno.EMFILE, "Too many", b"/srv/x"), "/srv/x cannot be read or written: no more files may be open"),
        (PermissionError(errno.EACCES, "Denied", "/srv/x"), "/srv/x cannot be read or written: this user has no "),
        (MemoryError(), "there is not enough memory."),
        (RuntimeError("can't start new thread"), "no more threads may be begun (`ulimit -u`)."),
        (RuntimeError("Check failed at x.cpp:7:\nResource temporarily unavailable"), "no more threads may be begun"),
    ],
)
def test_what_to_do_is_told(error: BaseException, told: str) -> None:
    """Which file, and what is in the way."""
    assert (system_words(error) or "").startswith(told)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError("x"), FileNotFoundError(2, "x", "y")])
def test_defects_of_ours_are_not_the_systems(error: BaseException) -> None:
    """They are told as unexpected, with where to look."""
    assert system_words(error) is None


def test_stopped_while_it_starts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C before a command is there to hear it is one line, and afterwards none."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli, "main", interrupted)
    try:
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert signal.getsignal(signal.SIGINT) is (signal.SIG_DFL if before is signal.default_int_handler else before)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "thatlook: stopped.\n"


def test_the_limit_of_open_files_is_the_systems() -> None:
    """A soft limit of 256, as on a Mac, is raised for the program and what it starts."""
    resource = pytest.importorskip("resource")
    from engine.system.open_files import allow_more_open_files, most_open_files

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allow_more_open_files()
        assert most_open_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert most_open_files() == min(hard, 65_536) or hard == resource.RLIM_INFINITY
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
