"""A PostgreSQL that stands still: every caller is told so in time, and goes on when it answers again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from engine.errors import StoreUnavailable
from engine.ledger import bounded_connection
from engine.ledger.sql import SqlLedger
from engine.system.clock import Deadline, Stopwatch
from tests.fixtures.generations import a_feed, home_of, opened, shot
from tests.fixtures.postgres import PostgresServer, fresh_database
from tests.fixtures.program import start, stop

pytestmark = pytest.mark.integration


@pytest.fixture
def server(stoppable_postgres: PostgresServer) -> PostgresServer:
    return stoppable_postgres


@pytest.fixture
def ledger(server: PostgresServer) -> Iterator[SqlLedger]:
    opened = SqlLedger(fresh_database(server.url))
    opened.set_setting("name", "value")
    yield opened
    opened.close()


def seconds_until_refused(ledger: SqlLedger) -> float:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer"):
        ledger.get_setting("name")
    return time.monotonic() - begun


def back_again(ledger: SqlLedger, patience_s: float = 30.0) -> str | None:
    end = time.monotonic() + patience_s
    while True:
        try:
            return ledger.get_setting("name")
        except StoreUnavailable:
            assert time.monotonic() < end, "the ledger did not come back"
            time.sleep(0.1)


@pytest.mark.usefixtures("soon_away")
def test_whoever_waits_is_told_in_time(server: PostgresServer, ledger: SqlLedger) -> None:
    """The first calls end after a few seconds, later ones at once; afterwards the ledger answers as before."""
    with server.hanging():
        first = [seconds_until_refused(ledger) for _ in range(2)]
        later = [seconds_until_refused(ledger) for _ in range(3)]
    assert all(seconds < 6 for seconds in first)
    assert sorted(later)[0] < 0.1
    assert back_again(ledger) == "value"


def test_a_request_waits_no_longer_than_it_may(server: PostgresServer, ledger: SqlLedger) -> None:
    """Its own deadline ends a wait, and is no sign that the server is away for others."""
    with server.hanging():
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable), Stopwatch(Deadline.within(0.5)).stage("rank"):
            ledger.get_setting("name")
        assert time.monotonic() - begun < 4
    assert ledger.get_setting("name") == "value"


def test_a_statement_that_takes_long_is_waited_for(
    server: PostgresServer, ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that works is not one that hangs, however long it takes."""
    monkeypatch.setattr(bounded_connection, "QUIET_S", 0.2)
    with ledger._reading() as connection:
        assert connection.execute(text("SELECT 7 FROM pg_sleep(1.5)")).scalar() == 7


@pytest.mark.usefixtures("soon_away")
def test_who_wrote_when_it_stopped_has_written_once_or_not_at_all(server: PostgresServer, ledger: SqlLedger) -> None:
    """What was acknowledged is there, what was not may be tried again; no connection of before is used again."""
    acknowledged, over = list[int](), threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            try:
                ledger.set_setting(f"n{number}", str(number))
            except StoreUnavailable:
                time.sleep(0.05)
                continue
            acknowledged.append(number)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.3)
    with server.hanging():
        time.sleep(4.0)
        before = len(acknowledged)
    back_again(ledger)
    end = time.monotonic() + 20
    while len(acknowledged) < before + 5 and time.monotonic() < end:
        time.sleep(0.1)
    over.set()
    writer.join()
    assert len(acknowledged) >= before + 5
    assert [ledger.get_setting(f"n{number}") for number in acknowledged] == [str(number) for number in acknowledged]


def test_a_search_is_refused_in_time_and_answered_afterwards(server: PostgresServer, tmp_path: Path) -> None:
    """Within the request's own time, with a plain problem document; the server itself stays up."""
    url = fresh_database(server.url)
    with opened(home_of(tmp_path / "home", ledger_url=url)) as home:
        home.ingest(a_feed(tmp_path / "feed", ["p1", "p2"]))
    running = start(
        tmp_path / "home", tmp_path / "log", settings={"THATLOOK_LEDGER_URL": url, "THATLOOK_BUDGET_S": "2"}
    )

    def search() -> httpx.Response:
        return running.client.post("/v1/search/image", files={"image": shot("p1")})

    try:
        assert search().status_code == 200
        with server.hanging():
            for _ in range(3):
                begun = time.monotonic()
                refused = search()
                assert time.monotonic() - begun < 10
                assert refused.json()["code"] in ("deadline-exceeded", "store-unavailable", "busy"), refused.text
                assert refused.status_code in (503, 504)
                assert running.client.get("/healthz").status_code == 200
        end = time.monotonic() + 30
        while search().status_code != 200:
            assert time.monotonic() < end, search().text
            time.sleep(0.2)
    finally:
        assert stop(running) == 0
