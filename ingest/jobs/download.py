"""A feed behind an address → a file: under the rules of pictures behind addresses, asked for only if it has changed."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import httpcore

from engine.errors import FeedUnreadable, InputRejected, Unavailable
from engine.remote import UNANSWERED, CheckedBackend, NotServed, RemoteLimits, check_url, tls
from engine.system.http_answers import trouble
from engine.system.refusals import refusal

_REDIRECTS = (301, 302, 303, 307, 308)
_AGENT = "thatlook"


class FeedNotServed(Unavailable):
    """The server of a feed did not give it at present."""


class DownloadStopped(Unavailable):
    """A download was asked to end before it was whole."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server said of a feed; `changed` is False where it is the one that was fetched before."""

    changed: bool
    etag: str | None = None
    last_modified: str | None = None
    file_name: str = "feed"


def download(
    url: str,
    into: Path,
    limits: RemoteLimits,
    *,
    known: Served | None = None,
    stopping: Event | None = None,
) -> Served:
    """Fetch a feed into a file, which is not made where the feed is still the `known` one.

    Raises:
        QueryRejected: no address of a feed, or one that leads into a private network.
        FeedUnreadable: the server refuses it, or it is too large.
        FeedNotServed: the server does not answer as it should, which may pass.
    """
    try:
        return _download(url, into, limits, known, stopping or Event())
    except NotServed as error:
        raise FeedNotServed(_of_a_feed(error.message)) from None
    except InputRejected as error:
        if isinstance(error, FeedUnreadable):
            raise
        raise type(error)(_of_a_feed(error.message)) from None
    except UNANSWERED as error:
        raise FeedNotServed(f"The feed's address {trouble(error)}.") from None
    except OSError as error:
        raise refusal(error, "The feed cannot be stored", into) from error


def check_address(url: str, limits: RemoteLimits) -> None:
    """Refuse what cannot be the address of a feed, without asking anybody.

    Raises:
        QueryRejected: with the reason.
    """
    try:
        check_url(url, limits)
    except InputRejected as error:
        raise type(error)(_of_a_feed(error.message)) from None


def _download(url: str, into: Path, limits: RemoteLimits, known: Served | None, stopping: Event) -> Served:
    give_up = time.monotonic() + limits.timeout_s
    url, signed = _without_password(url, limits)
    backend = CheckedBackend(limits, give_up)
    with httpcore.ConnectionPool(ssl_context=tls(), network_backend=backend, max_connections=1) as pool:
        for _ in range(limits.max_redirects + 1):
            check_url(url, limits)
            headers = _headers(url, known, signed)
            timeouts = dict.fromkeys(("connect", "read", "write", "pool"), limits.silent_s)
            with pool.stream("GET", url, headers=headers, extensions={"timeout": timeouts}) as response:
                said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                if response.status in _REDIRECTS and "location" in said:
                    url, signed = _redirected(url, said["location"], signed)
                    continue
                if response.status == 304 and known is not None:
                    return Served(False, known.etag, known.last_modified, known.file_name)
                _check_status(response.status)
                with into.open("wb") as file:
                    _copy(response, file, limits, stopping)
                return Served(True, said.get("etag"), said.get("last-modified"), _file_name(url))
    raise FeedUnreadable(f"The feed's address redirects more than {limits.max_redirects} times.")


def _headers(url: str, known: Served | None, signed: Mapping[str, str]) -> list[tuple[bytes | str, bytes | str]]:
    headers = {"Host": urlsplit(url).netloc, "User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    headers |= signed
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return list(headers.items())


def _without_password(url: str, limits: RemoteLimits) -> tuple[str, dict[str, str]]:
    """A trusted address's name and password as a header; others may have none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.username is None or host.casefold() not in limits.trusted:
            return url, {}
        place = f"[{host}]" if ":" in host else host
        plain = urlunsplit(parts._replace(netloc=place if parts.port is None else f"{place}:{parts.port}"))
    except ValueError:
        return url, {}  # `check_url` says what is wrong.
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return plain, {"Authorization": f"Basic {b64encode(words).decode()}"}


def _redirected(url: str, location: str, signed: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where it goes on; another host does not get the password."""
    target = urljoin(url, location)
    here, there = urlsplit(url), urlsplit(target)
    same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    return target, signed if same else {}


def _check_status(status: int) -> None:
    if status == 200:
        return
    if status >= 500 or status in (408, 425, 429):
        raise FeedNotServed(f"The feed's address answered with status {status}; it is tried again later.")
    raise FeedUnreadable(f"The feed's address answered with status {status}, not with a feed.")


def _copy(response: httpcore.Response, file: BinaryIO, limits: RemoteLimits, stopping: Event) -> None:
    written = 0
    for piece in response.iter_stream():
        written += len(piece)
        if written > limits.max_bytes:
            raise FeedUnreadable(f"The feed behind the address has more than {limits.max_bytes:,} bytes.")
        if stopping.is_set():
            raise DownloadStopped("The download was stopped.")
        file.write(piece)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])[:200] or "feed"


def _of_a_feed(message: str) -> str:
    """The words for an `image_url`, for a feed."""
    message = message.replace("The image_url", "The feed's address").replace("image_url", "feed's address")
    return message.replace("; send the picture itself", "; send the feed itself").replace("a picture", "a feed")
