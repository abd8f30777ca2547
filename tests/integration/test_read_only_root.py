"""The server with nothing to write to but its home and /tmp, as docker-compose runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.fixtures.program import ROOT, environment
from tests.fixtures.s3 import free_port
from tests.fixtures.tiny_models import write_tiny_profile

IN_A_CONTAINER = (
    "mount --make-rprivate / && mount --bind {home} /mnt && mount -t tmpfs tmpfs /tmp && mount -o remount,bind,ro /"
)


def namespace(command: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", command]


def test_the_server_needs_no_other_place(tmp_path: Path) -> None:
    """It starts, takes a product, is measured, and ends with status 0."""
    write_tiny_profile(tmp_path / "home" / "models" / "tiny")
    inside = IN_A_CONTAINER.format(home=tmp_path / "home")
    may = shutil.which("unshare") and subprocess.run(
        namespace(f"{inside} && ! touch {ROOT}/x"), capture_output=True, check=False
    )
    if not may or may.returncode:
        pytest.skip("no mount namespace may be made here")
    if any(path.is_relative_to("/tmp") for path in (ROOT, Path(sys.executable))):
        pytest.skip("this checkout lies in /tmp, which the test hides")
    port = free_port()
    main = "from thatlook.cli import main; main()"
    serve = f"{inside} && cd / && exec {sys.executable} -W ignore -c '{main}' serve --port {port}"
    with (tmp_path / "log").open("wb") as log:
        # Without the tests' guard against writing, whose own notes lie in the hidden /tmp: here the mounts are it.
        unguarded = environment(Path("/mnt")) | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(namespace(serve), env=unguarded, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            assert ready(client, process), (tmp_path / "log").read_text()
            feed = {"id": "a", "title": "A shirt", "link": "https://shop.example/a", "image_link": "none.jpg"}
            job = client.post("/v1/ingest", files={"feed": ("feed.jsonl", json.dumps(feed))})
            assert job.status_code == 202, job.text
            assert client.get("/metrics").status_code == 200
        process.terminate()
        assert process.wait(30) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()


def ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return True
        except httpx.TransportError:
            time.sleep(0.1)
    return False
