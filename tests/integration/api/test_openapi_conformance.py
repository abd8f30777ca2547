"""The document against the server: schemathesis asks everything that the document allows, and much that it does not.

In-process, against the real engine with tiny models on a home of its own; seeded and bounded.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from litestar import Litestar
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.transport.serialization import Binary

from api.app import create_app
from api.bootstrap import _services
from api.services import Limits, Services
from models.settings import Settings
from tests.fixtures.tiny_models import write_tiny_profile

CONFIG = """
seed = 7
[generation]
max-examples = 12
deterministic = true
[phases.fuzzing.generation]
max-examples = 12
[phases.stateful.generation]
max-examples = 25
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503, 504]  # What a caller's own deadline of a millisecond hears.
[checks.positive_data_acceptance]
enabled = false
[checks.negative_data_rejection]
enabled = false
"""


def _photo(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (96, 128), (200, 40, 40)).save(buffer, kind)
    return buffer.getvalue()


PHOTOS = [_photo("JPEG"), _photo("PNG"), _photo("PNG")[:90], b"", b"look.png", b"GIF89a" + bytes(40)]


@pytest.fixture(scope="module", autouse=True)
def _photos() -> None:
    """What is sent where the document asks for a file."""
    schemathesis.openapi.format("binary", st.sampled_from(PHOTOS).map(Binary))


@pytest.fixture(scope="module", autouse=True)
def _plain_writes() -> Iterator[None]:
    """Products are mostly put without a condition, or there would be none to ask for, change and delete."""
    times = count()

    @schemathesis.hook
    def before_call(ctx: Any, case: Any, kwargs: Any) -> None:
        if case.operation.label == "PUT /v1/products" and case.headers and next(times) % 4:
            for name in ("If-Match", "If-None-Match"):
                case.headers.pop(name, None)

    yield
    schemathesis.hooks.unregister(before_call)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litestar]:
    """The real services on a new home."""
    home = tmp_path_factory.mktemp("home")
    write_tiny_profile(home / "models" / "tiny")
    with _services(Settings(home=home, profile="tiny", threads=1)) as services:

        @asynccontextmanager
        async def build() -> AsyncIterator[Services]:
            yield services

        yield create_app(build, Limits(deadline_s=20))


def _told(recorder: Any, case_id: str) -> str:
    """What was asked, and the answer."""
    case, response = recorder.cases[case_id].value, recorder.find_response(case_id=case_id)
    answer = response.content[:300] if response else b""
    return f"{case.as_curl_command()[:1000]} -> {answer!r}"


def _is_a_cancelled_job(check: str, case: Any) -> bool:
    """Whether a check takes a job that was cancelled for one that is gone: it can still be asked for."""
    return check == "use_after_free" and "/ingest/jobs/" in case.operation.path


def test_the_document_holds(app: Litestar) -> None:
    """Whatever is asked, single or in a row: no failure of ours, and every answer is one that the document tells of."""
    schema = schemathesis.openapi.from_asgi("/schema/openapi.json", app, config=SchemathesisConfig.from_str(CONFIG))
    asked, failures = defaultdict[str, set[int]](set), dict[str, str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            failures[type(event).__name__] = str(getattr(event, "info", None) or event.exception)
        if isinstance(event, events.ScenarioFinished):
            for case in event.recorder.cases.values():
                response = event.recorder.find_response(case_id=case.value.id)
                if response is not None:
                    asked[case.value.operation.label].add(response.status_code)
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info and not _is_a_cancelled_job(check.name, event.recorder.cases[case_id].value):
                        failures[f"{check.name}: {check.failure_info.failure}"] = _told(event.recorder, case_id)
    assert not failures, "\n".join(f"{name} <- {told}" for name, told in failures.items())
    assert len(asked) == sum(1 for _ in schema.get_all_operations())
    unanswered = {
        label
        for label, statuses in asked.items()
        if "{key}" not in label and "{job_id}" not in label and not any(status < 300 for status in statuses)
    }
    assert unanswered == set()
