"""Every kind of file: upright, in sRGB, whatever its metadata look like."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.color.naming import main_color
from engine.errors import ImageUnreadable
from engine.vision.crops import whole
from engine.vision.images import decode, decode_photo
from tests.fixtures.pictures import (
    ADOBE,
    KINDS,
    P3,
    SRGB,
    Primaries,
    chunk,
    drawing,
    exif,
    file_of,
    ink_profile,
    is_upright,
    noise,
    profile,
    turned,
    with_chunks,
)

TURNING = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
"""Kinds that are turned by their EXIF (AVIF: by what Pillow makes of it as it saves)."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read(kind: str) -> None:
    """The same drawing comes out of every kind of file, near enough."""
    pixels = decode(file_of(drawing(), kind))
    assert pixels.shape == (160, 96, 3)
    assert is_upright(pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TURNING)
def test_every_kind_is_turned_as_its_camera_says(kind: str, orientation: int) -> None:
    """Width and height are the upright picture's, at its own size and reduced."""
    stored = turned(orientation)
    options = {"exif": _pillow_exif(orientation)} if kind != "TIFF" else {"tiffinfo": {274: orientation}}
    data = file_of(stored, kind, **options)
    for photo in (decode_photo(data), decode_photo(data, enough_side=80)):
        assert (photo.width, photo.height) == (96, 160)
        assert is_upright(photo.pixels)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
@pytest.mark.parametrize("orientation", [2, 5, 6, 8])
def test_a_tiff_is_turned_once_however_it_is_packed(compression: str, orientation: int) -> None:
    """Pillow reads packed and plain TIFFs in two ways; both are turned, and only once."""
    data = file_of(turned(orientation), "TIFF", tiffinfo={274: orientation}, compression=compression)
    photo = decode_photo(data)
    assert (photo.width, photo.height, photo.pixels.shape) == (96, 160, (160, 96, 3))
    assert is_upright(photo.pixels)


def _pillow_exif(orientation: int) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    return made.tobytes()


ODD_TAGS = {
    "software as double": (0x0131, 12, 1, struct.pack("<d", 2.5)),
    "make as rational": (0x010F, 5, 1, struct.pack("<II", 1, 0)),
    "resolution as text": (0x011A, 2, 4, b"abc\0"),
    "resolution of signed parts": (0x011A, 10, 1, struct.pack("<ii", -1, 0)),
    "unit as signed long": (0x0128, 9, 1, struct.pack("<i", -7)),
    "a type that does not exist": (0x0131, 77, 3, b"abc"),
    "a value beyond the end": (0x9C9B, 1, 2_000_000_000, b"\xff\xff\xff\x7f"),
    "a directory that is itself": (0x8769, 4, 1, struct.pack("<I", 8)),
}


@pytest.mark.parametrize("tag", ODD_TAGS.values(), ids=ODD_TAGS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_exif_never_costs_a_picture(kind: str, tag: tuple[int, int, int, bytes]) -> None:
    """Of EXIF the orientation is read, and nothing else believed."""
    data = file_of(turned(6), kind, exif=exif(6, tag))
    assert is_upright(decode(data))


@pytest.mark.parametrize("kind", [1, 4, 9])
def test_an_orientation_of_another_whole_type_is_read(kind: int) -> None:
    """Some programs write it as BYTE or LONG; one out of range turns nothing."""
    value = struct.pack("<I", 6)
    odd = exif(6).replace(struct.pack("<HHI", 0x0112, 3, 1), struct.pack("<HHI", 0x0112, kind, 1))
    assert is_upright(decode(file_of(turned(6), "JPEG", exif=odd)))
    wrong = exif(6).replace(value, struct.pack("<I", 60))
    assert decode(file_of(turned(6), "JPEG", exif=wrong)).shape == (96, 160, 3)


def test_xmp_turns_a_picture_without_exif() -> None:
    """In either of the two ways to write it."""
    for text in (b'<x tiff:Orientation="6"/>', b"<tiff:Orientation>6</tiff:Orientation>"):
        assert is_upright(decode(file_of(turned(6), "JPEG", xmp=text)))
        assert is_upright(decode(file_of(turned(6), "WEBP", xmp=text)))


def test_an_iphones_heic_is_turned_once() -> None:
    """`irot` and EXIF both say so; the picture is turned by the first, and width and height with it."""
    data = file_of(turned(6), "HEIF", exif=_pillow_exif(6), quality=95)
    photo = decode_photo(data)
    assert (photo.width, photo.height) == (96, 160)
    assert is_upright(photo.pixels)


def test_heic_of_ten_bits_and_of_several_images() -> None:
    """10 bits become 8, and of several images the one that the file calls its first comes."""
    import pillow_heif

    grey = np.full((64, 96, 3), 32768, np.uint16)
    made = pillow_heif.from_bytes("RGB;16", (96, 64), grey.tobytes())
    buffer = io.BytesIO()
    made.save(buffer, quality=90)
    assert np.allclose(decode(buffer.getvalue()), 128, atol=4)
    pillow_heif.register_heif_opener()
    several, buffer = [Image.new("RGB", (96, 64), name) for name in ("black", "blue", "white")], io.BytesIO()
    several[0].save(buffer, "HEIF", save_all=True, append_images=several[1:], primary_index=1)
    assert np.allclose(decode(buffer.getvalue())[30, 30], (0, 0, 255), atol=20)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("primaries", [P3, ADOBE], ids=["P3", "Adobe"])
def test_a_profile_changes_the_numbers_not_the_color(kind: str, primaries: Primaries) -> None:
    """A red of the profile's own numbers is the red of sRGB that it stands for; transparency does not hide it."""
    data = file_of(Image.new("RGB", (64, 64), (180, 60, 60)), kind, icc_profile=profile(*primaries, 2.2))
    red, green, _ = decode(data)[30, 30].astype(int)
    assert red > 190
    assert green < 58


def test_a_profile_is_followed_at_every_scale_and_in_every_mode() -> None:
    """Reduced JPEGs, palettes and pictures with transparency."""
    data = profile(*P3, 2.2)
    large = Image.new("RGB", (800, 600), (180, 60, 60))
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, 180, 60, 60])
    for file in (
        file_of(large, "JPEG", icc_profile=data),
        file_of(palette, "PNG", icc_profile=data),
        file_of(Image.new("RGBA", (64, 64), (180, 60, 60, 255)), "PNG", icc_profile=data),
    ):
        assert decode_photo(file, enough_side=200).pixels[20, 20, 0] > 190


@pytest.mark.parametrize(
    "data", [b"no profile", profile(*SRGB, 2.2)[:300], profile(*P3, 2.2).replace(b"RGB ", b"CMYK")], ids=len
)
def test_a_broken_profile_is_left_aside(data: bytes) -> None:
    """Damaged, cut short, or for other channels: the pixels are read as sRGB."""
    for kind in ("JPEG", "PNG"):
        pixels = decode(file_of(Image.new("RGB", (64, 64), (180, 60, 60)), kind, icc_profile=data))
        assert np.allclose(pixels[30, 30], (180, 60, 60), atol=3)


def test_a_profile_of_srgb_costs_nothing_twice() -> None:
    """Once found to change nothing, a profile keeps its pictures out of the decoder processes."""
    from engine.vision import images

    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + b"once"
    file = file_of(drawing(), "JPEG", icc_profile=data)
    assert not images._known(data)
    first = decode(file)
    assert images._known(data)
    assert np.array_equal(decode(file), first)
    assert np.allclose(first[20, 20], (200, 20, 30), atol=4)


def test_a_profile_in_several_segments_is_put_in_order() -> None:
    """Each segment says which part it is; their order in the file is free."""
    data = file_of(Image.new("RGB", (64, 64), (180, 60, 60)), "JPEG")
    whole = profile(*P3, 2.2)
    parts = [whole[:200], whole[200:]]
    segments = [
        b"\xff\xe2" + struct.pack(">H", 16 + len(part)) + b"ICC_PROFILE\0" + bytes([n + 1, 2]) + part
        for n, part in enumerate(parts)
    ]
    assert decode(data[:2] + segments[1] + segments[0] + data[2:])[30, 30, 0] > 190


def test_a_color_space_that_is_only_named_is_followed() -> None:
    """AVIF, HEIF and PNG by code points, PNG by primaries and gamma; sRGB by any name changes nothing."""
    plain = file_of(Image.new("RGB", (64, 64), (180, 60, 60)), "PNG")
    wide = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    for chunks in ([chunk(b"cICP", bytes([12, 13, 0, 1]))], [chunk(b"cHRM", wide), chunk(b"gAMA", b"\0\0\xb1\x8f")]):
        assert decode(with_chunks(plain, *chunks))[30, 30, 0] > 190
    assert decode(with_chunks(plain, chunk(b"gAMA", struct.pack(">I", 100_000))))[30, 30, 0] > 210
    for chunks in (
        [chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(b"cHRM", wide)],
        [chunk(b"sRGB", b"\0"), chunk(b"cHRM", wide)],
        [chunk(b"gAMA", b"\0\0\xb1\x8f")],
        [chunk(b"cHRM", bytes(32)), chunk(b"gAMA", bytes(4))],
    ):
        assert tuple(decode(with_chunks(plain, *chunks))[30, 30]) == (180, 60, 60)
    avif = file_of(Image.new("RGB", (64, 64), (180, 60, 60)), "AVIF")
    at = avif.find(b"colrnclx") + 8
    named = avif[:at] + struct.pack(">HH", 12, 13) + avif[at + 4 :]
    assert decode(named)[30, 30, 0] > 190


def test_grey_and_cmyk_profiles_are_followed() -> None:
    """A grey of linear light is lighter than its number; inks are what their table says."""
    grey = profile(*SRGB, 1.0, space=b"GRAY")
    assert np.allclose(decode(file_of(Image.new("L", (64, 64), 90), "JPEG", icc_profile=grey)), 160, atol=4)
    assert np.allclose(decode(file_of(Image.new("L", (64, 64), 90), "PNG", icc_profile=grey)), 160, atol=4)
    inks = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    red, green, blue = decode(file_of(inks, "JPEG", icc_profile=ink_profile(), quality=95))[30, 30].astype(int)
    assert (red > 150, green < 90, blue < 90) == (True, True, True)
    assert (red, green, blue) != tuple(decode(file_of(inks, "JPEG", quality=95))[30, 30])


def test_cmyk_and_grey_with_profiles_of_other_channels() -> None:
    """Shops embed a display's profile in everything."""
    data = profile(*P3, 2.2)
    assert np.allclose(decode(file_of(Image.new("L", (64, 64), 90), "JPEG", icc_profile=data)), 90, atol=1)
    cmyk = decode(file_of(Image.new("CMYK", (64, 64), (255, 0, 0, 0)), "JPEG", icc_profile=data))
    assert np.allclose(cmyk[9, 9], (0, 255, 255), atol=12)


BOMB = zlib.compress(bytes(50_000_000), 9)
METADATA = {
    "2 MB of text": chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 2_000_000)),
    "2 MB of international text": chunk(b"iTXt", b"note\0\x01\0\0\0" + zlib.compress(b"x" * 2_000_000)),
    "a text that is a bomb": chunk(b"zTXt", b"note\0\0" + BOMB),
    "a profile that is a bomb": chunk(b"iCCP", b"p\0\0" + BOMB),
    "XMP that is a bomb": chunk(b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0" + BOMB),
    "a profile that is no zlib": chunk(b"iCCP", b"p\0\0never"),
    "a profile without method": chunk(b"iCCP", b"p"),
    "a text with a wrong checksum": chunk(b"tEXt", b"a\0b", sound=False),
    "EXIF with a wrong checksum": chunk(b"eXIf", exif(6)[6:], sound=False),
    "a gamma that is cut": chunk(b"gAMA", b"\0"),
    "a resolution that is cut": chunk(b"pHYs", b"\0" * 8),
    "an animation that is broken": chunk(b"acTL", b"\0") + chunk(b"fcTL", b"\0" * 26),
    "a transparency that is cut": chunk(b"tRNS", b"\0"),
    "a chunk that nobody knows": chunk(b"zzZz", b"\xff" * 99),
}


@pytest.mark.parametrize("extra", METADATA.values(), ids=METADATA)
def test_a_png_is_shown_whatever_its_metadata(extra: bytes) -> None:
    """As in every browser; what is beside the pixels may be huge, packed or broken."""
    data = file_of(drawing(), "PNG")
    assert np.array_equal(decode(with_chunks(data, extra)), np.asarray(drawing()))
    assert np.array_equal(decode(data[:-12] + extra + data[-12:]), np.asarray(drawing()))


def test_apples_private_png_is_refused_by_name() -> None:
    """Its pixels are no zlib stream and its channels are swapped."""
    with pytest.raises(ImageUnreadable, match="CgBI"):
        decode(with_chunks(file_of(drawing(), "PNG"), chunk(b"CgBI", b"\x50\0\x20\x02")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_picture_that_lacks_only_its_end_is_shown_and_half_a_one_is_not(kind: str) -> None:
    """The rows that are there are as they were, whatever is missing is white."""
    whole = noise().convert("P") if kind == "GIF" else noise()
    data = file_of(whole, kind, **({"quality": 90} if kind in ("JPEG", "WEBP") else {}))
    pixels = decode(data)
    for share in (0.999, 0.95):
        most = decode(data[: int(share * len(data))])
        assert most.shape == pixels.shape
        there = slice(40, None) if kind == "BMP" else slice(200)  # BMP begins with its last row.
        assert np.allclose(most[there], pixels[there], atol=1)
    for share in (0.5, 0.3):
        with pytest.raises(ImageUnreadable, match="damaged or cut short"):
            decode(data[: int(share * len(data))])


def test_damage_in_the_middle_is_no_missing_end() -> None:
    """A PNG that has its end, and whose pixels do not unpack, is damaged: what follows the damage is anything."""
    data = bytearray(file_of(noise(), "PNG"))
    at = int(0.9 * len(data))
    data[at : at + 4000] = bytes(4000)
    with pytest.raises(ImageUnreadable, match="damaged"):
        decode(bytes(data))


def test_rows_that_are_missing_are_white() -> None:
    """As the background of a catalogue's pictures, not the black of empty memory."""
    data = file_of(noise(), "PNG")
    assert np.array_equal(decode(data[: int(0.9 * len(data))])[-8:], np.full((8, 320, 3), 255))


def test_a_progressive_jpeg_without_its_end_is_shown() -> None:
    """Its first scans show the whole picture; with the very first alone it is refused."""
    data = file_of(drawing((320, 480)), "JPEG", progressive=True, quality=95)
    assert is_upright(decode(data[:-2]))
    assert is_upright(decode(data[: int(0.9 * len(data))]))
    second = data.find(b"\xff\xda", data.find(b"\xff\xda") + 2)
    with pytest.raises(ImageUnreadable):
        decode(data[: second + 40])


def test_more_than_8_bits_keep_their_tones() -> None:
    """Half of what is white is half of 255; of floats the brightest is white."""
    half = Image.fromarray(np.full((64, 64), 32768, np.uint16))
    assert np.allclose(decode(file_of(half, "PNG")), 128, atol=1)
    assert np.allclose(decode(file_of(half, "TIFF")), 128, atol=1)
    assert np.allclose(decode(file_of(half.convert("I"), "TIFF")), 128, atol=1)
    floats = np.full((64, 64), 1.5, np.float32)
    floats[0, 0] = 3.0
    assert np.allclose(decode(file_of(Image.fromarray(floats), "TIFF"))[9, 9], 127, atol=1)


@pytest.mark.parametrize("color", [(226, 120, 160), (20, 120, 125), (200, 25, 40), (30, 60, 170)])
@pytest.mark.parametrize("primaries", [P3, ADOBE], ids=["P3", "Adobe"])
def test_a_garments_color_keeps_its_name_in_every_profile(primaries: Primaries, color: tuple[int, int, int]) -> None:
    """Pink is not brown, teal not grey and red not burgundy because a camera wrote other numbers for them."""
    data = profile(*primaries, 2.2)
    plain = Image.new("RGB", (64, 64), color)
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(data))
    other = ImageCms.profileToProfile(plain, source, target)
    assert other is not None
    assert other.getpixel((0, 0)) != color
    seen = decode(file_of(other, "JPEG", icc_profile=data, quality=95))
    assert np.allclose(seen[30, 30], color, atol=5)
    assert main_color(whole(seen)) == main_color(whole(np.asarray(plain)))


def tiff(values: np.ndarray, *, photometric: int, bits: int, signed: bool = False) -> bytes:
    """A grey TIFF of one strip, whose values are packed as they are."""
    data = values.tobytes() if bits != 12 else _twelve_bits(values)
    tags = [(256, values.shape[1]), (257, values.shape[0]), (258, bits), (259, 1), (262, photometric), (273, 0)]
    tags += [(277, 1), (278, values.shape[0]), (279, len(data)), (339, 2 if signed else 1)]
    start = 8 + 2 + 12 * len(tags) + 4
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value) for tag, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + rows + struct.pack("<I", 0) + data


def _twelve_bits(values: np.ndarray) -> bytes:
    pairs = values.astype(int).reshape(-1, 2)
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)


@pytest.mark.parametrize(
    ("file", "level"),
    [
        (tiff(np.full((64, 64), 65535 - 40 * 257, "<u2"), photometric=0, bits=16), 40),
        (tiff(np.full((64, 64), 40 * 257, "<u2"), photometric=1, bits=16), 40),
        (tiff(np.full((64, 64), 40 * 128, "<i2"), photometric=1, bits=16, signed=True), 40),
        (tiff(np.full((64, 64), 40 * 16, "<u2"), photometric=1, bits=12), 40),
    ],
    ids=["white is zero", "black is zero", "signed", "12 bits"],
)
def test_a_grey_tiff_is_neither_inverted_nor_dark(file: bytes, level: int) -> None:
    """Scanners write white as zero; what is white depends on how many bits there are."""
    assert np.allclose(decode(file), level, atol=1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7 ...", "it is a PDF"),
        (b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "it is an SVG drawing"),
        (b"<svg/>", "it is an SVG drawing"),
        (b"\n<!DOCTYPE html><title>404</title>", "it is a web page"),
        (b'{"error": "not found"}', "it is text"),
        (b"8BPS\0\1", "it is a Photoshop file"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "it is a film"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "it is a JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "it is a JPEG 2000"),
        (bytes(range(128, 256)), "that can be read; send one of JPEG"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(data: bytes, words: str) -> None:
    """So that whoever sent it sees at once that the address or the file is another one."""
    with pytest.raises(ImageUnreadable, match=words):
        decode(data)
