"""The contract of `ObjectStore`, over a folder and over a real S3 server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import InputRejected, ObjectNotFound, StoreUnavailable
from engine.objects.folder import FolderObjectStore
from engine.objects.s3 import S3ObjectStore
from engine.objects.s3_settings import S3Settings
from engine.seams import ObjectStore


class BrokenStore(FolderObjectStore):
    """Wrong on purpose in four ways, so that the suite is seen to bite."""

    def get(self, key: str) -> bytes:
        return super().get(key)[:1000] if self.exists(key) else b""

    def exists(self, key: str) -> bool:
        return any(True for _ in super().keys(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        everything = list(super().keys(prefix[:0]))
        yield from reversed(everything)

    def delete(self, keys: Collection[str]) -> None:
        for key in keys:
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        """Takes every key, and still never leaves the folder: the suite must not harm the machine that it runs on."""
        inside = os.path.normpath("/" + key).lstrip("/")
        return self._root / inside


def open_s3(settings: S3Settings, bucket: str) -> S3ObjectStore:
    return S3ObjectStore(
        settings.endpoint,
        bucket=bucket,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        secure=settings.secure,
        retries=1,
    )


BROKEN = pytest.param("broken", marks=pytest.mark.xfail(strict=True, reason="broken on purpose"))


@pytest.fixture(params=["folder", "s3", BROKEN])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "s3":
        settings: S3Settings = request.getfixturevalue("s3_settings")
        bucket = "b" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]
        made: ObjectStore = open_s3(settings, bucket)
    elif request.param == "folder":
        made = FolderObjectStore(tmp_path / "objects")
    else:
        made = BrokenStore(tmp_path / "objects")
    yield made
    made.close()


def test_bytes_come_back_and_the_last_put_counts(store: ObjectStore) -> None:
    """Any bytes come back in full, also an empty object; a missing key is ObjectNotFound."""
    big = bytes(range(256)) * 3000
    store.put("a/one.jpg", b"first", "image/jpeg")
    store.put("a/one.jpg", big, "image/jpeg")
    store.put("a/empty", b"", "image/jpeg")
    assert store.get("a/one.jpg") == big
    assert store.get("a/empty") == b""
    with pytest.raises(ObjectNotFound, match=r"a/none\.jpg"):
        store.get("a/none.jpg")


def test_files_go_in_and_out(store: ObjectStore, tmp_path: Path) -> None:
    """A file of several parts comes back as it was, the last one counts, and a missing key is ObjectNotFound."""
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(bytes(range(256)) * 25_000)
    store.put_file("feeds/a.csv", tmp_path / "sent", "text/csv")
    store.get_file("feeds/a.csv", got)
    assert got.read_bytes() == store.get("feeds/a.csv") == sent.read_bytes()
    sent.write_bytes(b"id,title")
    store.put_file("feeds/a.csv", sent, "text/csv")
    store.get_file("feeds/a.csv", got)
    assert got.read_bytes() == b"id,title"
    with pytest.raises(ObjectNotFound, match=r"feeds/none"):
        store.get_file("feeds/none", got)


def test_exists_is_of_whole_keys(store: ObjectStore) -> None:
    """A prefix of a key, or the folder that it lies in, is not itself a key."""
    store.put("shoes/red.jpg", b"x", "image/jpeg")
    assert store.exists("shoes/red.jpg")
    assert not store.exists("shoes/red")
    assert not store.exists("shoes")
    assert not store.exists("shoes/red.jpg/more")
    with pytest.raises(ObjectNotFound):
        store.get("shoes")


def test_delete_removes_what_is_there_and_ignores_the_rest(store: ObjectStore) -> None:
    """Deleting twice, or nothing at all, is no error; other keys stay."""
    for key in ("p/1.jpg", "p/2.jpg", "p/3.jpg"):
        store.put(key, b"x", "image/jpeg")
    store.delete([])
    store.delete(["p/1.jpg", "p/3.jpg", "p/never.jpg"])
    store.delete(["p/1.jpg"])
    assert list(store.keys()) == ["p/2.jpg"]
    with pytest.raises(ObjectNotFound):
        store.get("p/1.jpg")


def test_keys_are_sorted_and_prefixes_are_of_characters(store: ObjectStore) -> None:
    """A prefix may end within a name; the order is by the characters of the whole key."""
    keys = ["a-b/1.jpg", "a/2.jpg", "a/b/3.jpg", "ab/4.jpg", "b.jpg", "ü/5 è.jpg"]
    for key in reversed(keys):
        store.put(key, key.encode(), "image/jpeg")
    assert list(store.keys()) == sorted(keys)
    assert list(store.keys("a/")) == ["a/2.jpg", "a/b/3.jpg"]
    assert list(store.keys("a")) == ["a-b/1.jpg", "a/2.jpg", "a/b/3.jpg", "ab/4.jpg"]
    assert list(store.keys("a/b/3")) == ["a/b/3.jpg"]
    assert list(store.keys("zzz/")) == []
    assert store.get("ü/5 è.jpg") == "ü/5 è.jpg".encode()


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../out.jpg", "a/../../out.jpg", "a//b", "a/", "./a", "a\x00b", "a\nb", "a\\b", ".hidden",
     "x" * 600, "a/" + "x" * 250, "a\ud800"],
)  # fmt: skip
def test_keys_that_could_leave_the_store_are_refused(store: ObjectStore, key: str) -> None:
    """A bad key is refused by every operation, before anything is touched."""
    with pytest.raises(InputRejected):
        store.put(key, b"x", "image/jpeg")
    with pytest.raises(InputRejected):
        store.get(key)
    with pytest.raises(InputRejected):
        store.exists(key)
    with pytest.raises(InputRejected):
        store.delete([key])


def test_many_writers_of_one_key_leave_one_whole_object(store: ObjectStore) -> None:
    """Readers see one writer's bytes in full, never a mixture, never a part."""
    pictures = [bytes([n]) * (20_000 + n) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda data: store.put("hot.jpg", data, "image/jpeg"), pictures))
        assert all(found in pictures for found in pool.map(lambda _: store.get("hot.jpg"), range(8)))
    # The S3 server of the tests may list a key twice while its writers finish.
    assert set(store.keys()) == {"hot.jpg"}


def test_a_folder_shows_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fails in the middle, the old bytes stay and nothing else is left behind."""
    store = FolderObjectStore(tmp_path)
    store.put("a.jpg", b"old", "image/jpeg")

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.objects.folder.os.fsync", full_disk)
    with pytest.raises(StoreUnavailable, match=r"the disk that holds .* is full"):
        store.put("a.jpg", b"new", "image/jpeg")
    assert store.get("a.jpg") == b"old"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a.jpg"]


def test_a_folder_cannot_be_a_file(tmp_path: Path) -> None:
    """A root that is a file is a clear error, not a stack trace of the operating system's."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable, match="file"):
        FolderObjectStore(tmp_path / "file")


def test_a_wrong_secret_is_unavailable_and_not_shown(s3_settings: S3Settings) -> None:
    """A refused signature is told as such; the secret is in neither the message nor the settings' repr."""
    wrong = replace(s3_settings, secret_key="not-the-secret")
    with pytest.raises(StoreUnavailable) as told:
        open_s3(wrong, "pictures")
    assert "not-the-secret" not in str(told.value)
    assert "not-the-secret" not in repr(wrong)


def test_an_absent_server_is_unavailable_soon() -> None:
    """Nobody listens: a clear error after bounded tries."""
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9"):
        open_s3(S3Settings("127.0.0.1:9", "key-of-someone", "secret-of-someone", secure=False), "pictures")
    with pytest.raises(StoreUnavailable, match="endpoint"):
        open_s3(S3Settings("not a host/with/path"), "pictures")
