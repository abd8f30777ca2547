"""Mutated files of every kind: a picture or a plain refusal, in bounded time, whatever the bytes."""

from __future__ import annotations

import random
import time

import pytest

from engine.errors import InputRejected
from engine.vision.images import ImageLimits, decode_photo
from tests.fixtures.pictures import KINDS, P3, drawing, exif, file_of, noise, profile

ROUNDS = 150
LIMITS = ImageLimits(max_pixels=1_000_000, max_seconds=2)


def seeds(kind: str) -> list[bytes]:
    """A plain file, and one with all the metadata that the kind can have."""
    rich = {"exif": exif(6), "icc_profile": profile(*P3, 2.2)} if kind not in ("GIF", "BMP", "TIFF") else {}
    more: dict[str, object] = {"JPEG": {"progressive": True}, "TIFF": {"compression": "tiff_lzw"}}.get(kind, {})
    return [file_of(noise((96, 96)), kind), file_of(drawing(), kind, **rich, **more)]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Bits flipped, bytes set, runs zeroed, doubled or cut; mostly near the beginning, where the structure lies."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        reach = len(changed) if chance.random() < 0.4 else min(len(changed), 512)
        at = chance.randrange(max(1, reach))
        match chance.randrange(6):
            case 0 | 1:
                changed[at : at + 1] = bytes([changed[at] ^ 1 << chance.randrange(8)]) if at < len(changed) else b""
            case 2:
                changed[at : at + 1] = bytes([chance.choice((0, 1, 127, 128, 255))])
            case 3:
                changed[at : at + chance.randrange(64)] = bytes(chance.randrange(64))
            case 4:
                changed[at:at] = changed[at : at + chance.randrange(200)]
            case _:
                del changed[at : at + chance.choice((1, 4, len(changed)))]
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_no_mutation_does_harm(kind: str) -> None:
    """Upright pixels within the caps, or a refusal of the caller's file, in the time that it may take."""
    chance = random.Random(f"thatlook {kind}")
    originals, slowest = seeds(kind), 0.0
    told: list[str] = []
    for _ in range(ROUNDS):
        data = mutated(chance.choice(originals), chance)
        begun = time.monotonic()
        try:
            photo = decode_photo(data, LIMITS, chance.choice((None, 40)))
            assert photo.pixels.shape[2] == 3
            assert photo.width * photo.height <= LIMITS.max_pixels
        except InputRejected as error:
            told.append(error.message)
        slowest = max(slowest, time.monotonic() - begun)
    assert told
    assert all(message.isprintable() and message.endswith(".") for message in told)
    assert slowest < 3 * LIMITS.max_seconds + 2
