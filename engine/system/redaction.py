"""Addresses as they may be shown: without the password in them.

Whatever goes to a terminal, a log, the ledger or an HTTP answer and may hold an address goes through `redacted`.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_LONGEST = 512
"""Characters of a user part that are looked through: bounded, so that any text costs linear time."""
_USER = re.compile(rf"(?<=//)[^\s/?#\\]{{0,{_LONGEST}}}@")
"""`user:password@` before a host; a raw `@` in the password too, as it goes on to the last one before the path."""
_RAW_SLASH = re.compile(rf"(?<=//)[^\s/?#@:\[]{{0,{_LONGEST}}}:(?!\d{{1,5}}(?:[/?#\s]|$))[^\s@]{{0,{_LONGEST}}}@")
"""The same where somebody left `/`, `?` or `#` in the password unescaped; a port is no password."""
_ENCODED = re.compile(rf"(?<=%3a%2f%2f)(?:(?!%2f|%3f|%23)[^\s/?#&]){{0,{_LONGEST}}}?%40", re.IGNORECASE)
"""An address inside another one's query."""
_SECRET = re.compile(
    r"(?<![^?&;#])((?:[a-z0-9_.-]{0,40}[_.-])?(?:password|passwd|pwd|secret|token|signature|sig|credential|api[_-]?key"
    rf"|access[_-]?key(?:id)?|awsaccesskeyid)=)[^\s&;#<>\"']{{1,{4 * _LONGEST}}}",
    re.IGNORECASE,
)
"""Parameters that let whoever reads them in: signed addresses of S3, Azure and the like."""


def redacted(text: str) -> str:
    """The text with `***` for what stands between `//` and `@`, and for secrets among an address's parameters.

    `https://shop:pa@ss@host/p.jpg?token=x&w=2` becomes `https://***@host/p.jpg?token=***&w=2`. Other text, and
    addresses without secrets, stay as they are.
    """
    if "//" not in text and "%3a%2f%2f" not in text.casefold():
        return text
    for pattern in (_RAW_SLASH, _USER):
        text = pattern.sub(f"{HIDDEN}@", text)
    return _SECRET.sub(rf"\g<1>{HIDDEN}", _ENCODED.sub(f"{HIDDEN}%40", text))
