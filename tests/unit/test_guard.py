"""No test writes outside temporary folders and the repository's ignored outputs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guard.writes import LOG, REPOSITORY, Guard, WroteOutside, real_path

ELSEWHERE = Path(sys.prefix) / "never-written-by-a-test"
REFUSED = Path(os.environ[LOG])
OWN = REPOSITORY / "tests" / "never-written-by-a-test"

WAYS: dict[str, Callable[[Path, Path], object]] = {
    "open": lambda path, _: path.open("w"),
    "append": lambda path, _: path.open("ab"),
    "os.open": lambda path, _: os.open(path, os.O_CREAT | os.O_RDWR),
    "mkdir": lambda path, _: path.mkdir(),
    "makedirs": lambda path, _: (path / "a" / "b").mkdir(parents=True),
    "rename to": lambda path, mine: mine.rename(path),
    "rename from": lambda path, mine: path.rename(mine),
    "replace": lambda path, mine: mine.replace(path),
    "copy": lambda path, mine: shutil.copy(mine, path),
    "move": lambda path, mine: shutil.move(mine, path),
    "remove": lambda path, _: path.unlink(),
    "rmdir": lambda path, _: path.rmdir(),
    "symlink": lambda path, mine: path.symlink_to(mine),
    "hard link": lambda path, mine: path.hardlink_to(mine),
    "truncate": lambda path, _: os.truncate(path, 0),
    "chmod": lambda path, _: path.chmod(0o600),
    "utime": lambda path, _: os.utime(path),
    "sqlite": lambda path, _: sqlite3.connect(path),
    "through a link": lambda path, mine: _link(mine.with_name("way"), path).write_text("x"),
    "through a linked folder": lambda path, mine: (_link(mine.with_name("way"), path.parent) / path.name).write_text(
        "x"
    ),
    "beside a folder": lambda path, _: os.mkdir(path.name, dir_fd=os.open(path.parent, os.O_RDONLY)),
}


def _link(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    return link


@pytest.mark.parametrize("place", [ELSEWHERE, OWN], ids=["machine", "sources"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_elsewhere_is_refused(way: str, place: Path, tmp_path: Path) -> None:
    """The write raises before anything happens, and is noted for the end of the test."""
    mine = tmp_path / "mine"
    mine.write_text("x")
    with pytest.raises(WroteOutside, match="use tmp_path"):
        WAYS[way](place, mine)
    assert not place.exists()
    assert place.name in REFUSED.read_text()
    REFUSED.unlink()


def test_a_program_that_a_test_starts_is_guarded_too() -> None:
    """A child that swallows the refusal still leaves it noted."""
    child = "import sys\ntry: open(sys.argv[1], 'w')\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", child, ELSEWHERE], check=True)
    assert not ELSEWHERE.exists()
    assert str(ELSEWHERE) in REFUSED.read_text()
    REFUSED.unlink()


@pytest.mark.integration
def test_a_test_that_swallows_the_refusal_fails(pytester: pytest.Pytester) -> None:
    """The guard's note fails the test that wrote, and only that one."""
    pytester.makepyfile(
        "import contextlib\nfrom pathlib import Path\n"
        "def test_bad():\n"
        f"    with contextlib.suppress(OSError): Path({str(ELSEWHERE)!r}).write_text('x')\n"
        "def test_good(tmp_path):\n    (tmp_path / 'a').write_text('x')\n"
    )
    pytester.runpytest_subprocess("-p", "tests.fixtures.writes").assert_outcomes(passed=2, errors=1)


def test_what_tests_may_write(tmp_path: Path) -> None:
    """Temporary folders, devices, byte code and ignored outputs; not the sources, wherever the repository lies."""
    guard = Guard((str(tmp_path),), repository=tmp_path / "repository")
    assert guard.allows(str(tmp_path / "a"))
    assert guard.allows("/dev/null")
    assert guard.allows(str(tmp_path / "repository/.cache/x"))
    assert guard.allows(str(tmp_path / "repository/.coverage.host.123"))
    assert guard.allows(str(tmp_path / "repository/engine/__pycache__/x.pyc"))
    assert not guard.allows(str(tmp_path / "repository/engine/x.py"))
    assert not guard.allows(str(tmp_path / "repository"))
    assert not guard.allows("/etc/passwd")
    assert not guard.allows(str(tmp_path) + "-other/x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert not guard.allows(real_path(str(tmp_path / "link")))
    assert guard.allows(real_path(str(tmp_path / "link"), follow=False))
