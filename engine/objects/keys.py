"""Which keys a picture may be stored under, the same for every store."""

from __future__ import annotations

from engine.errors import InputRejected

MAX_KEY_BYTES = 512
MAX_PART_BYTES = 200
"""File systems end at 255 bytes for a name; temporary names need some of them."""


def check_key(key: str) -> str:
    """The key itself, if every store can hold it and no folder can be left with it.

    Keys are relative, `/`-separated and printable; no part is empty or begins with a dot
    (which refuses `..` and leaves dotted names to the stores' own temporary files).

    Raises:
        InputRejected: any other key.
    """
    if problem := _problem(key):
        raise InputRejected(f"The image key {key[:80]!r} {problem}; use a relative key such as 'products/a.jpg'.")
    return key


def _problem(key: str) -> str | None:
    if not key.isprintable() or "\\" in key or any("\ud800" <= c <= "\udfff" for c in key):
        return "has characters that a key cannot have"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES} bytes"
    parts = key.split("/")
    if not all(parts):
        return "is empty, absolute, or has an empty part"
    if any(part.startswith(".") for part in parts):
        return "has a part that begins with a dot"
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return f"has a part longer than {MAX_PART_BYTES} bytes"
    return None
