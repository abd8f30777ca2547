"""Unicode's normal forms in linear time, whatever the text."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

_LONGEST_RUN = 30
"""Marks on one letter, as in Unicode's stream-safe text format (UAX #15); real writing has fewer."""
_SUSPECT = re.compile(rf"[^\x00-\u02ff]{{{_LONGEST_RUN + 1}}}")


def nfc(text: str) -> str:
    """The composed form: "é" is one character, however it was typed.

    Putting n marks on one letter in order takes n² steps, in which nothing else runs; of more than 30 the first are
    kept.
    """
    if text.isascii():
        return text
    return normalize("NFC", _without_runs(text) if _SUSPECT.search(text) else text)


def _without_runs(text: str) -> str:
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if combining(character) else 0
        if run <= _LONGEST_RUN:
            kept.append(character)
    return "".join(kept)
