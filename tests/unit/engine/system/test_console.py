"""Printing: no text of a stranger breaks it, steers the terminal, or spoils a script's JSON."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table

from engine.system.console import PlainConsole, plain_console, words
from engine.system.printing import encoded, print_json, printable

ROOT = Path(__file__).parents[4]
HOSTILE = ["[/red]", "[bold]x", "[/]", "[link=https://x]a[/link]", ":smile:", "\\[x]", "[", "{task.x}"]


def shown(*things: object, width: int = 80, encoding: str = "utf-8") -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace", newline="")
    PlainConsole(file=out, width=width, markup=False, emoji=False, highlight=False).print(*things)
    out.seek(0)
    return out.read()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_markup(text: str) -> None:
    """In a line, a cell, a heading and a title."""
    table = Table(text, title=text, caption=text)
    table.add_row(text)
    assert shown(text).strip() == text
    assert shown(table).count(text) == 4


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x1b]0;title\x07", "a\rb", "\x9b2J", "\u202egpj", "\ud83d"])
def test_nothing_steers_the_terminal(text: str) -> None:
    """Escapes, control characters of both kinds, turned writing, and halves of characters."""
    table = Table("x")
    table.add_row(text)
    for out in (shown(text), shown(table), shown(words(text)), printable(text)):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", out)


@pytest.mark.parametrize(("width", "encoding"), [(1, "utf-8"), (8, "ascii"), (200, "latin-1")])
def test_any_terminal_will_do(width: int, encoding: str) -> None:
    """A window of one column, and one without Unicode."""
    table = Table("id", "reason", title="Größe …")
    table.add_row("漢字", "é" * 50)
    assert shown(table, "Größe", width=width, encoding=encoding)


def test_json_is_utf_8_and_json_whatever_is_in_it(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Halves of characters, numbers that are none, NumPy's numbers."""
    print_json(
        {"title": "Größe \ud83d", "nan": float("nan"), "n": np.float32(0.5), "rows": [np.int64(3), float("inf")]}
    )
    out = capfdbinary.readouterr().out
    assert out.endswith(b"}\n")
    told = json.loads(out)
    assert told["title"].startswith("Größe ")
    assert (told["nan"], told["n"], told["rows"]) == (None, 0.5, [3, None])
    assert json.loads(encoded([])) == []


def program(*arguments: str, shell: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    told = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", "from thatlook.cli import main; main()", *arguments]
    if shell:
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$@" {shell}', "-", *command], capture_output=True, env=told, check=False
        )
    return subprocess.run(command, capture_output=True, env=told, check=False)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["ingest", "none\x1b[31m.csv", "--json"], 1), (["ingest", "--json"], 2), (["search", "--json"], 2),
     (["nothing", "--json"], 2)],
)  # fmt: skip
def test_a_failure_is_one_json_document_too(tmp_path: Path, arguments: list[str], status: int) -> None:
    """Scripts that asked for JSON get JSON; people get one line without control characters."""
    done = program("--home", str(tmp_path / "home"), *arguments)
    assert done.returncode == status
    assert set(json.loads(done.stdout)["error"]) == {"code", "message"}
    assert b"\x1b" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "1"}])
def test_any_environment_will_do(tmp_path: Path, environment: dict[str, str]) -> None:
    """The help and an error, where the terminal knows no Unicode or is one column wide."""
    done = program("--home", str(tmp_path / "Größe"), "ingest", "Größe.csv", **environment)
    assert done.returncode == 1
    assert b"There is no feed" in done.stderr
    assert program("ingest", "--help", **environment).returncode == 0


@pytest.mark.integration
def test_a_reader_that_goes_away_is_no_error() -> None:
    """`thatlook --help | true` says nothing of a broken pipe."""
    done = program("ingest", "--help", shell="| true")
    assert b"Broken" not in done.stderr
    assert b"Exception" not in done.stderr


def test_every_console_is_the_plain_one() -> None:
    """No other module makes a console, so no text can be markup anywhere."""
    made = [
        str(path)
        for folder in ("engine", "ingest", "api", "models", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"(?<![\w.])Console\(|from_markup|rich\.print", path.read_text("utf-8"))
        and path.name != "console.py"
    ]
    assert made == []
    assert plain_console().stderr


@pytest.mark.integration
@pytest.mark.parametrize("arguments", [["ingest", "none.csv"], ["ingest", "none.csv", "--json"]])
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_failure_of_their_own(tmp_path: Path, arguments: list[str], closed: str) -> None:
    """A caller that closes stdout or stderr gets the status all the same."""
    done = program("--home", str(tmp_path), *arguments, shell=closed)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
