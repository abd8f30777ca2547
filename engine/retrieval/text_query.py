"""The words of a search, wanted and unwanted, within their limits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import TextRejected

MAX_TEXT = 1_000
MAX_TEXTS = 16
_BROKEN = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Wanted and unwanted words."""

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        texts = (*self.positive, *self.negative)
        if not texts:
            raise TextRejected("The text is empty; say what is wanted.")
        if len(texts) > MAX_TEXTS:
            raise TextRejected(f"There are {len(texts)} texts; the most is {MAX_TEXTS}.")
        for text in texts:
            if not text.strip():
                raise TextRejected("The text is empty; say what is wanted.")
            if _BROKEN.search(text):
                raise TextRejected("The text has bytes that are no characters; write it as UTF-8.")
            if len(text) > MAX_TEXT:
                raise TextRejected(f"The text has {len(text):,} characters; the most is {MAX_TEXT:,}.")
