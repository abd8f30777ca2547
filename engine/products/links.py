"""Whether a text is the address of a page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_NO_HOST = re.compile(r"""[%\\<>"'{}|^`,;]|^\.|\.\.""")
_ANOTHER = re.compile(r"%20https?://", re.IGNORECASE)
"""Where a second address follows behind a blank."""


def is_address(text: str) -> bool:
    """Whether it is one http(s) address with a host that there can be."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port  # A port that is none raises.
    except ValueError:
        return False
    twice = host in ("http", "https") and parts.path.startswith("//")
    named = bool(host) and not twice and not _NO_HOST.search(host)
    return (
        parts.scheme.casefold() in ("http", "https") and named and not (_CONTROL.search(text) or _ANOTHER.search(text))
    )
