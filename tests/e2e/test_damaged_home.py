"""A damaged home through the program: never an empty answer with status 0, and the doctor beside a running server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from models.studio.output.feed import write_catalogue
from tests.fixtures.program import PROGRAM, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile


def thatlook(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--home", str(home), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment(home), check=False)


def doctor(home: Path, *arguments: str) -> tuple[int, dict[str, str]]:
    """Its status, and what it finds unwell by part."""
    done = thatlook(home, "doctor", *arguments, "--json")
    return done.returncode, {each["part"]: each["detail"] for each in json.loads(done.stdout) if not each["well"]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("shop"), 8, seed=3, size=(120, 160))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_tiny_profile(home / "models" / "tiny")
    done = thatlook(home, "ingest", shop, "--json")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(tmp_path: Path, kept: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "home"))


def products(home: Path) -> list[Any]:
    done = thatlook(home, "search", "--text", "red dress", "--json")
    assert done.returncode == 0, done.stderr
    return [(hit["product_id"], hit["title"]) for group in json.loads(done.stdout)["garments"] for hit in group["hits"]]


def test_lost_rows_are_refused_found_and_mended(home: Path, shop: Path) -> None:
    """`records.db` deleted: everything fails and says what to do; --repair brings the same answers back."""
    right = products(home)
    assert right
    shutil.rmtree(home / "vectors" / "records.db")
    for arguments in (("search", "--text", "red dress", "--json"), ("ingest", shop, "--json")):
        done = thatlook(home, *arguments)
        assert done.returncode == 1
        assert "doctor --repair" in done.stderr
    status, found = doctor(home)
    assert status == 1
    assert "stored rows are damaged" in found["vectors"]
    assert doctor(home, "--repair") == (0, {})
    assert products(home) == right


def test_the_doctor_asks_a_server_that_holds_the_home(home: Path, tmp_path: Path) -> None:
    """All is well; then a file is damaged behind its back, and the server itself finds it and goes on rightly."""
    server = start(home, tmp_path / "log")
    try:
        asked = {"text": ["red dress"], "k": 8}
        right = server.client.post("/v1/search/text", json=asked).json()
        assert doctor(home) == (0, {})
        (vectors,) = (home / "vectors" / "index").glob("upper_wear_visual/*/vectors.f32")
        vectors.unlink()
        status, found = doctor(home)
        assert status == 1
        assert "vectors.f32 is missing or damaged" in found["server"]
        again = server.client.post("/v1/search/text", json=asked).json()
        assert again["garments"] == right["garments"]
        assert server.client.get("/readyz").status_code == 200
    finally:
        assert stop(server) == 0
    assert doctor(home) == (0, {})
