"""Pictures in MinIO or any other S3, through minio-py."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from engine.errors import ObjectNotFound, StoreUnavailable
from engine.objects.keys import check_key
from engine.objects.s3_settings import S3Settings

RETRIED = (500, 502, 503, 504)
_MISSING = ("NoSuchKey", "NoSuchObject", "ResourceNotFound", "NotFound")


def connect(settings: S3Settings) -> Minio:
    """A client with bounded time and retries; nothing is sent yet.

    Raises:
        StoreUnavailable: the endpoint is not a host and port.
    """
    host, secure = settings.endpoint, settings.secure
    if "://" in host:
        scheme, _, host = host.partition("://")
        secure = scheme == "https"
    retry = urllib3.Retry(
        total=settings.retries, backoff_factor=0.2, status_forcelist=RETRIED, allowed_methods=None, redirect=False
    )
    timeout = urllib3.Timeout(connect=settings.connect_timeout_s, read=settings.read_timeout_s)
    http = urllib3.PoolManager(timeout=timeout, retries=retry, maxsize=16, num_pools=4)
    try:
        return Minio(
            host.rstrip("/"),
            settings.access_key,
            settings.secret_key,
            secure=secure,
            region=settings.region or "us-east-1",  # A known region spares one question per bucket.
            http_client=http,
        )
    except ValueError as error:
        raise StoreUnavailable(f"The S3 endpoint {settings.endpoint!r} cannot be used: {error}.") from None


def is_missing(error: Exception) -> bool:
    """Whether an error of minio's says that the object is not there.

    Servers that answer with text/xml instead of application/xml end in InvalidResponseError, which
    holds the HTTP status and the body alone (rclone's does).
    """
    if isinstance(error, S3Error):
        return error.code in _MISSING
    if isinstance(error, InvalidResponseError):
        held = vars(error)  # minio-py has no public way to the status
        return held["_code"] == 404 and "NoSuchBucket" not in (held["_body"] or "")
    return isinstance(error, ServerError) and error.status_code == 404


class S3ObjectStore:
    """Implements `engine.seams.ObjectStore` over one bucket, which is created where it is missing.

    Raises:
        StoreUnavailable: nobody answers there, or the keys are refused.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        bucket: str,
        access_key: str | None = None,
        secret_key: str | None = None,
        secure: bool = True,
        region: str | None = None,
        retries: int = 3,
    ) -> None:
        settings = S3Settings(endpoint, access_key or None, secret_key or None, region, secure, retries=retries)
        self._bucket = bucket
        self._where = f"{endpoint}/{bucket}"
        self._client = connect(settings)
        with self._translated():
            self._ensure_bucket()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store or replace; S3 shows the new bytes only when all have arrived."""
        with self._translated(check_key(key)):
            self._client.put_object(self._bucket, key, io.BytesIO(data), len(data), content_type=content_type)

    def get(self, key: str) -> bytes:
        """The bytes.

        Raises:
            ObjectNotFound: there is no such key.
        """
        with self._translated(check_key(key)):
            response = self._client.get_object(self._bucket, key)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store or replace by a file's bytes, a large one in parts."""
        with self._translated(check_key(key)):
            self._client.fput_object(self._bucket, key, str(path), content_type=content_type)

    def get_file(self, key: str, path: Path) -> None:
        """Write the bytes into a file.

        Raises:
            ObjectNotFound: there is no such key.
        """
        with self._translated(check_key(key)):
            self._client.fget_object(self._bucket, key, str(path))

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        try:
            with self._translated(check_key(key)):
                self._client.stat_object(self._bucket, key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, keys: Collection[str]) -> None:
        """Remove; a key that is not there is no error."""
        wanted = [DeleteObject(check_key(key)) for key in keys]
        with self._translated():
            problems = list(self._client.remove_objects(self._bucket, wanted)) if wanted else []
        if left := [p for p in problems if p.code not in _MISSING]:
            raise StoreUnavailable(f"{len(left)} images could not be deleted from {self._where}: {left[0].message}.")

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key under a prefix (of characters), sorted, as S3 lists them."""
        with self._translated():
            for row in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if row.object_name and not row.is_dir:
                    yield row.object_name

    def close(self) -> None:
        """Let go of connections."""
        pool: Any = self._client._http  # minio-py has no other way to its pool
        pool.clear()

    def _ensure_bucket(self) -> None:
        if self._client.bucket_exists(self._bucket):
            return
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    @contextmanager
    def _translated(self, key: str | None = None) -> Iterator[None]:
        """minio's and urllib3's errors as ours; with a key, a missing object is ObjectNotFound."""
        try:
            yield
        except (MinioException, urllib3.exceptions.HTTPError, ValueError, OSError) as error:
            if key is not None and is_missing(error):
                raise ObjectNotFound(f"There is no stored image {key!r}.") from None
            raise StoreUnavailable(f"The S3 at {self._where} refused the operation ({_brief(error)}).") from error


def _brief(error: Exception) -> str:
    """The cause in a few words, without the request's signature that minio's messages may carry."""
    if isinstance(error, S3Error):
        return f"{error.code}: {error.message}"
    if isinstance(error, InvalidResponseError):
        return f"HTTP status {vars(error)['_code']}"
    cause = getattr(error, "reason", None)
    return f"{type(cause or error).__name__}"
