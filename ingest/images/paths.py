"""A feed's path → the file that it means, however either of them is written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote


def found_path(root: Path, written: str) -> Path:
    """The file's path, links followed; of spellings that lead to nothing, the one written.

    Percent-encoding, backslashes and Unicode's composed or decomposed form make no difference: Macs write file names
    decomposed ("e" and an accent), feeds mostly composed ("é").
    """
    plain = (root / written).resolve()
    if plain.exists():
        return plain
    for other in _spellings(written):
        path = (root / other).resolve()
        if path.exists():
            return path
    if written.isascii() and "%" not in written:
        return plain
    return _by_entries(root, unquote(written)) or plain


def _spellings(written: str) -> Iterator[str]:
    plain = dict.fromkeys((written, unquote(written), written.replace("\\", "/")))
    for text in plain:
        yield text
        if not text.isascii():
            yield unicodedata.normalize("NFC", text)
            yield unicodedata.normalize("NFD", text)


def _by_entries(root: Path, written: str) -> Path | None:
    """The path whose every part is the same text as one of its folder's entries; None where there is none."""
    path = root
    for part in Path(written).parts:
        direct = path / part
        if direct.exists() or part.isascii():
            path = direct
            continue
        wanted = unicodedata.normalize("NFC", part)
        entries = path.iterdir() if path.is_dir() else iter(())
        named = next((one for one in entries if unicodedata.normalize("NFC", one.name) == wanted), None)
        if named is None:
            return None
        path = named
    return path.resolve() if path.exists() else None
