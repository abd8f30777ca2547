"""Where an embedding job keeps its parts: a folder that all machines see, or a prefix of an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import QueryRejected
from engine.objects.folder import FolderObjectStore
from engine.seams import ObjectStore
from engine.vision.gate import Policy
from models.bootstrap import open_objects
from models.settings import Settings

MANIFEST = "manifest.json"
FORMAT = 1


class Manifest(msgspec.Struct, frozen=True):
    """What a job is, written when all of its products are parted.

    Attributes:
        feed: what the ledger calls it; source: what tells this feed's contents from others.
        fingerprint: of the models.
        root: the feed's folder.
        parts: how many; products: in all of them; bad_rows: that were not taken.
        read_at: seconds since 1970 when the feed was read; what changed in the catalogue later is newer.
    """

    feed: str
    source: str
    policy: Policy
    fingerprint: str
    parts: int
    products: int
    bad_rows: int
    read_at: float
    root: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Place:
    """Named bytes; a name is there whole or not at all."""

    store: ObjectStore
    prefix: str = ""

    def write(self, name: str, data: bytes) -> None:
        """Store or replace."""
        self.store.put(self.prefix + name, data, "application/octet-stream")

    def read(self, name: str) -> bytes:
        """The bytes.

        Raises:
            ObjectNotFound: there is no such name.
        """
        return self.store.get(self.prefix + name)

    def names(self, folder: str) -> Iterator[str]:
        """Every name in a folder, sorted."""
        return (key[len(self.prefix) :] for key in self.store.keys(f"{self.prefix}{folder}/"))

    def manifest(self) -> Manifest | None:
        """The job's, once its products are parted.

        Raises:
            QueryRejected: something else lies there, or a later thatlook's job.
        """
        if not self.store.exists(self.prefix + MANIFEST):
            return None
        try:
            found = msgspec.json.decode(self.read(MANIFEST), type=Manifest)
        except msgspec.MsgspecError as error:
            raise QueryRejected(f"The manifest of this folder is no embedding job's ({error}).") from None
        if found.format != FORMAT:
            raise QueryRejected(f"This job has format {found.format}, this thatlook knows {FORMAT}.")
        return found

    def begin(self, manifest: Manifest) -> None:
        """Say that all products are parted."""
        self.write(MANIFEST, msgspec.json.encode(manifest))


def open_place(text: str, settings: Settings) -> Place:
    """The place that a text names: a path, or `s3://bucket/prefix` in the S3 of the settings.

    Raises:
        QueryRejected: no S3 is configured.
    """
    if not text.startswith("s3://"):
        return Place(FolderObjectStore(Path(text)))
    if not settings.s3_endpoint:
        raise QueryRejected("An s3:// place needs THATLOOK_S3_ENDPOINT and its keys.")
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    return Place(open_objects(settings.model_copy(update={"s3_bucket": bucket})), f"{prefix}/" if prefix else "")


def products_name(part: int) -> str:
    """The products of a part, a line of JSON each."""
    return f"products/{part:06d}.jsonl"


def rows_name(part: int) -> str:
    """What became of them, as Parquet."""
    return f"rows/{part:06d}.parquet"
