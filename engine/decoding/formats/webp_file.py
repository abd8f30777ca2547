"""A WebP file's chunks: size, orientation and profile; a file that only lacks its end is made whole."""

from __future__ import annotations

from engine.decoding.formats.orientation import exif_orientation, xmp_orientation
from engine.decoding.formats.outline import MAX_PROFILE_BYTES, SIMPLE_PIXELS, Outline
from engine.errors import ImageUnreadable

MAX_CHUNKS = 10_000
_METADATA = (b"ICCP", b"EXIF", b"XMP ")
_CUT = "The image is damaged or cut short (a WebP without pixels); send it again."


def outline(data: bytes) -> Outline:
    """Read a WebP's chunks. Where the last one is cut short, zeros stand for what is missing.

    Raises:
        ImageUnreadable: it has no pixels.
    """
    kept, metadata, missing = _walk(data)
    size = _canvas(kept)
    profile = metadata.get(b"ICCP")
    orientation = exif_orientation(metadata.get(b"EXIF")) or xmp_orientation(metadata.get(b"XMP "))
    simple = size[0] * size[1] <= SIMPLE_PIXELS and all(name != b"ANMF" for name, _ in kept)
    return Outline(
        "WEBP", _joined(kept), size, orientation, profile, simple=simple, bytes_per_pixel=20, missing=missing
    )


def _walk(data: bytes) -> tuple[list[tuple[bytes, bytes]], dict[bytes, bytes], float]:
    kept: list[tuple[bytes, bytes]] = []
    metadata: dict[bytes, bytes] = {}
    missing, at = 0.0, 12
    for _ in range(MAX_CHUNKS):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if len(data) < at + 8:
            break
        body = data[at + 8 : at + 8 + length]
        if name in _METADATA:
            metadata.setdefault(name, body[:MAX_PROFILE_BYTES])
        elif kept and kept[-1][0] in (b"VP8 ", b"VP8L", b"ANMF"):
            pass  # The first frame is all that is shown; metadata may follow it.
        else:
            missing = 1 - len(body) / length if length else 0.0
            kept.append((name, body + bytes(min(length - len(body), len(data)))))
        at += 8 + length + length % 2
    return kept, metadata, missing


def _canvas(chunks: list[tuple[bytes, bytes]]) -> tuple[int, int]:
    """Width and height as the first chunk declares them."""
    for name, body in chunks[:1]:
        if name == b"VP8X" and len(body) >= 10:
            return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        if name == b"VP8 " and len(body) >= 10:
            return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
        if name == b"VP8L" and len(body) >= 5:
            bits = int.from_bytes(body[1:5], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise ImageUnreadable(_CUT)


def _joined(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A file of these chunks; its flags no longer promise the metadata that were taken out."""
    parts = []
    for name, body in chunks:
        whole = bytes([body[0] & 0b00010010]) + body[1:] if name == b"VP8X" else body
        parts += [name, len(whole).to_bytes(4, "little"), whole, bytes(len(whole) % 2)]
    size = 4 + sum(map(len, parts))
    return b"".join([b"RIFF", size.to_bytes(4, "little"), b"WEBP", *parts])
