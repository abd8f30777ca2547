"""A served embedded home is changed to other models and back at 5 queries a second, with writes under way."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

import thatlook
from tests.e2e.test_feed_while_serving import archive
from tests.fixtures.generations import a_feed, home_of, opened, rows_of, shot
from tests.fixtures.program import PROGRAM, Server, environment, start, stop

IDS = [f"p{n:03}" for n in range(80)]
PATCHED, DELETED, ASKED = IDS[0:20], IDS[20:30], IDS[30:]
QUERIES_A_SECOND = 5


@dataclass
class Asked:
    """What queries were answered with."""

    answers: list[tuple[str, httpx.Response | Exception]] = field(default_factory=list)
    ready: list[dict[str, Any]] = field(default_factory=list)

    def wrong(self) -> list[tuple[str, str]]:
        """Failed answers, and such as the picture's own product does not lead, alike in both spaces."""
        return [(asked, said) for asked, answer in self.answers if (said := _problem(asked, answer))]


def _problem(asked: str, answer: httpx.Response | Exception) -> str | None:
    if isinstance(answer, Exception) or answer.status_code != 200:
        return str(answer) if isinstance(answer, Exception) else f"{answer.status_code} {answer.text}"
    first = _nearest(answer)[0]
    same = first["product_id"] == asked and min(first["signals"]["visual"], first["signals"]["semantic"]) > 0.9
    return None if same else json.dumps(first)


def _nearest(answer: httpx.Response) -> list[dict[str, Any]]:
    """The hits of the garment that has the best one: of a picture's shirt and trousers one was indexed."""
    found: list[list[dict[str, Any]]] = [each["hits"] for each in answer.json()["garments"] if each["hits"]]
    return max(found, key=lambda hits: float(hits[0]["score"]))


@contextmanager
def asking(server: Server, ids: list[str]) -> Iterator[Asked]:
    """Queries at their times, whether or not earlier ones are answered."""
    asked, ended, threads = Asked(), threading.Event(), list[threading.Thread]()

    def ask(product_id: str) -> None:
        sent = {"files": {"image": shot(product_id)}, "data": {"k": "3", "supercategory": "upper_wear"}}
        try:
            answer: Any = server.client.post("/v1/search/image", **sent)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            answer = error
        asked.answers.append((product_id, answer))
        with suppress(httpx.HTTPError):
            asked.ready.append(server.client.get("/readyz").json())

    def work() -> None:
        chosen = random.Random(5)
        while not ended.wait(1 / QUERIES_A_SECOND):
            threads.append(threading.Thread(target=ask, args=[chosen.choice(ids)]))
            threads[-1].start()

    asker = threading.Thread(target=work)
    asker.start()
    try:
        yield asked
    finally:
        ended.set()
        for thread in (asker, *threads):
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("swap")
    settings = home_of(folder / "home")
    with opened(settings) as home:
        home.ingest(a_feed(folder / "feed", IDS))
    patient = {"THATLOOK_BUDGET_S": "60"}  # What is tried is the change, not how busy the machine is.
    running = start(folder / "home", folder / "serve.log", settings=patient)
    running.client.timeout = httpx.Timeout(90)
    found(running, IDS[0])
    yield running
    if running.process.poll() is None:
        assert stop(running) == 0


def changed(server: Server, *arguments: str) -> dict[str, Any]:
    """`thatlook index swap`, beside the server that holds the home."""
    home = server.log.parent / "home"
    command = [*PROGRAM, "index", "swap", *arguments, "--json"]
    done = subprocess.run(command, env=environment(home), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def fed(server: Server, folder: Path, ids: list[str], price: str) -> None:
    """A feed over HTTP, with its pictures; it is taken while whatever else goes on."""
    a_feed(folder, ids, price=price)
    (folder.parent / "shop.zip").write_bytes(archive(folder))
    with thatlook.Client(str(server.client.base_url), retries=0) as shop:
        job = shop.start_ingest(folder.parent / "shop.zip", name="second")
        while job.state not in ("done", "failed", "cancelled", "interrupted"):
            time.sleep(0.2)
            job = shop.ingest_job(job.job_id)
    assert job.state == "done", job.error


def write(server: Server, folder: Path, ids: list[str], price: float) -> None:
    """One change after the other, for as long as they last."""
    for product_id in PATCHED:
        answer = server.client.patch(f"/v1/products/{product_id}", json={"price": price})
        assert answer.status_code in (200, 202, 204), answer.text
        time.sleep(0.05)
    fed(server, folder, ids, f"{price} EUR")


@pytest.mark.parametrize(("arguments", "price"), [(["--models", "other"], 3.0), (["--rollback"], 4.0)])
def test_no_query_fails_and_no_write_is_lost(
    server: Server, tmp_path: Path, arguments: list[str], price: float
) -> None:
    """To the other models and back: each answer is one generation's, what was written meanwhile is in the new one."""
    new = [f"{arguments[0].strip('-')}{n}" for n in range(8)]
    before = server.client.get("/v1/products", params={"limit": 1}).status_code
    assert before == 200
    gone = DELETED[:5] if price == 3.0 else DELETED[5:]
    with asking(server, ASKED) as asked:
        writer = threading.Thread(target=write, args=[server, tmp_path / "more", new, price])
        writer.start()
        deleted = server.client.request("DELETE", f"/v1/products/{gone[0]}")
        status = changed(server, *arguments)
        for product_id in gone[1:]:
            server.client.delete(f"/v1/products/{product_id}")
        writer.join()
    assert deleted.status_code in (200, 202, 204)
    assert asked.wrong() == []
    assert len(asked.answers) >= 5
    assert {said["status"] for said in asked.ready} == {"ready"}
    if price == 3.0:  # Going back takes less than the time between two looks.
        said = f"generation {status['serving']}, with the models of"
        assert any(said in each.get("changing", "") for each in asked.ready)
    assert status["serving"] == (2 if price == 3.0 else 1)
    for product_id in new:
        hits = found(server, product_id)
        assert hits[0]["product_id"] == product_id
    prices = {found(server, product_id)[0]["price"] for product_id in PATCHED[:5]}
    assert prices == {price}
    for product_id in gone:
        assert product_id not in {hit["product_id"] for hit in found(server, product_id)}


def found(server: Server, product_id: str) -> list[dict[str, Any]]:
    """The hits of a product's picture."""
    sent = {"k": "3", "supercategory": "upper_wear"}
    return _nearest(server.client.post("/v1/search/image", files={"image": shot(product_id)}, data=sent))


def test_a_further_page_is_of_the_models_of_the_first(server: Server) -> None:
    """A cursor from before a change is answered as it would have been; once the generation is dropped it is refused."""
    sent: dict[str, Any] = {"files": {"image": shot(ASKED[0])}, "data": {"k": "5", "supercategory": "upper_wear"}}
    first = server.client.post("/v1/search/image", **sent).json()["garments"][0]
    cursor = {**sent["data"], "cursor": first["next_cursor"]}
    expected = server.client.post("/v1/search/image", files=sent["files"], data=cursor).json()
    changed(server, "--rollback")
    again = server.client.post("/v1/search/image", files=sent["files"], data=cursor).json()
    assert [hit["score"] for hit in again["garments"][0]["hits"]] == [
        hit["score"] for hit in expected["garments"][0]["hits"]
    ]
    changed(server, "--drop-old")
    refused = server.client.post("/v1/search/image", files=sent["files"], data=cursor)
    assert (refused.status_code, "without the cursor" in refused.json()["detail"]) == (422, True)
    assert (
        _problem(ASKED[1], server.client.post("/v1/search/image", files={"image": shot(ASKED[1])}, data=sent["data"]))
        is None
    )


def test_what_is_left_behind_agrees(server: Server) -> None:
    """Ledger, rows and notes speak of the same products, and the doctor finds nothing."""
    folder = server.log.parent
    stop(server)
    command = [*PROGRAM, "doctor", "--deep"]
    doctor = subprocess.run(command, env=environment(folder / "home"), capture_output=True, check=False)
    assert doctor.returncode == 0, doctor.stdout.decode()
    with opened(home_of(folder / "home")) as home:
        rows = rows_of(home, home.live.current.generation)
        assert set(IDS) - set(DELETED) <= set(rows)
        assert not set(DELETED) & set(rows)
