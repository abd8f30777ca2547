"""Fetching pictures by address: what is refused, and that nothing is dialled but what was checked."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from engine import remote
from engine.errors import ImageTooLarge, ImageUnreadable, QueryRejected
from engine.remote import RemoteLimits, fetch, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.170", "198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "fec0::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1",
        "2001:0:7f00:1:0:0:5601:fefe", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    """Private, loopback, link-local, reserved, and IPv6 forms that wrap such an IPv4 address."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    """The public internet stays reachable, in its wrapped forms too."""
    assert is_public(ipaddress.ip_address(address))


class _Shop(BaseHTTPRequestHandler):
    """A picture, redirects, an endless body, a slow one, an error."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(f"{self.headers['Host']} {self.path}")
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/") or "/picture")
            self.end_headers()
        elif self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path == "/trickle":
            self._trickle()
        else:
            body = b"x" * (5_000 if self.path == "/large" else 100)
            self.send_response(200)
            if self.path != "/large":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _trickle(self) -> None:
        """A header line every now and then, for as long as the other side has patience."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for n in range(40):
                self.wfile.write(f"X-{n}: 1\r\n".encode())
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """A server on loopback; its address without a path."""
    _Shop.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Shop) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _loopback(**changes: Any) -> RemoteLimits:
    """Limits that let a test dial 127.0.0.1 and nothing else."""
    allowed = ipaddress.ip_address("127.0.0.1")
    return RemoteLimits(**{"ports": frozenset(), "allowed": lambda a: a == allowed, "timeout_s": 2.0, **changes})


def test_bytes_come_back(shop: str) -> None:
    """A picture behind a public address, also after a redirect."""
    assert fetch(f"{shop}/picture", _loopback()) == b"x" * 100
    assert fetch(f"{shop}/to/", _loopback()) == b"x" * 100


def test_private_host_is_never_dialled(shop: str) -> None:
    """With the real rule, loopback is refused before a byte is sent."""
    with pytest.raises(QueryRejected, match="public address"):
        fetch(f"{shop}/picture", RemoteLimits(ports=frozenset()))
    assert _Shop.seen == []


def test_redirect_into_private_network_is_refused(shop: str) -> None:
    """Every hop is checked, not only the first."""
    with pytest.raises(QueryRejected, match="public address"):
        fetch(f"{shop}/to/http://10.0.0.1/secret", _loopback())
    with pytest.raises(QueryRejected, match="http"):
        fetch(f"{shop}/to/file:///etc/passwd", _loopback())


def test_checked_address_is_the_one_dialled(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is resolved once: a second answer that leads elsewhere (DNS rebinding) is never asked for."""
    answers = iter(["127.0.0.1", "10.0.0.1"])
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[remote.Address]:
        asked.append(host)
        return [ipaddress.ip_address(next(answers))]

    monkeypatch.setattr(remote, "_resolve", resolve)
    port = shop.rsplit(":", 1)[1]
    assert fetch(f"http://shop.example:{port}/picture", _loopback()) == b"x" * 100
    assert asked == ["shop.example"]
    assert _Shop.seen == [f"shop.example:{port} /picture"]


def test_one_private_address_among_several_refuses_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public and a private address is refused."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    with pytest.raises(QueryRejected, match="public address"):
        fetch("http://two-faced.example/")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://shop.example/a.jpg", "http"),
        ("file:///etc/passwd", "http"),
        ("//shop.example/a.jpg", "http"),
        ("http:///a.jpg", "host"),
        ("http://user:secret@shop.example/", "password"),
        ("http://shop.example:22/", "port 22"),
        ("http://shop.example:99999/", "not a valid address"),
        ("http://[::1/", "not a valid address"),
        ("http://shop.example/a b", "percent-encoded"),
        ("http://shop.example/\r\nX: y", "percent-encoded"),
    ],
)
def test_addresses_that_are_no_picture_addresses(url: str, words: str) -> None:
    """Other schemes, credentials, odd ports and broken forms are refused without a look-up."""
    with pytest.raises(QueryRejected, match=words):
        fetch(url)


def test_numbers_in_odd_notation_are_resolved_before_the_check() -> None:
    """`0x7f000001`, `2130706433` and `127.1` are loopback, however they are written."""
    for host in ("2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "localhost"):
        with pytest.raises(QueryRejected, match="public address"):
            fetch(f"http://{host}/")


def test_caps(shop: str) -> None:
    """Too many bytes, without an announced length too; too many redirects; another status."""
    with pytest.raises(ImageTooLarge, match="1,000"):
        fetch(f"{shop}/large", _loopback(max_bytes=1_000))
    with pytest.raises(ImageTooLarge, match="50 bytes"):
        fetch(f"{shop}/picture", _loopback(max_bytes=50))
    with pytest.raises(ImageUnreadable, match="more than 3"):
        fetch(f"{shop}/loop", _loopback())
    with pytest.raises(ImageUnreadable, match="404"):
        fetch(f"{shop}/missing", _loopback())


def test_a_trickle_is_cut_off(shop: str) -> None:
    """The time cap holds for the whole, not for each read."""
    start = time.monotonic()
    with pytest.raises(ImageUnreadable):
        fetch(f"{shop}/trickle", _loopback(timeout_s=0.3))
    assert time.monotonic() - start < 1.0
