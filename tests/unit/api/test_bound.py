"""The address to listen on: any way to write one that is there, and words for what is none."""

from __future__ import annotations

import socket

import pytest

from api.serving import AddressTaken, bound


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_the_ways_to_write_a_host(host: str) -> None:
    with bound(host, 0) as listening:
        assert listening.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["no.such.host.invalid", "x" * 300, "é" * 300, "a b", "1.2.3.4.5", "http://a"])
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(AddressTaken, match="Cannot listen on"):
        bound(host, 0)


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressTaken, match=rf"port {port}: Address already in use. Choose another --port"):
            bound("127.0.0.1", port)
