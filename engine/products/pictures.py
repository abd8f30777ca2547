"""Picture references as shops write them → addresses, or paths beside the feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from engine.products.limits import MAX_LINK
from engine.products.text import address
from engine.products.values import texts_of

_BEFORE_ADDRESS = re.compile(r"\s*[,;|\n]\s*(?=(?:(?:https?|s3):)?//)|\s+(?=(?:https?|s3)://)", re.IGNORECASE)
"""Commas part pictures, but may also be part of an address (image servers write sizes so)."""
_BETWEEN_PATHS = re.compile(r"[,;|\n]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ADDRESS_KEYS = ("url", "src", "contentUrl", "content_url", "href", "link", "uri")
_SAFE = "%/:?#[]@!$&'()*+,;=~-._"


class PictureRefused(ValueError):
    """A picture reference that cannot be used; the message is for the shop's staff."""


def picture_references(
    main: object, more: object, *, paths: bool, secure: bool = True
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every reference once, the main picture first; and why further ones were left out.

    Args:
        main, more: `image_link` and `additional_image_link`: a text or a list; in one text commas part several.
        paths: a reference may be a path beside the feed.
        secure: an address without a scheme ("//cdn.example/a.jpg") means https.
    Raises:
        PictureRefused: there is no main picture, or it cannot be used.
    """
    found = [_checked("image_link", text, paths=paths, secure=secure) for text in _texts("image_link", main)]
    if not found:
        raise PictureRefused("image_link is empty; a product without a picture cannot be found by one")
    notes: list[str] = []
    for text in (piece for one in _texts("additional_image_link", more) for piece in _pieces(one)):
        try:
            found.append(_checked("additional_image_link", text, paths=paths, secure=secure))
        except PictureRefused as error:
            notes.append(f"{error}; it was left out")
    return tuple(dict.fromkeys(found)), tuple(notes)


def encoded_address(url: str) -> str:
    """An address with everything percent-encoded that must be, and its host in ASCII; what is encoded stays so."""
    parts = urlsplit(url)
    host = parts.netloc
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return quote(url, safe=_SAFE)
    rest = urlunsplit(("", "", parts.path, parts.query, ""))
    return f"{parts.scheme}://{host}{quote(rest, safe=_SAFE)}"


def _texts(name: str, value: object) -> list[str]:
    try:
        return [text for one in texts_of(_addresses(value)) if (text := address(one))]
    except ValueError as error:
        raise PictureRefused(f"{name} {error}; give addresses") from None


def _addresses(value: object) -> object:
    """Objects that hold a picture's address (`{"url": …}`, `{"src": …}`), alone or in a list, as that address."""
    if isinstance(value, list | tuple):
        return [_addresses(one) if isinstance(one, Mapping) else one for one in value]
    if isinstance(value, Mapping):
        return next((one for key in _ADDRESS_KEYS if isinstance(one := value.get(key), str)), value)
    return value


def _pieces(text: str) -> list[str]:
    """The references in one text."""
    if text[:5].casefold() == "data:":
        return [text]
    parts = _BEFORE_ADDRESS.split(text)
    pieces = (one for part in parts for one in ([part] if "//" in part else _BETWEEN_PATHS.split(part)))
    return [reference for piece in pieces if (reference := address(piece.strip(" ,;|\n\t\r")))]


def _checked(name: str, text: str, *, paths: bool, secure: bool) -> str:
    if text.startswith("//"):
        text = f"{'https' if secure else 'http'}:{text}"
    told = text if len(text) <= 80 else f"{text[:77]}…"
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].casefold() == "data":
        raise PictureRefused(f"{name} is a data: address; give an address from which the picture can be fetched")
    if len(text) > MAX_LINK or _CONTROL.search(text):
        raise PictureRefused(f"{name} {told!r} has control characters, or more than {MAX_LINK:,} characters")
    if scheme and scheme[1].casefold() in ("http", "https", "s3"):
        if not _has_host(text):
            raise PictureRefused(f"{name} {told!r} names no host")
    elif not paths:
        raise PictureRefused(f"{name} {told!r} is not an http(s) or s3 address")
    return text


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.netloc) and "://" in url
