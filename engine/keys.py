"""Keys by which callers are known: what one may do, until when, and how it is told from a guess.

A key is `tl_ID_SECRET`. The secret is 256 random bits, of which only the SHA-256 is kept: there is nothing to guess
that a slow hash would have to protect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from engine.errors import QueryRejected

_FORM = re.compile(r"tl_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_LONGEST_NAME = 100


class Scope(StrEnum):
    """What a key may do; `admin` may do everything."""

    SEARCH = "search"
    CATALOGUE = "catalogue"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept.

    Attributes:
        digest: SHA-256 of its secret, in hexadecimal digits.
        used: when it was last used, to the minute.
    """

    key_id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    used: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def may(self, scope: Scope) -> bool:
        """Whether it may do this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class KeyBook(Protocol):
    """Where keys are kept. Safe to use from several threads and processes."""

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        ...

    def find(self, key_id: str) -> ApiKey | None:
        """A key by its id."""
        ...

    def all_keys(self) -> Sequence[ApiKey]:
        """All keys, revoked ones too, the oldest first."""
        ...

    def revoke(self, key_id: str, now: datetime) -> bool:
        """Let a key open nothing any more; False where there is no such key, or it was revoked before."""
        ...

    def note_use(self, key_id: str, now: datetime) -> None:
        """Write down that a key was used."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def new_key(name: str, scopes: Sequence[str], now: datetime, expires: datetime | None = None) -> tuple[str, ApiKey]:
    """A new key: what its holder is told once, and what is kept.

    Raises:
        QueryRejected: no name, no scope, one that does not exist, or an end that has passed.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise QueryRejected(f"Give the key a name of 1 to {_LONGEST_NAME} printable characters, to tell it by.")
    unknown = [scope for scope in scopes if scope not in list(Scope)]
    if unknown or not scopes:
        told = f"There is no scope {unknown[0]!r}" if unknown else "A key needs a scope"
        raise QueryRejected(f"{told}; use {', '.join(Scope)}.")
    if expires is not None and expires <= now:
        raise QueryRejected("The key would have expired already; give an end in the future.")
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    kept = ApiKey(key_id, name.strip(), _digest(secret), frozenset(map(Scope, scopes)), now, expires)
    return f"tl_{key_id}_{secret}", kept


def key_id_of(text: str) -> str | None:
    """The id that a key names; None where the text is no key."""
    found = _FORM.fullmatch(text)
    return found[1] if found else None


def matches(text: str, key: ApiKey | None) -> bool:
    """Whether a text is this key; takes as long for every text, whether or not there is a key."""
    found = _FORM.fullmatch(text)
    given, kept = _digest(found[2] if found else text), key.digest if key else _digest("")
    return hmac.compare_digest(given, kept) and found is not None and key is not None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
