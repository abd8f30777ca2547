"""Text that was encoded as UTF-8 twice ("ChloÃ©") → what was meant ("Chloé"), only where that is certain."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.products.limits import MAX_TEXT

_HOLES = {code: bytes([code]) for code in range(256)}
"""Latin-1's characters as their bytes; Windows-1252 has others for some of them, which Python knows."""
_AS_READ = "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
"""What the second and later bytes of a character look like, when they are read as Windows-1252 or Latin-1."""
_SUSPECT = re.compile(rf"[\u00c2-\u00f4]{_AS_READ}")
_MEANT = re.compile(
    "[\u00a0-\u017f\u0218-\u021b\u2010-\u2044\u20a0-\u20bf\u2100-\u22ff\u2600-\u27bf\U0001f300-\U0001faff]"
)
"""Characters that one pair or triple alone may tell: of Latin letters, signs and pictures."""
_SCRIPTS = re.compile("[\u0370-\u06ff\u0e00-\u0eff\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
"""Letters of other scripts, which are believed where several stand together."""
_CAPITAL_AND_SIGN = re.compile(rf"[A-Z][\u00c3-\u00f4]{_AS_READ}(?![A-Za-z])")
"""As "LÃ®" ends a word that is written in capitals."""
_MOST_TIMES, _LONGEST = 3, 4 * MAX_TEXT
_KEPT = frozenset({"id", "item_group_id", "link", "image_link", "additional_image_link"})
"""Names and addresses, which stay as they are."""


def once_encoded_fields(fields: Mapping[str, object]) -> tuple[dict[str, object], tuple[str, ...]]:
    """A product's fields with the texts that were meant, and the names of those that were put right."""
    meant = {name: value if name in _KEPT else _value(value) for name, value in fields.items()}
    changed = (name for name, value in meant.items() if value is not fields[name] and value != fields[name])
    return meant, tuple(changed)


def _value(value: object) -> object:
    if isinstance(value, str):
        return once_encoded(value)
    if isinstance(value, list | tuple):
        return type(value)(_value(one) if isinstance(one, str) else one for one in value)
    if isinstance(value, Mapping):
        return {_value(name): _value(one) if isinstance(one, str) else one for name, one in value.items()}
    return value


def once_encoded(text: str) -> str:
    """The text that was meant; the same text where it may be meant as it is ("NESCAFÉ®")."""
    if len(text) > _LONGEST:
        return text
    for _ in range(_MOST_TIMES):
        if text.isascii() or not _SUSPECT.search(text) or (meant := _read_again(text)) is None:
            break
        text = meant
    return text


def _read_again(text: str) -> str | None:
    try:
        meant = b"".join(_HOLES.get(ord(each)) or each.encode("cp1252") for each in text).decode("utf-8")
    except UnicodeError:
        return None
    return meant if _is_certain(text, meant) else None


def _is_certain(text: str, meant: str) -> bool:
    """Whether all that would become another character is a likely one, and no capital letter before a sign."""
    others = [each for each in meant if not each.isascii()]
    strange = [each for each in others if not _MEANT.match(each)]
    if any(not _SCRIPTS.match(each) for each in strange) or len(strange) == 1:
        return False
    return len(others) > 1 or not _CAPITAL_AND_SIGN.search(text)
