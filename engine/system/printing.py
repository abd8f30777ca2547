"""What a program prints: lines that no stranger's text can break or steer, and one JSON document for scripts."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from contextlib import suppress

import click
import msgspec

from engine.system.redaction import redacted

_JOINERS = "\u200c\u200d"
"""Invisible, but part of how some scripts and emoji are written."""
_documents: list[int] = []
"""Lengths of the JSON documents that this process printed."""


def printable(text: str, *, keep: str = "") -> str:
    """Strangers' text for a terminal: control characters, also those that turn the direction of writing, are blanks.

    Surrogates, which stand for bytes that are no text, become U+FFFD. Passwords in addresses are hidden.
    """
    shown = redacted(text)
    return shown if shown.isprintable() else "".join(_shown(c, keep) for c in shown)


def _shown(c: str, keep: str) -> str:
    if c.isprintable() or c in keep or c in _JOINERS:
        return c
    return "\ufffd" if "\ud800" <= c <= "\udfff" else " "


def spelled(name: str) -> str:
    """A file's name as text that can be stored: bytes that are no UTF-8 are written as escapes, so names stay apart."""
    return name.encode("utf-8", "backslashreplace").decode()


def say(message: str, *, keep: str = "") -> None:
    """One line for people, on stderr. That nobody is there to read it does not end the work."""
    with suppress(OSError):
        click.echo(printable(message, keep=keep), err=True)


def print_json(document: object) -> None:
    """The one JSON document of a command, on stdout: UTF-8 whatever the terminal's encoding is, a line.

    Args:
        document: what `json` or `msgspec` can encode, or bytes that are JSON already.
    """
    data = document if isinstance(document, bytes) else encoded(document)
    _documents.append(len(data))
    if sys.stdout is None:  # The caller closed it and wants nothing.
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def json_was_printed() -> bool:
    """Whether this process has printed its JSON document."""
    return bool(_documents)


def encoded(document: object) -> bytes:
    """JSON as RFC 8259 has it: surrogates and numbers that are none become U+FFFD and null."""
    plain = msgspec.to_builtins(document, enc_hook=_plain)
    try:
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(plain), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def _plain(value: object) -> object:
    """NumPy's scalars and arrays, paths."""
    tolist = getattr(value, "tolist", None)
    return tolist() if callable(tolist) else str(value)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
