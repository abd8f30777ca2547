"""Keys at the API: who gets in, who does not, and what each is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from litestar import Litestar
from litestar.testing import TestClient

from api.bootstrap import _rate_of, check_keys
from api.keys.access import Keys
from api.keys.commands import keys as keys_command
from api.keys.commands import span_of
from api.services import Limits
from engine.errors import QueryRejected
from engine.keys import ApiKey, matches, new_key
from engine.ledger.keys import SqlKeys
from models.bootstrap import open_keys
from models.settings import Settings
from tests.fixtures.shop import Serve, Shop

Client = TestClient[Litestar]
NOW = datetime.now(UTC)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqlKeys]:
    book = SqlKeys(f"sqlite:///{tmp_path}/keys.sqlite")
    yield book
    book.close()


def made(book: SqlKeys, *scopes: str, expires: datetime | None = None) -> tuple[str, ApiKey]:
    text, kept = new_key("tester", scopes, NOW, expires)
    book.add(kept)
    return text, kept


@pytest.fixture
def client(book: SqlKeys, serve: Serve) -> Client:
    return serve(Shop(keys=Keys(book)), Limits(allowed_hosts=None))


def as_bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


SEARCH, WRITE = ("POST", "/v1/search/text", {"text": "red"}), ("DELETE", "/v1/products/p%201%2Fa", None)


def asked(client: Client, what: tuple[str, str, object], headers: dict[str, str] | None = None) -> int:
    method, path, body = what
    return client.request(method, path, json=body, headers=headers).status_code


def test_without_a_key_nothing_but_health_is_told(client: Client) -> None:
    """Reads, writes, pictures and metrics want a key; health, the page and the description do not."""
    for path in (
        "/v1/products",
        "/v1/facets",
        "/v1/images/a.png",
        "/v1/ingest/status",
        "/metrics",
        "/v1/products/x/similar",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="thatlook"')
        assert answer.json()["code"] == "key-refused"
    assert asked(client, SEARCH) == asked(client, WRITE) == 401
    for path in ("/healthz", "/readyz", "/", "/schema/openapi.json"):
        assert client.get(path).status_code == 200


def test_a_key_opens_what_its_scope_says(client: Client, book: SqlKeys) -> None:
    """Who may search may not delete, nor the other way round; admin may do both and read metrics."""
    search, catalogue, admin = (made(book, scope)[0] for scope in ("search", "catalogue", "admin"))
    assert (asked(client, SEARCH, as_bearer(search)), asked(client, WRITE, as_bearer(search))) == (200, 403)
    assert (asked(client, WRITE, as_bearer(catalogue)), asked(client, SEARCH, as_bearer(catalogue))) == (204, 403)
    refused = client.get("/metrics", headers=as_bearer(catalogue))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert client.get("/metrics", headers=as_bearer(admin)).status_code == 200
    assert asked(client, SEARCH, {"X-Api-Key": admin}) == 200
    assert asked(client, SEARCH, {"Authorization": f"bearer  {search}"}) == 200


def test_what_is_no_key_of_ours_sounds_the_same(client: Client, book: SqlKeys) -> None:
    """A guess, another key's secret, an expired and a revoked key: one sentence for all."""
    good, kept = made(book, "search")
    late, _ = made(book, "search", expires=NOW + timedelta(hours=1))
    other, gone = made(book, "search")
    assert book.revoke(gone.key_id, NOW)
    assert not book.revoke(gone.key_id, NOW)
    mixed = f"{good[:16]}{late[16:]}"
    told = set()
    for key in (mixed, other, good[:-1], good + "x", "tl_", "", "x" * 5_000, "é", good.upper()):
        answer = client.get("/v1/facets", headers={"Authorization": f"Bearer {key}".encode("latin-1")})
        assert answer.status_code == 401
        told.add(answer.json()["detail"])
    assert len(told) == 2  # An empty one is none at all.
    tomorrow = Keys(book, lambda: NOW + timedelta(days=1))
    assert tomorrow.checked(good).key_id == kept.key_id
    with pytest.raises(Exception, match="expired"):
        tomorrow.checked(late)


def test_nothing_that_is_kept_opens_anything(book: SqlKeys, tmp_path: Path) -> None:
    """Only a digest lies in the file; the last use is noted."""
    text, kept = made(book, "search", "catalogue")
    assert matches(text, kept)
    Keys(book).checked(text)
    (found,) = book.all_keys()
    assert (found.name, found.scopes, found.used is not None) == ("tester", kept.scopes, True)
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert text.rpartition("_")[2].encode() not in files
    assert kept.digest.encode() in files


@pytest.mark.parametrize(
    ("name", "scopes", "expires"),
    [
        ("", ["search"], None),
        ("a", [], None),
        ("a", ["write"], None),
        ("a", ["search"], NOW),
        ("a\n", ["search"], None),
    ],
)
def test_keys_that_cannot_be_made(name: str, scopes: list[str], expires: datetime | None) -> None:
    with pytest.raises(QueryRejected):
        new_key(name, scopes, NOW, expires)


def test_who_can_be_reached_needs_a_key_or_says_so(tmp_path: Path) -> None:
    """Loopback is open; elsewhere a server without keys does not start, unless told; one expired key is no key."""
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        check_keys(Settings(home=tmp_path, host=host))
    reached = Settings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(QueryRejected, match="--without-keys"):
        check_keys(reached)
    check_keys(reached.model_copy(update={"require_keys": False}))
    with pytest.raises(QueryRejected):
        check_keys(Settings(home=tmp_path, require_keys=True))
    book = open_keys(reached)
    made(book, "search")  # type: ignore[arg-type]
    book.close()
    check_keys(reached)


def test_the_command(tmp_path: Path) -> None:
    """Created, listed without its secret, revoked once."""
    run = CliRunner().invoke
    shown = run(keys_command, ["create", "page", "--scope", "search", "--expires", "90d"], obj={"home": tmp_path})
    key = shown.stdout.strip()
    assert key.startswith("tl_")
    listed = run(keys_command, ["list"], obj={"home": tmp_path}).stdout
    assert "page" in listed
    assert key.rpartition("_")[2] not in listed
    key_id = key.split("_")[1]
    assert run(keys_command, ["revoke", key_id], obj={"home": tmp_path}).exit_code == 0
    assert run(keys_command, ["revoke", key_id], obj={"home": tmp_path}).exit_code == 1
    assert "revoked" in run(keys_command, ["list"], obj={"home": tmp_path}).stdout
    assert '"active":false' in run(keys_command, ["list", "--json"], obj={"home": tmp_path}).stdout.replace(" ", "")


def test_spans_and_rates() -> None:
    assert span_of("2w") == timedelta(days=14)
    assert _rate_of("600/minute") == ("minute", 600)
    with pytest.raises(QueryRejected):
        span_of("soon")


def test_one_caller_has_its_share(book: SqlKeys) -> None:
    """Three requests a minute: the fourth hears when to come back; another key, and health, are not held back."""
    shop = Shop()
    shop.keys = Keys(book)
    one, other = made(book, "search")[0], made(book, "search")[0]
    with TestClient(shop.app(Limits(rate=("minute", 3)))) as client:
        assert [asked(client, SEARCH, as_bearer(one)) for _ in range(4)] == [200, 200, 200, 429]
        refused = client.post("/v1/search/text", json={"text": "red"}, headers=as_bearer(one))
        assert (refused.json()["code"], 0 < int(refused.headers["retry-after"]) <= 60) == ("too-many-requests", True)
        assert asked(client, SEARCH, as_bearer(other)) == 200
        assert {client.get("/healthz").status_code for _ in range(9)} == {200}
