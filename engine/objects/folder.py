"""Pictures in a local folder. A write is there in full or not at all, also after a power cut."""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import ObjectNotFound, StoreUnavailable
from engine.objects.keys import check_key
from engine.system.durable import PART, flush_folder
from engine.system.refusals import refusal

_UNFINISHED = ".unfinished"
"""What is being written lies there: no key has a part that begins with a dot (keys.py)."""


class FolderObjectStore:
    """Implements `engine.seams.ObjectStore` over a folder, which is created where it is missing.

    The content type is not kept: pictures say what they are in their first bytes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unavailable(root, error) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002
        """Store or replace: written beside, flushed to the disk, then renamed over."""
        self._put(key, io.BytesIO(data))

    def put_file(self, key: str, path: Path, content_type: str) -> None:  # noqa: ARG002
        """The same with a file's bytes."""
        try:
            with path.open("rb") as file:
                self._put(key, file)
        except OSError as error:
            raise _unavailable(self._root, error) from error

    def get_file(self, key: str, path: Path) -> None:
        """Write the bytes into a file.

        Raises:
            ObjectNotFound: there is no such key.
        """
        try:
            shutil.copyfile(self._path(key), path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectNotFound(f"There is no stored image {key!r}.") from None
        except OSError as error:
            raise _unavailable(self._root, error) from error

    def _put(self, key: str, source: BinaryIO) -> None:
        target = self._path(key)
        temporary = self._root / _UNFINISHED / f"{secrets.token_hex(8)}{PART}"
        try:
            temporary.parent.mkdir(exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write_flushed(temporary, source)
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            flush_folder(target.parent)
        except OSError as error:
            raise _unavailable(self._root, error) from error

    def get(self, key: str) -> bytes:
        """The bytes.

        Raises:
            ObjectNotFound: there is no such key.
        """
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise ObjectNotFound(f"There is no stored image {key!r}.") from None
        except OSError as error:
            raise _unavailable(self._root, error) from error

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        return self._path(key).is_file()

    def delete(self, keys: Collection[str]) -> None:
        """Remove; folders that become empty stay, as another thread may be writing into them."""
        for path in [self._path(key) for key in keys]:
            try:
                path.unlink(missing_ok=True)
            except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
                if path.is_file():
                    raise _unavailable(self._root, error) from error
            except OSError as error:
                raise _unavailable(self._root, error) from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key under a prefix (of characters, as in S3), sorted."""
        folder, _, _ = prefix.rpartition("/")
        start = self._path(folder) if folder else self._root
        yield from _walk(start, f"{folder}/" if folder else "", prefix)

    def tidy(self) -> None:
        """Remove what a killed process left half written; nobody else may be writing."""
        for left in (self._root / _UNFINISHED).glob(f"*{PART}"):
            left.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to let go of."""

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)


def _walk(folder: Path, base: str, prefix: str) -> Iterator[str]:
    """Keys below `folder` in their own order, so that no more than one folder is held at a time."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(f"{e.name}/" if e.is_dir() else e.name for e in entries if not e.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        key = base + name
        if not (key.startswith(prefix) or prefix.startswith(key)):
            continue
        if name.endswith("/"):
            yield from _walk(folder / name, key, prefix)
        elif key.startswith(prefix):
            yield key


def _write_flushed(path: Path, source: BinaryIO) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _unavailable(root: Path, error: OSError) -> StoreUnavailable:
    return refusal(error, "The stored pictures cannot be read or written", root)
