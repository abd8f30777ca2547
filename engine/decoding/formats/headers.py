"""Which kind of file it is, and its outline."""

from __future__ import annotations

from engine.decoding.formats import iso_file, jpeg_file, png_file, raw_files, tiff_file, webp_file
from engine.decoding.formats.outline import Outline


def outline_of(data: bytes) -> Outline:
    """Read a file's header.

    Raises:
        ImageUnreadable: not a picture of a kind that is read.
        ImageTooLarge: a header that declares more work than any picture needs.
    """
    if data[:3] == b"\xff\xd8\xff":
        return jpeg_file.outline(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return png_file.outline(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp_file.outline(data)
    if data[4:8] == b"ftyp":
        return iso_file.outline(data)
    if data[:4] in tiff_file.STARTS:
        return tiff_file.outline(data)
    return raw_files.outline(data)
