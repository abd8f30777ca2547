"""What other servers say, read with care: when to come back, bodies that are packed unasked, and what went wrong."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_GZIP_OR_ZLIB = 47
"""zlib's `wbits` by which it sees itself which of the two it is."""


class Garbled(ValueError):
    """A body that is not what its server says; the message ends a sentence that begins with the server."""


def retry_after_s(said: str | None) -> float | None:
    """Seconds until a server wants to be asked again, of its `Retry-After`: a number, or a date."""
    text = (said or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def unpacked(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """The bytes of a body that some servers and proxies pack although nobody asked for it, in pieces of any size.

    Whoever reads them counts them, and stops where they are too many.

    Raises:
        Garbled: packed in another way, or not as it says.
    """
    kind = (encoding or "").strip().lower()
    if kind in ("", "identity"):
        yield from pieces
    elif kind in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(pieces)
    else:
        raise Garbled(f"is packed as {kind[:40]!r}, which was not asked for")


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in pieces:
            left = piece
            while left:
                yield inflate.decompress(left, 1 << 16)
                left = inflate.unconsumed_tail
    except zlib.error:
        raise Garbled("is not packed as it says") from None
    if not inflate.eof:
        raise Garbled("broke off")


def trouble(error: BaseException) -> str:
    """What became of a request that was not answered, as the end of a sentence that begins with the address."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return "does not speak TLS as it should"
    if isinstance(cause, TimeoutError):
        return "did not answer in time"
    if isinstance(cause, OSError):
        return f"cannot be reached ({cause.strerror or 'the connection broke off'})"
    return "broke off, or did not answer in HTTP"
