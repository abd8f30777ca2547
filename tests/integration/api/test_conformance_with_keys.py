"""The document against a server that asks for keys: every route with every kind of key and without one.

Schemathesis asks what the document allows; each answer must be one that the document tells of, and be 401 without a key
that is ours, 403 with one that may not do this, and neither with one that may.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from litestar import Litestar
from litestar.routes import HTTPRoute
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.transport.serialization import Binary

from api.keys.access import Keys, scope_of
from api.services import Limits
from engine.keys import Scope, new_key
from engine.ledger.keys import SqlKeys
from tests.fixtures.shop import FakeFeeds, Shop

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)
CONFIG = """
seed = 7
{auth}
[generation]
max-examples = 1
deterministic = true
[phases.fuzzing.generation]
max-examples = 1
[phases.coverage]
enabled = false
[phases.stateful]
enabled = false
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
enabled = false
[checks.ignored_auth]
enabled = false
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]
"""
KINDS = ("none", "expired", "search", "catalogue", "admin")


@pytest.fixture(scope="module", autouse=True)
def _photos() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 128), (200, 40, 40)).save(buffer, "JPEG")
    schemathesis.openapi.format("binary", st.just(buffer.getvalue()).map(Binary))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SqlKeys, dict[str, str]]]:
    """A key of each kind, as its holder shows it."""
    book = SqlKeys(f"sqlite:///{tmp_path_factory.mktemp('keys') / 'keys.sqlite'}")
    shown = {"none": ""}
    for kind in KINDS[1:]:
        scopes = ["admin"] if kind == "expired" else [kind]
        text, kept = new_key(
            kind, scopes, NOW - timedelta(days=2), NOW - timedelta(days=1) if kind == "expired" else None
        )
        book.add(kept)
        shown[kind] = text
    yield book, shown
    book.close()


@pytest.fixture
def app(keys: tuple[SqlKeys, dict[str, str]], tmp_path: Path) -> Litestar:
    shop = Shop(keys=Keys(keys[0]), feeds=FakeFeeds(tmp_path))
    return shop.app(Limits(allowed_hosts=None))


def wanted_by_route(app: Litestar) -> dict[tuple[str, str], Scope | None]:
    """What each route takes, by method and the path of the document."""
    wanted: dict[tuple[str, str], Scope | None] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    path = "/" + "/".join(
                        "{" + part.name + "}" if not isinstance(part, str) else part for part in route.path_components
                    )
                    wanted[str(method), path] = scope_of(handler)
    return wanted


def expected(kind: str, wanted: Scope | None) -> set[int]:
    """Statuses that must come; empty where any but 401 and 403 may."""
    if wanted is None:
        return set()
    if kind in ("none", "expired"):
        return {401}
    return set() if kind in ("admin", wanted.value) else {403}


@pytest.mark.parametrize("kind", KINDS)
def test_every_route_with_this_kind_of_key(app: Litestar, keys: tuple[SqlKeys, dict[str, str]], kind: str) -> None:
    """Nothing is told to a stranger, nothing is written with a key for searching; and the document says so."""
    shown = keys[1][kind]
    headers = f'headers = {{ "Authorization" = "Bearer {shown}" }}' if shown else ""
    config = SchemathesisConfig.from_str(CONFIG.format(auth=headers))
    schema = schemathesis.openapi.from_asgi("/schema/openapi.json", app, config=config)
    wanted, asked, failures = wanted_by_route(app), defaultdict[str, set[int]](set), list[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures.append(str(getattr(event, "info", None) or event.exception))
        if isinstance(event, events.ScenarioFinished):
            failures += _failures(event.recorder)
            for case in event.recorder.cases.values():
                response = event.recorder.find_response(case_id=case.value.id)
                if response is not None:
                    asked[case.value.operation.label].add(response.status_code)
    assert failures == []
    assert len(asked) == sum(1 for _ in schema.get_all_operations())
    for label, statuses in asked.items():
        method, path = label.split(" ", 1)
        must = expected(kind, wanted[method, path])
        told = statuses - {400}  # What cannot be read as a request at all is told before anybody looks at keys.
        assert told == must if must else not told & {401, 403}, (label, statuses, must)


def _failures(recorder: Any) -> list[str]:
    return [
        f"{check.name}: {check.failure_info.failure} <- {recorder.cases[case_id].value.as_curl_command()[:600]}"
        for case_id, checks in recorder.checks.items()
        for check in checks
        if check.failure_info
    ]
