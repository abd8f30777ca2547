"""Fetch a picture from an address that a caller names, without becoming the caller's hand in our network.

Every connection, redirects included, goes through one gate: the host name is resolved here, all of
its addresses must be public, and the connection is made to the very address that was checked, so
that a second look-up cannot answer differently (DNS rebinding). TLS still checks the host's name.

Source: OWASP Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from engine.errors import ImageTooLarge, ImageUnreadable, QueryRejected
from engine.system.http_answers import Garbled, retry_after_s, trouble, unpacked

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ADDRESSES = 4
"""Of one host, so many are tried."""
_REDIRECTS = (301, 302, 303, 307, 308)
_USER_AGENT = "thatlook"
UNANSWERED = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
"""What httpcore raises where a server does not answer as it should."""


def is_public(address: Address) -> bool:
    """Whether an address lies on the public internet, and so does any IPv4 address wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv4-mapped, 6to4, Teredo or NAT64 address leads to."""
    compatible = int(address) >> 32 == 0 and int(address) > 1  # ::a.b.c.d, deprecated but routable
    if address in _NAT64 or compatible:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


@dataclass(frozen=True, slots=True)
class RemoteLimits:
    """What a fetch may cost and where it may go; `ports` empty means any.

    Attributes:
        silent_s: how long a server may say nothing.
        trusted: hosts that may lie in a private network, whatever `allowed` says.
    """

    max_bytes: int = 20 * 1024 * 1024
    timeout_s: float = 3.0
    max_redirects: int = 3
    ports: frozenset[int] = field(default_factory=lambda: frozenset({80, 443}))
    allowed: Callable[[Address], bool] = is_public
    silent_s: float = 30.0
    trusted: frozenset[str] = frozenset()


class NotServed(ImageUnreadable):
    """A server did not answer with a picture; `transient` says that a later try may succeed, after `retry_after_s`."""

    def __init__(self, message: str, *, transient: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.transient = transient
        self.retry_after_s = retry_after_s

    @property
    def code(self) -> str:
        """To a caller it is one of the unreadable pictures."""
        return "image-unreadable"


def fetch(url: str, limits: RemoteLimits | None = None) -> bytes:
    """The bytes behind a public http(s) address.

    Raises:
        QueryRejected: not such an address, or one that leads into a private network.
        NotServed: the server did not answer with a picture's bytes in time.
        ImageUnreadable: too many redirects.
        ImageTooLarge: over the byte cap.
    """
    limits = limits or RemoteLimits()
    give_up = time.monotonic() + limits.timeout_s
    backend = CheckedBackend(limits, give_up)
    with httpcore.ConnectionPool(ssl_context=tls(), network_backend=backend, max_connections=1) as pool:
        for _ in range(limits.max_redirects + 1):
            check_url(url, limits)
            answer = _get(pool, url, limits, give_up)
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer.target)
    raise ImageUnreadable(f"The image_url redirects more than {limits.max_redirects} times.")


@cache
def tls() -> ssl.SSLContext:
    """Reading the system's certificates takes tens of milliseconds: once per process, at the first fetch."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class _Redirect:
    target: str


def check_url(url: str, limits: RemoteLimits) -> None:
    """Refuse what is no plain http(s) address, or of a port that is not asked.

    Raises:
        QueryRejected: with the reason.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise QueryRejected("The image_url is not a valid address.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise QueryRejected("The image_url must begin with http:// or https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise QueryRejected("The image_url must not carry a user name or password.")
    if not url.isascii() or any(c <= " " for c in url):
        raise QueryRejected("The image_url has characters that must be percent-encoded.")
    if limits.ports and port not in limits.ports:
        raise QueryRejected(f"The image_url names port {port}; only {_listed(limits.ports)} are allowed.")


def _get(pool: httpcore.ConnectionPool, url: str, limits: RemoteLimits, give_up: float) -> bytes | _Redirect:
    headers = [("Host", urlsplit(url).netloc), ("User-Agent", _USER_AGENT), ("Accept", "image/*")]
    headers.append(("Accept-Encoding", "identity"))
    left = _left(give_up)
    timeouts = {"connect": left, "read": left, "write": left, "pool": left}
    try:
        with pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response:
            location = _header(response.headers, b"location")
            if response.status in _REDIRECTS and location:
                return _Redirect(location)
            if response.status != 200:
                transient = response.status >= 500 or response.status in (408, 429)
                raise NotServed(
                    f"The image_url answered with status {response.status}, not with a picture.",
                    transient=transient,
                    retry_after_s=retry_after_s(_header(response.headers, b"retry-after")),
                )
            return _read(response, limits, give_up)
    except UNANSWERED as error:
        raise NotServed(f"The image_url {trouble(error)}; send the picture itself.") from None
    except Garbled as error:
        raise NotServed(f"The picture behind the image_url {error}; send the picture itself.") from None


def _read(response: httpcore.Response, limits: RemoteLimits, give_up: float) -> bytes:
    """The body, with the caps checked at every chunk: a server may be slow or lie about its length."""
    announced = _header(response.headers, b"content-length")
    if announced and announced.isdigit() and int(announced) > limits.max_bytes:
        raise _too_large(limits)
    body = bytearray()
    for chunk in unpacked(response.iter_stream(), _header(response.headers, b"content-encoding")):
        body += chunk
        if len(body) > limits.max_bytes:
            raise _too_large(limits)
        _left(give_up)
    return bytes(body)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that were checked, and to exactly those."""

    def __init__(self, limits: RemoteLimits, give_up: float) -> None:
        self._limits = limits
        self._give_up = give_up
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check every address, connect to the first that answers."""
        del timeout
        addresses = _resolve(host, port)
        trusted = host.casefold() in self._limits.trusted
        if not addresses or not (trusted or all(self._limits.allowed(address) for address in addresses)):
            raise QueryRejected("The image_url does not lead to a public address; send the picture itself.")
        stream = self._connected(addresses[:_ADDRESSES], port, local_address, socket_options or [])
        return _TimedStream(stream, self._give_up, self._limits.silent_s)

    def _connected(self, addresses: list[Address], port: int, *options: Any) -> httpcore.NetworkStream:
        """A connection to one of several addresses; each has its share of the time that is left."""
        for left in range(len(addresses), 1, -1):
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._inner.connect_tcp(str(addresses[-left]), port, _left(self._give_up) / left, *options)
        return self._inner.connect_tcp(str(addresses[-1]), port, _left(self._give_up), *options)


class _TimedStream(httpcore.NetworkStream):
    """Every read and write has only what is left of the whole time, so a trickle cannot hold us."""

    def __init__(self, inner: httpcore.NetworkStream, give_up: float, silent_s: float) -> None:
        self._inner = inner
        self._give_up = give_up
        self._silent_s = silent_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the time left."""
        del timeout
        return self._inner.read(max_bytes, min(self._silent_s, _left(self._give_up)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the time left."""
        del timeout
        self._inner.write(buffer, min(self._silent_s, _left(self._give_up)))

    def close(self) -> None:
        """Close."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """TLS with the host's own name, whatever address was dialled."""
        del timeout
        inner = self._inner.start_tls(ssl_context, server_hostname, _left(self._give_up))
        return _TimedStream(inner, self._give_up, self._silent_s)

    def get_extra_info(self, info: str) -> Any:
        """What the socket knows."""
        return self._inner.get_extra_info(info)


def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ipaddress.ip_address(str(row[4][0]).split("%")[0]) for row in found))
    except (OSError, UnicodeError, ValueError):
        raise NotServed("The host of the image_url cannot be found.") from None


def _left(give_up: float) -> float:
    left = give_up - time.monotonic()
    if left <= 0:
        raise NotServed("The image_url took too long to answer; send the picture itself.")
    return left


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


def _too_large(limits: RemoteLimits) -> ImageTooLarge:
    return ImageTooLarge(f"The picture behind the image_url has more than {limits.max_bytes:,} bytes.")


def _listed(ports: Iterable[int]) -> str:
    return " and ".join(str(port) for port in sorted(ports))
