"""The examples of docs/ops, tried: nginx with TLS before a server, and what systemd says of the unit."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.services import Limits
from tests.fixtures.s3 import free_port
from tests.fixtures.shop import PNG, Shop
from tests.integration.api.test_api_server import serving

pytestmark = pytest.mark.integration
OPS = Path(__file__).parents[2] / "docs" / "ops"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
ANALYZE = shutil.which("systemd-analyze")
NAME = "looks.shop.example"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the example's name, of nobody but this test."""
    key, cert = folder / "privkey.pem", folder / "fullchain.pem"
    wanted = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*made, *wanted, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return key, cert


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """nginx with the example's own file: only ports, certificate and the server's address are put in."""
    if not NGINX or not shutil.which("openssl"):
        pytest.skip("nginx or openssl is not installed (see .ci/system-packages)")
    key, cert = certificate(tmp_path)
    port = free_port()
    with serving(Shop(), Limits(allowed_hosts=frozenset({NAME}))) as address:
        example = (OPS / "nginx.conf").read_text()
        given = {
            "server 127.0.0.1:8080;": f"server {address.removeprefix('http://')};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "    listen [::]:443 ssl;\n": "",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(cert),
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(key),
        }
        for said, here in given.items():
            assert example.count(said) == 1, said
            example = example.replace(said, here)
        paths = "".join(f"{name}_temp_path {tmp_path};\n" for name in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}; {paths} {example} }}"
        )
        started = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
        try:
            yield port, cert
        finally:
            started.terminate()
            started.wait(20)


def test_nginx_with_tls_before_the_server(proxy: tuple[int, Path]) -> None:
    """Over TLS by the shop's name: a photo is searched, one request id to the problem, another name is refused."""
    port, cert = proxy
    trusted = ssl.create_default_context(cafile=str(cert))
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted, timeout=20) as client:
        to_us = {"Host": NAME}, {"sni_hostname": NAME}
        end = time.monotonic() + 20
        while True:
            try:
                health = client.get("/healthz", headers=to_us[0], extensions=to_us[1])
                break
            except httpx.ConnectError:
                assert time.monotonic() < end
                time.sleep(0.1)
        assert health.status_code == 200
        assert health.headers["strict-transport-security"].startswith("max-age=")
        found = client.post(
            "/v1/search/image", files={"image": ("a.png", PNG)}, headers=to_us[0], extensions=to_us[1]
        )  # fmt: skip
        assert len(found.json()["garments"]) == 1
        missing = client.get("/v1/products/nobody", headers=to_us[0], extensions=to_us[1])
        assert missing.json()["request_id"] == missing.headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", missing.json()["request_id"])
        assert client.get("/metrics", headers=to_us[0], extensions=to_us[1]).status_code == 200
        other = client.get("/v1/products", headers={"Host": "evil.example"}, extensions=to_us[1])
        assert other.status_code == 421


@pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed.")
def test_systemd_finds_the_unit_right(tmp_path: Path) -> None:
    """No word about an unknown or wrong line; the program is put where this machine has one."""
    unit = (OPS / "thatlook.service").read_text()
    program = tmp_path / "thatlook"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert unit.count("/opt/thatlook/bin/thatlook") == 1
    (tmp_path / "thatlook.service").write_text(unit.replace("/opt/thatlook/bin/thatlook", str(program)))
    said = subprocess.run(
        [ANALYZE or "", "verify", "--recursive-errors=no", str(tmp_path / "thatlook.service")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    about_it = [line for line in (said.stdout + said.stderr).splitlines() if "thatlook.service" in line]
    assert about_it == []
