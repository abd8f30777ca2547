"""Files that are no picture that is read, by the name that people know them by."""

from __future__ import annotations

import re

from engine.decoding.formats.outline import FORMATS

_STARTS = (
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"PK\3\4", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%!PS", "a PostScript file"),
    (b"\x1a\x45\xdf\xa3", "a film"),
    (b"data:image/", "the text of a data URL, not its bytes"),
)
_FILM = re.compile(rb"....(?:ftyp|moov|mdat)|RIFF....AVI ", re.DOTALL)
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE svg[^>]*>\s*)*<svg[\s>/]", re.DOTALL | re.I
)
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype html|<html|<head|<body)", re.IGNORECASE)
_LOOKED_AT = 1024
_FORMATS = ", ".join(FORMATS)


def no_picture(data: bytes) -> str:
    """Why a file is not taken, and what to do."""
    kind = _kind(data[:_LOOKED_AT])
    return f"The file is not an image that can be read{f': it is {kind}' if kind else ''}; send one of {_FORMATS}."


def _kind(start: bytes) -> str | None:
    if found := next((name for magic, name in _STARTS if start.startswith(magic)), None):
        return found
    if _FILM.match(start):
        return "a film"
    if _SVG.match(start):
        return "an SVG drawing"
    if _WEB_PAGE.match(start):
        return "a web page (HTML), such as a server's error page"
    return "text" if _is_text(start) else None


def _is_text(start: bytes) -> bool:
    try:
        return start.decode("ascii").replace("\n", "").replace("\r", "").replace("\t", "").isprintable()
    except UnicodeError:
        return False
