"""Apps around fakes, and clients that ask them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.services import Limits
from tests.fixtures.shop import Serve, Shop

LIMITS = Limits(max_image_bytes=100_000)


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """An app takes a tenth of a second to make: a file's tests share one for each set of limits.

    What an app counts, it goes on counting: for figures of one test there is `own_client`.
    """
    clients: dict[tuple[Limits, str], TestClient[Litestar]] = {}

    def client_of(
        shop: Shop, limits: Limits = LIMITS, base_url: str = "http://testserver.local"
    ) -> TestClient[Litestar]:
        if (limits, base_url) not in clients:
            made = TestClient(Shop().app(limits), base_url=base_url)
            clients[limits, base_url] = stack.enter_context(made)
        client = clients[limits, base_url]
        client.app.state.context.services = shop.services()
        client.cookies.clear()
        return client

    with ExitStack() as stack:
        yield client_of


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def client(shop: Shop, serve: Serve) -> TestClient[Litestar]:
    return serve(shop)


@pytest.fixture
def own_client(shop: Shop) -> Iterator[TestClient[Litestar]]:
    with TestClient(shop.app(LIMITS)) as client:
        yield client
