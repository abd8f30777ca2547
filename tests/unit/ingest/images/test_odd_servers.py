"""Picture servers as they are met: slow, endless, busy, packed, cut off, with a wrong certificate, or away."""

from __future__ import annotations

import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from engine import remote
from engine.system.http_answers import retry_after_s
from ingest.images import hosts
from ingest.images.hosts import PictureHosts
from ingest.images.not_fetched import ImageNotFetched
from ingest.images.sources import ImageSources, SourceRules
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from tests.fixtures.catalogue import picture, row, write_feed

MB = 1024 * 1024
PNG = picture()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Raw:
    """A server on loopback that says what it is told, byte for byte; `asked` has the heads of the requests."""

    def __init__(self, says: Callable[[socket.socket, int], None]) -> None:
        self._says, self.asked = says, list[bytes]()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.asked.append(connection.recv(65_536))
            self._says(connection, len(self.asked))

    def close(self) -> None:
        self.ended.set()
        self._listening.close()


@contextmanager
def saying(says: bytes | Callable[[socket.socket, int], None]) -> Iterator[Raw]:
    server = Raw((lambda connection, _: connection.sendall(says)) if isinstance(says, bytes) else says)
    try:
        yield server
    finally:
        server.close()


def sources(**rules: object) -> ImageSources:
    given = {"allow_private_hosts": True, "backoff_s": 0.0, "timeout_s": 1.0, "tries": 1, "max_bytes": MB} | rules
    return ImageSources(SourceRules(**given), hosts=PictureHosts())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(PNG)), ("x-gzip", gzip.compress(PNG)), ("deflate", zlib.compress(PNG)), ("identity", PNG)],
)
def test_a_picture_that_is_packed_for_the_way_is_had(encoding: str, body: bytes) -> None:
    """Nobody asks for it, and some servers and proxies do it all the same."""
    with saying(answer(body, f"Content-Encoding: {encoding}")) as server:
        assert sources().fetch(f"{server.address}/a.png") == PNG
    assert b"accept-encoding: identity" in server.asked[0].lower()


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (answer(gzip.compress(bytes(64 * MB)), "Content-Encoding: gzip"), "more than 1,048,576 bytes"),
        (answer(PNG, "Content-Encoding: gzip"), "is not packed as it says"),
        (answer(gzip.compress(PNG)[:-20], "Content-Encoding: gzip"), "broke off"),
        (answer(PNG, "Content-Encoding: br"), "packed as 'br'"),
        (answer(PNG, length=len(PNG) + 100), "broke off, or did not answer in HTTP"),
        (answer(b"", length=50 * MB), "more than 1,048,576 bytes"),
        (b"", "broke off, or did not answer in HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke off, or did not answer in HTTP"),
        (answer(b"", "Location: file:///etc/passwd", status="302 Found"), "must begin with http"),
        (answer(b"", "Location: gopher://x/", status="302 Found"), "must begin with http"),
        (answer(b"", status="302 Found"), "status 302"),
        (answer(b"", status="204 No Content"), "status 204"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(says: bytes, told: str) -> None:
    """One line for each, which says what the server did, and nothing of another request."""
    with saying(says) as server, pytest.raises(ImageNotFetched, match=told) as refused:
        sources().fetch(f"{server.address}/a.png")
    assert "image_url" not in refused.value.reason
    assert "send the picture" not in refused.value.reason


@pytest.mark.parametrize("step", [b"x", b"1\r\nx\r\n"])
def test_a_trickle_has_the_time_of_one_picture(step: bytes) -> None:
    """However it comes: a body of a known length, or one in chunks that never ends."""

    def trickle(connection: socket.socket, _: int) -> None:
        chunked = b"Transfer-Encoding: chunked" if len(step) > 1 else b"Content-Length: 500000"
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + chunked + b"\r\n\r\n")
        while True:
            connection.sendall(step)
            time.sleep(0.05)

    start = time.monotonic()
    with saying(trickle) as server, pytest.raises(ImageNotFetched, match=r"in time|too long") as refused:
        sources(timeout_s=0.5).fetch(f"{server.address}/a.png")
    assert time.monotonic() - start < 5
    assert refused.value.transient


def test_a_busy_server_says_when_to_come_back() -> None:
    """Within ten seconds it is asked again just then; for longer it is not waited for."""

    def busy(wait: str) -> Callable[[socket.socket, int], None]:
        said = answer(b"", f"Retry-After: {wait}", status="429 Too Many Requests")
        return lambda connection, n: connection.sendall(said if n < 2 else answer(PNG))

    class Noted(threading.Event):
        waited: list[float | None] = []  # noqa: RUF012

        def wait(self, timeout: float | None = None) -> bool:
            self.waited.append(timeout)
            return False

    for wait in ("7", formatdate(time.time() + 9, usegmt=True)):
        with saying(busy(wait)) as server:
            patient = replace(sources(tries=3), stopping=Noted())
            assert patient.fetch(f"{server.address}/a.png") == PNG
    assert Noted.waited[0] == 7
    assert 5 < (Noted.waited[1] or 0) < 10
    with saying(busy("120")) as server, pytest.raises(ImageNotFetched, match="status 429") as refused:
        sources(tries=3).fetch(f"{server.address}/a.png")
    assert refused.value.transient
    assert len(server.asked) == 1


@pytest.mark.parametrize("said", ["", None, "soon", "-5", "Wed, 99 Oct 2026", "1e3", "٣"])
def test_what_is_no_time_to_come_back(said: str | None) -> None:
    """It is as if nothing were said."""
    assert retry_after_s(said) is None


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes a certificate")
def test_a_certificate_of_nobodys_is_told(tmp_path: Path) -> None:
    """Its reason is the certificate, not a server that is slow."""
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=shop.example", "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                tls.wrap_socket(listening.accept()[0], server_side=True)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(ImageNotFetched, match="certificate that is not trusted"):
            sources().fetch(f"https://127.0.0.1:{listening.getsockname()[1]}/a.png")
    with saying(answer(PNG)) as server, pytest.raises(ImageNotFetched, match="does not speak TLS"):
        sources().fetch(f"{server.address.replace('http', 'https')}/a.png")


def test_the_next_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with several addresses, of which the first is dead."""
    addresses = [ipaddress.ip_address(each) for each in ("127.0.0.2", "127.0.0.1")]
    monkeypatch.setattr(remote, "_resolve", lambda *_: addresses)
    with saying(answer(PNG)) as server:
        port = server.address.rpartition(":")[2]
        assert sources().fetch(f"http://shop.example:{port}/a.png") == PNG


def test_a_server_that_is_away_is_asked_now_and_then() -> None:
    """Not at the first failures, nor within its time to restart; one try tells that it is back."""
    now = [0.0]
    known = PictureHosts(lambda: now[0])
    for _ in range(10):
        known.failed("a", known.check("a"))
    now[0] = hosts.SILENT_S + 1
    known.check("a")
    with pytest.raises(ImageNotFetched, match="server a does not answer") as away:
        known.check("a")
    assert away.value.transient
    known.check("b")
    now[0] += hosts.TRY_EVERY_S
    known.check("a")
    known.answered("a")
    for _ in range(5):
        known.check("a")


def test_one_hanging_server_does_not_hold_up_the_feed_of_others(
    parts: IngestDependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of forty products every second one's server never answers: the others are there, and the run ends soon."""
    monkeypatch.setattr(hosts, "SILENT_S", 0.5)
    hosts.the_hosts.cache_clear()
    parts = replace(parts, sources=SourceRules(allow_private_hosts=True, backoff_s=0.0, timeout_s=0.4))
    with saying(answer(PNG)) as good, saying(lambda *_: time.sleep(30)) as hanging:
        rows = [row(f"{i:02}", f"{(good, hanging)[i % 2].address}/{i}.png") for i in range(40)]
        start = time.monotonic()
        summary = ingest_feed(parts, write_feed(tmp_path, rows))
        took = time.monotonic() - start
    hosts.the_hosts.cache_clear()
    assert (summary.indexed, summary.failed) == (20, 20)
    assert len(hanging.asked) < 20
    assert took < 20 * 3 * 0.4 / parts.threads  # What asking each of them three times takes.
    told = "".join(summary.products_refused)
    assert "does not answer; it is asked again later" in told
