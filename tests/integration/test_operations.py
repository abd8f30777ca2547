"""What operators run: health before and at the end, metrics of several processes, Prometheus and its alerts."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from litestar.testing import TestClient

from api.ending import Ending, Front, Server
from api.services import Limits
from api.serving import bound
from engine.domain import Answer
from tests.fixtures.s3 import free_port
from tests.fixtures.shop import ANSWER, FakeFeeds, Shop
from tests.integration.api.test_api_server import serving

ROOT = Path(__file__).parents[2]
OPS = ROOT / "docs" / "ops"
RULES = OPS / "prometheus-rules.yml"
PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    not PROMTOOL or not PROMETHEUS, reason="The Debian package prometheus is not installed."
)


def wait_for(condition: Callable[[], bool], within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)


def test_alive_before_the_models_are_and_unready_before_the_end() -> None:
    """Alive and not ready while models load; told to end, not ready at once, answering on, connections closed."""
    listening = bound("127.0.0.1", 0)
    front, ending, loaded = Front(), Ending(), threading.Event()
    config = uvicorn.Config(front, lifespan="off", log_config=None, access_log=False)
    server = Server(config, ending, 1.5)

    async def main() -> None:
        serving_task = asyncio.create_task(server.serve([listening]))
        await asyncio.to_thread(loaded.wait, 30)
        app = Shop().app(ending=ending)
        async with app.lifespan():
            front.opened = app
            await serving_task

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    wait_for(lambda: server.started)
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        waiting = client.get("/readyz")
        assert (waiting.status_code, list(waiting.json()["waiting_for"])) == (503, ["models"])
        early = client.post("/v1/search/text", json={"text": "x"})
        assert (early.status_code, early.json()["code"]) == (503, "starting")
        assert "retry-after" in early.headers
        page = client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert 'http-equiv="refresh"' in page.text
        loaded.set()
        wait_for(lambda: client.get("/readyz").status_code == 200)
        assert "connection" not in client.get("/readyz").headers
        server.handle_exit(signal.SIGTERM, None)
        told = client.get("/readyz")
        assert (told.status_code, list(told.json()["waiting_for"])) == (503, ["server"])
        late = client.post("/v1/search/text", json={"text": "x"})
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert client.get("/healthz").status_code == 200
    thread.join(30)
    assert not thread.is_alive()
    listening.close()


def _count(text: str, name: str, *labels: str) -> float:
    lines = [line for line in text.splitlines() if line.startswith(name) and all(label in line for label in labels)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_several_processes_count_together(tmp_path: Path) -> None:
    """Whichever answers, every request is there, also after a worker died; processes are summed up."""
    port = free_port()
    code = f"""if __name__ == "__main__":
        from api.serving import bound, serve_many
        serve_many("tests.fixtures.shop:shop_app", [bound("127.0.0.1", {port})], 2)"""
    with (tmp_path / "log").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, stderr=out)
    address = f"http://127.0.0.1:{port}"

    def ask(path: str, **sent: Any) -> httpx.Response:
        with httpx.Client(base_url=address, timeout=20) as client:  # A connection each: either worker may answer.
            return client.post(path, **sent) if sent else client.get(path)

    def up() -> bool:
        try:
            return ask("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_for(up)
        for _ in range(30):
            assert ask("/v1/search/text", json={"text": "x"}).status_code == 200
        name, route = "thatlook_http_request_duration_seconds_count", 'path="/v1/search/text"'
        texts = [ask("/metrics").text for _ in range(4)]
        assert [_count(text, name, route) for text in texts] == [30.0] * 4
        assert _count(texts[0], "thatlook_searches_total", 'outcome="hits"') == 30
        assert _count(texts[0], "thatlook_http_requests_in_flight") >= 1
        assert _count(texts[0], "thatlook_products", 'state="indexed"') == 1
        assert _count(texts[0], "process_resident_memory_bytes") > 100e6
        assert "pid=" not in texts[0]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def _exposed(tmp_path: Path) -> set[str]:
    """The names of all series."""
    with TestClient(Shop(feeds=FakeFeeds(tmp_path)).app()) as client:
        client.post("/v1/search/text", json={"text": "x"})
        return set(re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE))


def test_what_dashboard_and_alerts_ask_for_is_there(tmp_path: Path) -> None:
    """Every series they name is exposed or recorded, every alert has a runbook page."""
    rules = yaml.safe_load(RULES.read_text())
    every = [rule for group in rules["groups"] for rule in group["rules"]]
    panels = json.loads((OPS / "grafana-dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in every] + [t["expr"] for panel in panels for t in panel.get("targets", [])]
    recorded = {rule["record"] for rule in every if "record" in rule}
    exposed = _exposed(tmp_path) | {"up", "thatlook_watched_feed_failures", "thatlook_last_feed_timestamp_seconds"}
    for text in asked:
        for name in re.findall(r"\b(?:thatlook|process)[_:][a-z0-9_:]+|\bup\b", text):
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in exposed | recorded or plain in exposed, name
    for rule in every:
        if "alert" in rule:
            page = ROOT / rule["annotations"]["runbook_url"]
            assert rule["alert"].split("Burn")[0] in page.read_text() or "Comfort" in rule["alert"]


@needs_prometheus
def test_promtool_finds_the_rules_right() -> None:
    """Their syntax, and when they fire."""
    for command in (["check", "rules", RULES], ["check", "config", OPS / "prometheus.yml"],
                    ["test", "rules", OPS / "prometheus-rules.test.yml"]):  # fmt: skip
        result = subprocess.run([PROMTOOL or "", *command], capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


@needs_prometheus
def test_an_alert_fires_when_the_service_is_slow(tmp_path: Path) -> None:
    """A real Prometheus scrapes the service; searches that come too late page."""
    shop = Shop()

    def slow() -> Answer:
        time.sleep(0.3)
        return ANSWER

    shop.looks.acts = slow
    (tmp_path / "rules.yml").write_text(RULES.read_text().replace("interval: 30s", "interval: 1s"))
    port = free_port()
    with serving(shop, Limits(deadline_s=0.1)) as address:
        (tmp_path / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\nscrape_configs:\n"
            f"- job_name: thatlook\n  static_configs: [{{targets: ['{address.removeprefix('http://')}']}}]\n"
        )
        command = [PROMETHEUS or "", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
        with (tmp_path / "log").open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            with httpx.Client(timeout=10) as client:

                def fires() -> bool:
                    assert client.post(f"{address}/v1/search/text", json={"text": "x"}).status_code in (503, 504)
                    try:
                        told = client.get(f"http://127.0.0.1:{port}/api/v1/alerts")
                    except httpx.TransportError:
                        return False
                    if told.status_code == 503:  # It listens before its database is open.
                        return False
                    found = told.json()["data"]["alerts"]
                    return any(
                        each["labels"]["alertname"] == "ThatlookLatencyFastBurn" and each["state"] == "firing"
                        for each in found
                    )

                wait_for(fires, 90)
        finally:
            process.terminate()
            process.wait(20)
