"""Base64 in the forms in which programs write it: standard or URL-safe, padded or not, in lines, as a data URL."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote

from engine.errors import ImageUnreadable

_BLANKS = b" \t\r\n\f\v"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/\-_]")
_MARK = re.compile(r";\s*base64\s*,", re.IGNORECASE)
_MOST_MEDIA_TYPE = 2_000


def decode_base64(text: str) -> bytes:
    """The bytes of `image_base64`.

    Raises:
        ImageUnreadable: not base64, with what is wrong and where.
    """
    try:
        data = _content(text).encode("ascii").translate(None, _BLANKS)
    except UnicodeEncodeError as error:
        raise _wrong(f"it holds the character {text[error.start]!r}") from None
    data = _unpadded(data)
    if len(data) % 4 == 1:
        raise _wrong("it is cut short, or has a character too many")
    try:
        return base64.b64decode(data.translate(_URL_SAFE) + b"=" * (-len(data) % 4), validate=True)
    except binascii.Error as error:
        raise _wrong(str(error).lower()) from None


def _content(text: str) -> str:
    """What stands behind a data URL's header; or the text itself."""
    head = text[:_MOST_MEDIA_TYPE].lstrip()
    if head[:5].lower() != "data:":
        return text
    start = len(text[:_MOST_MEDIA_TYPE]) - len(head)
    marks = list(_MARK.finditer(head))
    if not marks:
        raise ImageUnreadable("image_base64 is a data URL without ';base64,'; encode the picture's bytes as base64.")
    content = text[start + marks[-1].end() :]
    return unquote(content) if "%" in content else content


def _unpadded(data: bytes) -> bytes:
    """Without the padding at the end."""
    bare = data.rstrip(b"=")
    if len(data) - len(bare) > 2:
        raise _wrong("it ends with more than two '='")
    if found := _FOREIGN.search(bare):
        character = chr(found[0][0])
        where = "padding ('=') in its middle" if character == "=" else f"the character {character!r}"
        raise _wrong(f"it has {where}, at {found.start():,}")
    if (b"-" in bare or b"_" in bare) and (b"+" in bare or b"/" in bare):
        raise _wrong("it mixes the standard alphabet ('+', '/') with the URL-safe one ('-', '_')")
    return bare


def _wrong(why: str) -> ImageUnreadable:
    return ImageUnreadable(
        f"image_base64 is not valid base64: {why}. Encode the file's bytes in the standard or the URL-safe "
        "alphabet; padding, line breaks and a data URL's header may be there or not."
    )
