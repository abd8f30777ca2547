"""An embedded store listens nowhere: what listens on loopback is open to every user of the machine."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from engine.domain import CollectionSpec
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, unit

SPEC = CollectionSpec("shoes_visual", 8, "a" * 64)
LISTENING = "0A"
needs_proc = pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")


def listening() -> set[str]:
    """The addresses at which this process listens, TCP and TCP over IPv6."""
    own = set()
    for fd in Path("/proc/self/fd").iterdir():
        try:
            own.add(str(fd.readlink()))
        except FileNotFoundError:
            continue
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/self/net/{name}").read_text().splitlines()]
    return {row[1] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in own}


@needs_proc
def test_a_store_that_writes_and_reads_opens_no_port(tmp_path: Path) -> None:
    """Made, written, fetched from, rebuilt and reopened: there is no listener at any time."""
    before, rng = listening(), np.random.default_rng(0)
    for _ in range(2):
        store = LiteStore(tmp_path / "store")
        store.ensure(SPEC)
        store.upsert(SPEC.name, [an_item(rng, n) for n in range(20)], unit(rng.normal(size=(20, SPEC.dim))))
        store.delete_products(SPEC.name, {"product-1"})
        store.rebuild(SPEC.name)
        assert store.examine() == []
        assert listening() == before
        store.close()


@needs_proc
def test_a_listener_would_be_seen() -> None:
    """The test above can fail: a socket that listens is found."""
    before = listening()
    with socket.create_server(("127.0.0.1", 0)):
        assert len(listening() - before) == 1
