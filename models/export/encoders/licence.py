"""Whose leave an encoder is used by: named by its folder, or by whoever imports it."""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import QueryRejected

OPEN = frozenset(
    {
        *("apache-2.0", "mit", "isc", "unlicense", "bsd", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "zlib"),
        *("cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "agpl-3.0", "gpl-3.0", "lgpl-3.0", "mpl-2.0"),
    }
)
"""Under which weights may be used in a shop and passed on."""
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
_NAMED = re.compile(r"^license:\s*['\"]?([\w.+-]+)", re.MULTILINE)
_TEXTS = {"apache license": "apache-2.0", "mit license": "mit", "bsd 3-clause": "bsd-3-clause"}


def licence_of(folder: Path) -> str | None:
    """What the model card's front matter names, or what the text of LICENSE begins with."""
    card = folder / "README.md"
    front = _FRONT_MATTER.match(card.read_text("utf-8", errors="ignore")) if card.is_file() else None
    if front and (named := _NAMED.search(front[1])):
        return named[1].lower()
    for path in (folder / "LICENSE", folder / "LICENSE.txt", folder / "LICENSE.md"):
        if path.is_file():
            start = path.read_text("utf-8", errors="ignore")[:400].lower()
            return next((name for words, name in _TEXTS.items() if words in start), None)
    return None


def check_licence(found: str | None, said: str | None, *, accepted: bool) -> str:
    """The licence that the weights are used under.

    Raises:
        QueryRejected: nobody named one, the two names differ, or it is none that lets a shop use the weights.
    """
    if found and said and found.lower() != said.lower():
        raise QueryRejected(f"--licence says {said}, and the encoder's own card says {found}; leave the option out.")
    licence = (found or said or "").lower()
    if not licence:
        raise QueryRejected("The encoder does not name its licence. Look it up and name it with --licence NAME.")
    if licence not in OPEN and not accepted:
        raise QueryRejected(
            f"The encoder is licensed under {licence!r}, which is not known to be open. If you have read it and may "
            "use the weights, say so with --accept-licence."
        )
    return licence
