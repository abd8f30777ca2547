"""By which names this server may be asked, and by which sites' pages.

A page of a stranger can make its own name lead to 127.0.0.1 (DNS rebinding) and then speak to a server on the
visitor's machine as if it were its own. What gives it away is the name: it still stands in `Host`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from api.problems import HostNotAllowed, OriginNotAllowed, refuse
from engine.errors import QueryRejected

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(.+)")
_READING = ("GET", "HEAD", "OPTIONS", "TRACE")
_SETTING = "THATLOOK_ALLOWED_HOSTS"


def hosts_of(listening: str, allowed: str) -> frozenset[str] | None:
    """The hosts that a server takes requests for; None for all.

    Args:
        listening: the host that the server listens on.
        allowed: names separated by commas, `*.shop.example` for all names below one, `*` for all there are.
    """
    named = frozenset(_host(name) or _plain(name) for name in allowed.split(",") if name.strip())
    if "*" in named or not (named or _is_loopback(listening)):
        return None
    return named | {_plain(listening), "localhost"}


def origins_of(listed: str) -> tuple[str, ...]:
    """The sites whose pages may ask: `https://shop.example`, separated by commas.

    Raises:
        QueryRejected: what is no origin.
    """
    origins = tuple(dict.fromkeys(each.strip().lower().rstrip("/") for each in listed.split(",") if each.strip()))
    for origin in origins:
        if not (found := _ORIGIN.fullmatch(origin)) or _host(found[1]) is None:
            raise QueryRejected(
                f"{origin[:80]!r} is no origin; write https://shop.example, with commas between several."
            )
    return origins


def checked_hosts(inner: ASGIApp, allowed: Collection[str] | None, origins: Collection[str] = ()) -> ASGIApp:
    """Wrap an app so that it sees requests for these hosts alone, and changes nothing for other sites' pages.

    Args:
        origins: sites whose pages may ask all the same.
    """
    if allowed is None:
        return inner

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await inner(scope, receive, send)
            return
        try:
            _check(scope["method"], scope["headers"], allowed, origins)
        except (HostNotAllowed, OriginNotAllowed) as error:
            await refuse(scope, send, error)
            return
        await inner(scope, receive, send)

    return outer


def _check(
    method: str, headers: Iterable[tuple[bytes, bytes]], allowed: Collection[str], sites: Collection[str]
) -> None:
    named = _named(headers)
    hosts = named.get("host", [])
    if len(hosts) > 1 or not all(_is_allowed(_host(host), allowed) for host in hosts):
        raise HostNotAllowed(
            f"This server does not answer for the host {', '.join(hosts)[:200]!r}. Ask it by the name or address it "
            f"listens on; an operator lists further names in {_SETTING}."
        )
    listed = [origin for origin in named.get("origin", []) if origin.strip().lower() in sites]
    if method not in _READING and not listed:
        _check_site(named, hosts, allowed)


def _check_site(named: dict[str, list[str]], hosts: list[str], allowed: Collection[str]) -> None:
    """A page of another site may not write. Programs that are no browsers send neither of these headers."""
    origins = named.get("origin", [])
    foreign = any(not _is_own(origin, hosts, allowed) for origin in origins)
    if foreign or (not origins and "cross-site" in named.get("sec-fetch-site", [])):
        raise OriginNotAllowed(
            f"A page of another site ({', '.join(origins)[:200] or 'not named'}) may not do this here; an operator "
            f"lists sites that may in {_SETTING}."
        )


def _is_own(origin: str, hosts: list[str], allowed: Collection[str]) -> bool:
    """Whether a page comes from us: under the very name and port that is asked, or under a name that was listed."""
    found = _ORIGIN.fullmatch(origin.strip())
    authority = found[1] if found else ""
    host = _host(authority)
    listed = host is not None and not _is_local(host) and _is_allowed(host, allowed)
    return listed or (host is not None and any(authority.lower() == own.strip().lower() for own in hosts))


def _named(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower().decode("latin-1"), []).append(value.decode("latin-1"))
    return found


def _host(authority: str) -> str | None:
    """The host of `host[:port]`; None where it is not of this form."""
    found = _AUTHORITY.fullmatch(authority.strip())
    if not found or int(found[2] or 0) > 65_535:
        return None
    return _plain(found[1])


def _plain(name: str) -> str:
    """A host in the one form in which hosts are compared."""
    name = name.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _is_allowed(host: str | None, allowed: Collection[str]) -> bool:
    if host is None:
        return False
    above = (f"*.{host.split('.', n)[-1]}" for n in range(1, host.count(".") + 1))
    return host in allowed or _is_local(host) or any(name in allowed for name in above)


def _is_local(host: str) -> bool:
    """Whether a host as it is written leads to the machine itself, whoever resolves it."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _is_loopback(listening: str) -> bool:
    """Whether all addresses of a host are of the machine itself."""
    try:
        found: list[Any] = socket.getaddrinfo(listening, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_local(str(row[4][0])) for row in found)
