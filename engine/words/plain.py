"""Text → words: marks as on a keyboard, casefolded, every spelling of one word the same."""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from engine.values import composed, keyboard
from engine.words.english import english

_TEE = re.compile(r"\bt(?:ee)?[\s\-]?shirt")
_MINUS = re.compile(r"(?<!\S)[-\u2212!¬](?=[^\W\d_])|(?<!\w)not\s?[(:]\s?(?=[^\W\d_])", re.IGNORECASE)
_UN = re.compile(r"\bun-(?=[^\W\d_])")
_FREE = re.compile(r"\b([^\W\d_]+)[\s\-]free\b(?!\s+(?:delivery|shipping|size|of|from)\b)")
_WITH = re.compile(r"\bw/(o(?:ut)?\b)?")
_ELISION = re.compile(r"(?<!\w)(?:[ldnjscm]|qu)'(?=[^\W\d_])")
"""French letters before a vowel: "n'est", "d'été"."""
_DASH = re.compile(r"(?<=[^\W\d])-(?=\w)|(?<=\w)-(?=[^\W\d])")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[,;/&+.!?:()]")
MARKS = frozenset(",;/&+.!?:()")


def plain(text: str) -> str:
    """Casefolded, with a keyboard's marks; "off-white" is "off white", "dress !red" is "dress not red"."""
    words = normalize("NFKC", keyboard(_MINUS.sub("not ", composed(text)))).casefold()
    words = _ELISION.sub(" ", words)
    if not words.isascii():
        words = _emoji().sub(lambda found: f" {english().emoji[found[0].rstrip(chr(0xFE0F))]} ", words)
    words = _TEE.sub("tshirt", _WITH.sub(lambda found: "without" if found[1] else "with ", words))
    return _DASH.sub(" ", _UN.sub("un", _FREE.sub(r"without \1 ;", words)))


def tokens(text: str) -> list[str]:
    """Words and the marks that part them, "t-shirt" in all its spellings "tshirt"; "women's" is "women"."""
    return [word.removesuffix("'s").removesuffix("s'") for word in _TOKEN.findall(plain(text))]


def spelled(words: list[str]) -> str:
    """Words as a text for a model that reads."""
    return re.sub(r" (?=[,;.!?:)])", "", " ".join(words)).replace("tshirt", "t-shirt")


@cache
def _emoji() -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(map(re.escape, english().emoji)) + ")\ufe0f?")
