"""Normal forms, and that no text makes them slow."""

from __future__ import annotations

import time
from unicodedata import normalize

import pytest

from engine.products.text import identifier, plain
from engine.unicode_forms import nfc
from engine.values import folded


@pytest.mark.parametrize(
    "text", ["", "plain", "cafe\u0301", "Łódź", "服装" * 40, "\u1100\u1161", "a" + "\u0316\u0301" * 15, "नमस्ते" * 20]
)
def test_what_people_write_is_composed_as_unicode_says(text: str) -> None:
    """The same as the library's, for every script."""
    assert nfc(text) == normalize("NFC", text)


def test_marks_without_end_are_cut() -> None:
    """Thirty on one letter are kept; letters behind them are untouched."""
    assert nfc("e" + "\u0301" * 1000 + "x\u0301") == normalize("NFC", "e" + "\u0301" * 30 + "x\u0301")


@pytest.mark.parametrize("pattern", ["\u0301\u0316", "\u0316\u0301\u0345", "&#769;&#790;"])
def test_no_text_is_slow(pattern: str) -> None:
    """Marks in changing order, whose number's square was the time before: 13 s for 64,000."""
    text = "a" + pattern * (200_000 // len(pattern))
    start = time.perf_counter()
    for read in (nfc, identifier, plain, folded):
        assert len(read(text)) < (200_000 if "&" in pattern else 100)
    assert time.perf_counter() - start < 3
