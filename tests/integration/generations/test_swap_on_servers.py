"""The same on a real Milvus, PostgreSQL and S3: two API processes and a worker pick the change up as they run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
from pymilvus import MilvusClient

from engine.objects.s3_settings import S3Settings
from tests.fixtures.generations import a_feed, home_of
from tests.fixtures.postgres import fresh_database
from tests.fixtures.program import PROGRAM, Server, environment, start, stop
from tests.integration.generations.test_swap_under_load import asking, found

IDS = [f"p{n:02}" for n in range(40)]
ASKED = IDS[10:]
WORDS = {"upper_wear": "shirt", "lower_wear": "trousers", "foot_wear": "shoes", "dress": "dress", "outerwear": "coat"}
TAXONOMY = '[supercategories]\nupper_wear = "Everything, so that there are few collections."\n[classes]\n' + "".join(
    f'{name} = {{ supercategory = "upper_wear", synonyms = ["{word}"] }}\n' for name, word in WORDS.items()
)


class Shop:
    """The programs of a shop on servers."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder, self.home, self.settings = folder, folder / "home", settings
        self.env = environment(self.home) | settings
        with (folder / "worker.log").open("wb") as log:
            self.worker = subprocess.Popen([*PROGRAM, "worker"], env=self.env, stderr=log, cwd=folder)
        self.server: Server = start(self.home, folder / "serve.log", "--workers", "2", settings=settings)
        self.server.client.timeout = httpx.Timeout(90)

    def run(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run([*PROGRAM, *arguments, "--json"], env=self.env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def killed(self, *arguments: str, after_s: float) -> None:
        """The command, killed after a while."""
        process = subprocess.Popen([*PROGRAM, *arguments], env=self.env, stderr=subprocess.DEVNULL)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def turned_to(self, number: int) -> None:
        """Every process that answers does so with this generation."""
        end = time.monotonic() + 60
        while (said := self.run("index", "generations"))["processes"] == [] or any(
            each["serving"] != number for each in said["processes"]
        ):
            assert time.monotonic() < end, said
            time.sleep(0.5)

    def close(self) -> None:
        self.worker.send_signal(signal.SIGTERM)
        stop(self.server)
        try:
            self.worker.wait(60)
        finally:
            self.worker.kill()
            self.worker.wait()


@pytest.fixture
def shop(tmp_path: Path, milvus_server: str, postgres_url: str, s3_settings: S3Settings) -> Iterator[Shop]:
    home_of(tmp_path / "home")
    (tmp_path / "few.toml").write_text(TAXONOMY)
    said = {
        "TAXONOMY": str(tmp_path / "few.toml"),
        "MILVUS_URI": milvus_server,
        "LEDGER_URL": fresh_database(postgres_url),
        "S3_ENDPOINT": s3_settings.endpoint,
        "S3_ACCESS_KEY": s3_settings.access_key or "",
        "S3_SECRET_KEY": s3_settings.secret_key or "",
        "S3_BUCKET": f"swap-{token_hex(4)}",
        "S3_SECURE": "0",
        "BUDGET_S": "60",
    }
    made = Shop(tmp_path, {f"THATLOOK_{name}": value for name, value in said.items()})
    yield made
    made.close()
    client = MilvusClient(milvus_server)
    for name in [name for name in client.list_collections() if name.startswith("upper_wear_")]:
        for alias in client.list_aliases(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)
    client.close()


def test_processes_change_to_other_models_as_they_run(shop: Shop, milvus_server: str) -> None:
    """To the others and back at 5 queries a second, killed half-way: no query fails, no write is lost."""
    assert shop.run("ingest", str(a_feed(shop.folder / "feed", IDS)), "--wait")["taken"] == len(IDS)
    for product_id in ASKED[:8]:
        found(shop.server, product_id)  # Both processes have answered before it begins.
    with asking(shop.server, ASKED) as asked:
        shop.killed("index", "swap", "--models", "other", after_s=6)
        patched = shop.server.client.patch("/v1/products/p00", json={"price": 3.0})
        removed = shop.server.client.delete("/v1/products/p01")
        assert shop.run("ingest", str(a_feed(shop.folder / "more", ["new"], "more.jsonl")), "--wait")["taken"] == 1
        status = shop.run("index", "swap", "--models", "other")
        shop.turned_to(2)
    assert asked.wrong() == []
    assert (patched.status_code, removed.status_code, status["serving"]) == (200, 204, 2)
    assert_written(shop, price=3.0, there={"new"}, gone={"p01"})
    client = MilvusClient(milvus_server)
    assert client.describe_alias("serving_upper_wear_visual")["collection_name"] == "upper_wear_visual_g2"
    client.close()
    assert shop.server.client.patch("/v1/products/p00", json={"price": 4.0}).status_code == 200
    assert shop.server.client.delete("/v1/products/p02").status_code == 204
    with asking(shop.server, ASKED) as asked:
        assert shop.run("index", "swap", "--rollback")["serving"] == 1
        shop.turned_to(1)
    assert asked.wrong() == []
    assert_written(shop, price=4.0, there={"new"}, gone={"p01", "p02"})
    assert [each["number"] for each in shop.run("index", "swap", "--drop-old")["generations"]] == [1]
    client = MilvusClient(milvus_server)
    assert not [name for name in client.list_collections() if name.endswith("_g2")]
    client.close()
    assert all(finding["well"] for finding in doctor(shop))


def assert_written(shop: Shop, price: float, there: set[str], gone: set[str]) -> None:
    for product_id in there:
        assert found(shop.server, product_id)[0]["product_id"] == product_id
    for product_id in gone:
        assert product_id not in {hit["product_id"] for hit in found(shop.server, product_id)}
    assert found(shop.server, "p00")[0]["price"] == price


def doctor(shop: Shop) -> list[dict[str, Any]]:
    done = subprocess.run([*PROGRAM, "doctor", "--deep", "--json"], env=shop.env, capture_output=True, check=False)
    findings: list[dict[str, Any]] = json.loads(done.stdout)
    return findings
