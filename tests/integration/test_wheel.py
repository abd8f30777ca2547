"""The wheel as somebody gets it: built, installed in an environment of its own, used from a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = """
import thatlook


def titles(photo: bytes) -> list[str]:
    with thatlook.Client("http://127.0.0.1:8080") as shop:
        answer = shop.search_image(photo, text="in navy", k=5)
        reveal_type(shop)
        reveal_type(answer.garments[0].hits)
        price: float | None = answer.garments[0].hits[0].price
        shop.search_image(photo, colour="navy")  # There is no such option.
        number: int = answer.garments[0].hits[0].title  # It is a string.
        return [hit.title for garment in answer.garments for hit in garment.hits]
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program without this checkout on its path."""
    told = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=told | environment, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with what is installed here: no network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    done = run(*pip, "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index", "-w", folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("thatlook-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel; the packages it needs are borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    assert run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder).returncode == 0
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    done = run(*pip, "install", "-q", "--no-deps", "--no-index", "--no-compile", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's project, whose names are ours too."""
    (tmp_path / "models.py").write_text("raise RuntimeError('the wrong models')\n")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__init__.py").write_text("raise RuntimeError('the wrong api')\n")
    return tmp_path


def test_metadata_names_no_place_and_no_training(wheel: Path) -> None:
    """Whoever installs it needs nothing of the machine that built it; what is only for a checkout stays out."""
    with ZipFile(wheel) as files:
        (name,) = [each for each in files.namelist() if each.endswith("/METADATA")]
        metadata = Parser().parsestr(files.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    assert len(requirements) > 20
    assert [line for line in requirements if "@" in line or "file:" in line] == []
    assert sorted(metadata.get_all("Provides-Extra") or []) == ["mcp", "otel", "ray", "redis"]
    assert [line for line in requirements if line.partition(" ")[0].startswith(("torch", "ultralytics", "mm"))] == []
    assert str(ROOT) not in metadata.as_string()


@pytest.mark.parametrize("shadowing", [False, True], ids=["in the project's folder", "with the project on the path"])
def test_the_program_works_beside_foreign_packages(python: Path, project: Path, shadowing: bool) -> None:
    """Demo and search, where a project of the same names lies in the present folder or comes first on the path."""
    program, home = python.with_name("thatlook"), project / "home"
    path = {"PYTHONPATH": str(project)} if shadowing else {}
    if shadowing:  # The demo has been seen; that the modules are ours is enough.
        assert run(program, "--home", home, "models", "list", "--json", cwd=project, **path).returncode == 0
        assert run(python, "-m", "thatlook", "doctor", "--json", cwd=project, **path).stdout.startswith("[")
        return
    shown = run(program, "--home", home, "demo", "--check", "--products", "20", cwd=project)
    assert shown.returncode == 0, shown.stderr
    done = run(program, "--home", home / "demo", "search", home / "demo" / "look.jpg", "--json", cwd=project)
    assert done.returncode == 0, done.stderr
    assert any(garment["hits"] for garment in json.loads(done.stdout)["garments"])


def test_the_library_beside_foreign_packages(python: Path, project: Path) -> None:
    """The client imports; the embedded engine says what stands in its way."""
    names = run(python, "-c", "import thatlook; print(thatlook.__all__)", cwd=project)
    assert "'Client'" in names.stdout, names.stderr
    code = "import thatlook\ntry:\n    thatlook.open('home')\nexcept ImportError as error:\n    print(error)"
    refused = run(python, "-c", code, cwd=project)
    assert refused.returncode == 0, refused.stderr
    assert "models.py stands in the way of thatlook's own package 'models'" in refused.stdout


def test_a_typed_consumer_sees_real_types(python: Path, tmp_path: Path) -> None:
    """mypy in strict mode over a few lines of somebody else's: right uses pass, wrong ones do not."""
    (tmp_path / "consumer.py").write_text(CONSUMER)
    mypy = (sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--python-executable", python)
    done = run(*mypy, "consumer.py", cwd=tmp_path)
    wrong = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(wrong) == 2, done.stdout
    assert "colour" in wrong[0]
    assert "Incompatible types in assignment" in wrong[1]
    assert 'Revealed type is "thatlook.client.Client"' in done.stdout
    assert "engine.forms.answers.HitForm" in done.stdout
