"""Base64 as programs write it is read; what is none is refused with what is wrong with it."""

from __future__ import annotations

import base64

import pytest

from api.http.base64_text import decode_base64
from engine.errors import ImageUnreadable

DATA = bytes(range(256)) + b"\xfb\xff\xfe"
STANDARD = base64.b64encode(DATA).decode()
SAFE = base64.urlsafe_b64encode(DATA).decode()


@pytest.mark.parametrize("n", range(1, 5))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_padding_may_be_missing(n: int, encode: object) -> None:
    """Every length, in both alphabets."""
    data = b"\xfb\xff\xfe\xff"[:n]
    text = encode(data).decode()  # type: ignore[operator]
    assert decode_base64(text) == decode_base64(text.rstrip("=")) == data


@pytest.mark.parametrize(
    "text",
    [
        STANDARD,
        SAFE,
        base64.encodebytes(DATA).decode(),
        SAFE.replace("A", "A\r\n "),
        f"\n\t{STANDARD} \n",
        f"data:image/jpeg;base64,{STANDARD}",
        f"DATA:image/jpeg;base64,{SAFE.rstrip('=')}",
        f"Data:IMAGE/JPEG;Charset=utf-8;BASE64,{STANDARD}",
        f'data:image/jpeg;name="a,b;c.jpg";base64,{STANDARD}',
        f"data:image/jpeg;name=look,1.jpg;base64,\n{STANDARD}",
        f"data:;base64,{STANDARD}",
        f"  data:image/svg+xml; base64 , {STANDARD}",
        "data:image/png;base64," + STANDARD.replace("+", "%2B").replace("/", "%2f").replace("=", "%3D"),
    ],
)
def test_forms(text: str) -> None:
    """Alphabets, lines, data URLs in any letter case, with parameters and commas in their media type."""
    assert decode_base64(text) == DATA


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AAAA!AAA", "'!', at 4"),
        ("AAAé", "'é'"),
        ("AA==AAAA", "padding ('=') in its middle"),
        ("AAAAA", "cut short"),
        ("AAA====", "more than two '='"),
        ("ab+/ab-_", "mixes the standard alphabet"),
        ("data:image/jpeg,AAAA", "without ';base64,'"),
        ("data:image/jpeg;base64", "without ';base64,'"),
        ("ffd8:ffe0", "':', at 4"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    """What is wrong, where, and what is taken."""
    with pytest.raises(ImageUnreadable) as refused:
        decode_base64(text)
    assert words in refused.value.message
    assert len(refused.value.message) < 400


def test_nothing_is_nothing() -> None:
    """An empty text is an empty picture, which is told elsewhere."""
    assert decode_base64("") == decode_base64("data:image/png;base64,") == b""
