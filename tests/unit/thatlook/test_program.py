"""The console program: what its help costs, and what it says where a package is missing or another's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from thatlook.cli import COMMANDS, SUMMARIES
from thatlook.missing import import_advice
from thatlook.own_packages import ROOT

HELP = """
import sys
from thatlook.program import main
sys.argv = ["thatlook", "--help"]
try:
    main()
finally:
    print(*(name for name in sys.modules if "commands" in name or name in {"cv2", "openvino", "litestar", "torch"}))
"""


def python(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_imports_no_command(tmp_path: Path) -> None:
    """Every command with what it does, and neither its module nor any heavy library."""
    done = python(HELP, tmp_path, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    *shown, imported = done.stdout.splitlines()
    assert imported == ""
    for name in COMMANDS:
        assert any(line.split()[:1] == [name] and SUMMARIES[name] in line for line in shown)


def test_every_summary_is_of_a_command() -> None:
    assert list(SUMMARIES) == list(COMMANDS)


@pytest.mark.parametrize("name", ["engine", "models", "ingest", "api"])
def test_a_project_of_the_same_names_is_left_aside(tmp_path: Path, name: str) -> None:
    """First on the path, as a module or as a folder: the program's own packages are taken."""
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('not ours')\n")
    prefer = "from thatlook.own_packages import prefer_own_packages; prefer_own_packages()"
    code = f"{prefer}; import {name}; print({name}.__file__)"
    done = python(code, tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.stdout.strip() == str(ROOT / name / "__init__.py"), done.stderr


def test_the_library_names_a_foreign_engine(tmp_path: Path) -> None:
    """It imports, and whoever uses it is told which folder is in the way; the program itself does without a word."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    path = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    code = "import thatlook\ntry:\n    thatlook.Client\nexcept ImportError as error:\n    print(error)"
    done = python(code, tmp_path, **path)
    assert f"{tmp_path / 'engine' / '__init__.py'} stands in the way of thatlook's own package 'engine'" in done.stdout
    shown = python("from thatlook.program import main; import sys; sys.argv[1:] = ['--help']; main()", tmp_path, **path)
    assert "Search" in shown.stdout or "search" in shown.stdout, shown.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "requirements/test.txt"),
        (ModuleNotFoundError("No module named 'onnx.helper'", name="onnx.helper"), "'onnx', which training"),
        (ModuleNotFoundError("No module named 'rapidfuzz'", name="rapidfuzz"), "'rapidfuzz' is not installed"),
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), "libGL.so.1"),
        (ImportError("cannot import name 'x'"), "cannot import name 'x'"),
    ],
)
def test_a_failed_import_says_what_is_missing(error: ImportError, said: str) -> None:
    """The package, and advice that works; never more than one sentence on what happened."""
    advice = import_advice(error)
    assert said in advice
    assert "thatlook[train]" not in advice


def test_a_package_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, so that its owner knows which."""
    (tmp_path / "ingest.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ingest", raising=False)
    assert str(tmp_path / "ingest.py") in import_advice(ModuleNotFoundError("No …", name="ingest.pipeline"))
