"""The rows' words, in an append-only file of checked frames. A frame is one write, whole or not there at all."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from engine.domain import Box, Item
from engine.stores.ivfpq.vectors import is_open_file

_HEAD = struct.Struct("<IqIII")
"""Checksum of the rest, stamp, number of dead rows, number of new rows, bytes of the payload."""
_CHUNK = 1 << 20


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A row's words as they lie in the journal.

    Attributes:
        stamp: names the write that they came with.
        check: of the row's embedding (`vectors.checks_of`); None in the journals of former versions.
    """

    item_id: str
    product_id: str
    stamp: int
    supercategory: str
    label: str
    image: str
    box: Box
    facets: dict[str, tuple[str, ...]]
    price: float | None
    check: int | None = None

    def item(self) -> Item:
        """The row as an item."""
        return Item(
            self.item_id,
            self.product_id,
            self.supercategory,
            self.label,
            self.image,
            self.box,
            self.facets,
            self.price,
        )


class Ids(msgspec.Struct, array_like=True, frozen=True):
    """The beginning of an entry, which is all that a candidate needs."""

    item_id: str
    product_id: str
    stamp: int


class Counted(msgspec.Struct, array_like=True, frozen=True):
    """Of an entry, what is counted: it implements `engine.seams.FacetRow`."""

    item_id: msgspec.Raw
    product_id: str
    stamp: msgspec.Raw
    supercategory: msgspec.Raw
    label: msgspec.Raw
    image: msgspec.Raw
    box: msgspec.Raw
    facets: dict[str, tuple[str, ...]]
    price: float | None


_encoder = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Decoder(Entry)
_ids = msgspec.msgpack.Decoder(Ids)
_counted = msgspec.msgpack.Decoder(Counted)


def encoded(item: Item, stamp: int, check: int) -> bytes:
    """An item as the journal keeps it."""
    facets = {facet: tuple(values) for facet, values in item.facets.items()}
    entry = Entry(
        item.item_id,
        item.product_id,
        stamp,
        item.supercategory,
        item.label,
        item.image,
        item.box,
        facets,
        item.price,
        check,
    )
    return _encoder.encode(entry)


def decoded(body: bytes) -> Entry:
    """The entry that `encoded` wrote."""
    return _entries.decode(body)


def ids_of(body: bytes) -> Ids:
    """Only its ids."""
    return _ids.decode(body)


def counted_of(bodies: Sequence[bytes]) -> list[Counted]:
    """Only what is counted of some entries."""
    return [_counted.decode(body) for body in bodies]


def facets_of(bodies: Sequence[bytes], names: tuple[str, ...]) -> list[dict[str, tuple[str, ...]]]:
    """Only these facets of some entries, in a fifth of the time that whole ones take."""
    decode = _decoder_of(names).decode
    found = [astuple(decode(body).facets) for body in bodies]
    return [{name: values for name, values in zip(names, each, strict=True) if values} for each in found]


@cache
def _decoder_of(names: tuple[str, ...]) -> msgspec.msgpack.Decoder[Any]:
    """Reads entries whose facets are a structure of these alone: msgpack maps skip keys that a structure lacks."""
    fields = [(f"facet{n}", tuple[str, ...], msgspec.field(default=(), name=name)) for n, name in enumerate(names)]
    some = msgspec.defstruct("SomeFacets", fields)
    skipped = [(f"field{n}", msgspec.Raw) for n in range(Entry.__struct_fields__.index("facets"))]
    entry = msgspec.defstruct("EntryFacets", [*skipped, ("facets", some)], array_like=True)
    return msgspec.msgpack.Decoder(entry)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One write: rows that died, and where the bodies of new rows lie. `end` is where the next frame begins."""

    stamp: int
    dead: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]
    end: int


class Journal:
    """One writer, any readers, through a memory map: a search reads hundreds of bodies, and a call for each is slow."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.end = 0
        self._torn = False
        self._map: mmap.mmap | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._fd).st_size

    def checksum(self, end: int) -> int:
        """The CRC-32 of its first bytes."""
        checksum, at = 0, 0
        while at < end and (data := os.pread(self._fd, min(_CHUNK, end - at), at)):
            checksum, at = zlib.crc32(data, checksum), at + len(data)
        return checksum

    def append(self, stamp: int, dead: NDArray[np.int64], bodies: Sequence[bytes]) -> Frame:
        """Write one frame; it is there, whole, when this returns.

        Raises:
            OSError: the disk is full, say; what was written of it is ignored by `frames`.
        """
        if self._torn:  # It was never acknowledged, and must not be taken for a frame behind this one.
            os.ftruncate(self._fd, self.end)
            self._torn = False
        lengths = np.array([len(body) for body in bodies], np.int32)
        payload = b"".join((dead.astype(np.int64).tobytes(), lengths.tobytes(), *bodies))
        head = _HEAD.pack(0, stamp, len(dead), len(bodies), len(payload))[4:]
        checksum = zlib.crc32(payload, zlib.crc32(head))
        data = memoryview(struct.pack("<I", checksum) + head + payload)
        at, self._torn = self.end, True
        while data:
            written = os.pwrite(self._fd, data, at)
            data, at = data[written:], at + written
        self._torn = False
        first = self.end + _HEAD.size + 8 * len(dead) + 4 * len(bodies)
        self.end = at
        return Frame(stamp, dead, first + _starts(lengths), lengths, at)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Whole frames from `start` on. A torn one at the end is passed over, and cut off by the next `append`."""
        size = os.fstat(self._fd).st_size
        self.end = start
        while self.end + _HEAD.size <= size:
            head = os.pread(self._fd, _HEAD.size, self.end)
            checksum, stamp, dead, new, length = _HEAD.unpack(head)
            if self.end + _HEAD.size + length > size:
                break
            payload = os.pread(self._fd, length, self.end + _HEAD.size)
            if zlib.crc32(payload, zlib.crc32(head[4:])) != checksum:
                break
            lengths = np.frombuffer(payload, np.int32, new, 8 * dead)
            first = self.end + _HEAD.size + 8 * dead + 4 * new
            self.end += _HEAD.size + length
            yield Frame(stamp, np.frombuffer(payload, np.int64, dead), first + _starts(lengths), lengths, self.end)
        self._torn = self.end < size

    def bodies(self, offsets: NDArray[np.int64], lengths: NDArray[np.int32]) -> list[bytes]:
        """The bytes at some places, which were written before."""
        if not len(offsets):
            return []
        last = int(offsets.argmax())
        self.body(int(offsets[last]), int(lengths[last]))  # Has as much mapped.
        mapped, ends = self._map, (offsets + lengths).tolist()
        if mapped is None or max(ends) > len(mapped):
            return [self.body(*each) for each in zip(offsets.tolist(), lengths.tolist(), strict=True)]
        return [mapped[start:end] for start, end in zip(offsets.tolist(), ends, strict=True)]

    def body(self, offset: int, length: int) -> bytes:
        """The bytes there, which were written before."""
        mapped = self._map
        if mapped is None or offset + length > len(mapped):
            size = os.fstat(self._fd).st_size
            if offset + length > size:
                return os.pread(self._fd, length, offset)
            mapped = self._map = mmap.mmap(self._fd, size, prot=mmap.PROT_READ)
        return mapped[offset : offset + length]

    def is_at(self, path: Path) -> bool:
        """Whether this is still the file that lies there."""
        return is_open_file(self._fd, path)

    def sync(self) -> None:
        """Have everything on disk."""
        os.fsync(self._fd)

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            os.close(self._fd)


def _starts(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where each body begins, counted from the first."""
    return np.cumsum(lengths, dtype=np.int64) - lengths
