"""Formats of feeds. `FORMATS` is the table to add one to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ingest.feeds.json_rows import read_json
from ingest.feeds.merchant_xml import read_xml
from ingest.feeds.rows import Reader
from ingest.feeds.tables import has_header, read_delimited

FORMATS: Mapping[str, Reader] = {
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".json": read_json,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".tab": read_delimited,
    ".txt": read_delimited,
    ".xml": read_xml,
    ".rss": read_xml,
    ".atom": read_xml,
}
"""Reader by suffix; `.gz` and `.zip` behind it are looked through."""
_BLANK = "\ufeff \t\r\n\x1e"
_HEAD = 8_192
"""Characters in which a feed's own beginning may stand behind a program's warnings."""
_OBJECT = re.compile(r"[\[{]\s*[\[{\"\n]")
_PACKED = (".gz", ".gzip", ".zip")


def reader_of(path: Path, start: str) -> Reader:
    """The reader for a feed, by what it begins with where that is plain, else by its name."""
    first = start.lstrip(_BLANK)[:5].casefold()
    suffix = next((s for s in map(str.casefold, reversed(path.suffixes)) if s not in _PACKED), "")
    named = FORMATS.get(suffix)
    if named is read_xml and re.search(r"<\?xml\s|<rss[\s>]", start[:_HEAD]):
        return read_xml
    if first.startswith(("<?xml", "<rss", "<feed", "<!doc", "<!--")):
        return read_xml
    if named is read_delimited and _OBJECT.match(start.lstrip(_BLANK)):
        return read_json
    if named is read_json and first and first[0] not in '{["' and has_header(start):
        return read_delimited
    if named is not None and not (named is read_xml and first and not first.startswith("<")):
        return named
    return read_json if first.startswith(("{", "[")) else read_xml if first.startswith("<") else read_delimited
