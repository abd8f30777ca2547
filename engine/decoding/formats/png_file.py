"""A PNG file's chunks: what its pixels need is kept, and nothing else is read by the decoder.

Browsers show a picture whatever its metadata look like: huge, compressed a thousandfold, or with a broken checksum.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from engine.decoding.formats.orientation import exif_orientation, xmp_orientation
from engine.decoding.formats.outline import MAX_PROFILE_BYTES, Outline
from engine.decoding.formats.primaries import profile_of_codes, profile_of_png
from engine.errors import ImageTooLarge, ImageUnreadable

MAX_CHUNKS = 20_000
MAX_METADATA_BYTES = 256 * 1024
"""Of XMP and of EXIF written as text, once decompressed: only their orientation is read."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Colour type → bits for each sample."""


_COLORS = {b"cICP": 4, b"sRGB": 1, b"cHRM": 32, b"gAMA": 4}
"""Chunks that say what the colours are, and how long each is."""
_METADATA = frozenset({b"eXIf", b"iCCP", b"iTXt", b"zTXt", b"tEXt", *_COLORS})


@dataclass(slots=True)
class _Chunks:
    kept: list[bytes | memoryview] = field(default_factory=list)
    header: bytes = b""
    metadata: dict[str, bytes] = field(default_factory=dict)
    pixels: bool = False
    ended: bool = False


def outline(data: bytes) -> Outline:
    """Read a PNG's chunks.

    Raises:
        ImageUnreadable: it has no header, no pixels, or is of Apple's private kind.
        ImageTooLarge: more than `MAX_CHUNKS` chunks.
    """
    found = _Chunks()
    _walk(data, found)
    header = found.header
    if not found.pixels or len(header) != 13 or header[8] not in _DEPTHS.get(header[9], ()):
        raise ImageUnreadable("The image is damaged or cut short (a PNG without header or pixels); send it again.")
    texts = found.metadata
    orientation = exif_orientation(texts.get("exif")) or exif_orientation(_exif_in_text(texts.get("text")))
    return Outline(
        "PNG",
        b"".join([_SIGNATURE, *found.kept, _END]),
        (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")),
        orientation or xmp_orientation(texts.get("xmp")),
        _profile(texts),
        simple=header[8] == 8 and not header[12],
        bytes_per_pixel=8 if header[8] <= 8 else 12,
        whole=found.ended,
    )


def _walk(data: bytes, found: _Chunks) -> None:
    view, at = memoryview(data), 8
    for _ in range(MAX_CHUNKS):
        length, name = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8])
        found.ended = name == b"IEND"
        if found.ended or len(name) < 4 or not name.isalpha():
            return
        _take(name, view[at : at + 12 + length], found)
        at += 12 + length
    raise ImageTooLarge(f"The image costs too much to decode: a PNG of more than {MAX_CHUNKS:,} chunks.")


def _take(name: bytes, chunk: memoryview, found: _Chunks) -> None:
    body = chunk[8:-4] if len(chunk) == 12 + int.from_bytes(chunk[:4], "big") else chunk[8:]
    if name == b"CgBI":
        raise ImageUnreadable("The image is a PNG in Apple's private form (CgBI); save it as an ordinary PNG.")
    if name == b"IHDR" and not found.header:
        found.header = bytes(body)
        found.kept.append(chunk)
    elif name == b"IDAT":
        found.pixels = True
        found.kept.append(_whole(name, chunk, body))
    elif name == b"PLTE" or (name == b"tRNS" and _intact(chunk) and _fits(body, found.header)):
        found.kept.append(chunk)
    elif name in _METADATA and _intact(chunk):
        _take_metadata(name, body, found.metadata)


def _whole(name: bytes, chunk: memoryview, body: memoryview) -> bytes | memoryview:
    """The chunk, its length corrected where the file ends in it."""
    if len(chunk) == 12 + int.from_bytes(chunk[:4], "big"):
        return chunk
    return len(body).to_bytes(4, "big") + name + bytes(body) + zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big")


def _fits(transparency: memoryview, header: bytes) -> bool:
    """Whether transparency is as long as the colour type wants it."""
    return len(transparency) in {0: (2,), 2: (6,), 3: range(1, 257)}.get(header[9] if len(header) > 9 else 6, ())


def _intact(chunk: memoryview) -> bool:
    length = int.from_bytes(chunk[:4], "big")
    return len(chunk) == 12 + length and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _take_metadata(name: bytes, body: memoryview, metadata: dict[str, bytes]) -> None:
    """Keep what tells the orientation or the colours; the rest is never decompressed."""
    if name in _COLORS:
        if len(body) == _COLORS[name]:
            metadata.setdefault(name.decode(), bytes(body))
        return
    if name == b"eXIf":
        metadata.setdefault("exif", bytes(body[:65536]))
        return
    keyword, _, rest = bytes(body[:80]).partition(b"\0")
    value = body[len(keyword) + 1 :]
    if name == b"iCCP":
        if profile := _inflated(value[1:], MAX_PROFILE_BYTES):
            metadata.setdefault("profile", profile)
    elif keyword in (b"Raw profile type exif", b"Raw profile type APP1"):
        text = _inflated(value[1:], MAX_METADATA_BYTES) if name == b"zTXt" else bytes(value[:MAX_METADATA_BYTES])
        metadata.setdefault("text", text)
    elif keyword == b"XML:com.adobe.xmp" and name == b"iTXt" and len(rest) >= 2:
        texts = bytes(value[2 : 2 + MAX_METADATA_BYTES]).split(b"\0", 2)
        if len(texts) == 3:
            metadata.setdefault("xmp", _inflated(texts[2], MAX_METADATA_BYTES) if rest[0] else texts[2])


def _profile(metadata: dict[str, bytes]) -> bytes | None:
    """What the colours are, by the chunk that counts most: cICP, iCCP, sRGB, then cHRM and gAMA."""
    if codes := metadata.get("cICP"):
        return profile_of_codes(codes[0], codes[1])
    if profile := metadata.get("profile"):
        return profile
    if "sRGB" in metadata:
        return None
    return profile_of_png(metadata.get("cHRM"), metadata.get("gAMA"))


def _inflated(packed: bytes | memoryview, most: int) -> bytes:
    """Decompressed, or nothing where it is damaged or larger than `most`."""
    stream = zlib.decompressobj()
    try:
        text = stream.decompress(packed, most)
    except zlib.error:
        return b""
    return b"" if stream.unconsumed_tail else text


def _exif_in_text(text: bytes | None) -> bytes | None:
    """EXIF as ImageMagick writes it: a name and a length, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join((text or b"").decode("latin-1").split("\n")[3:]))
    except ValueError:
        return None
