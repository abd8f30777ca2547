"""Pictures of a feed that lie in S3."""

from __future__ import annotations

import urllib3
from minio.error import MinioException

from engine.objects.s3 import connect, is_missing
from engine.objects.s3_settings import S3Settings
from ingest.images.not_fetched import ImageNotFetched

_FAILURES = (MinioException, urllib3.exceptions.HTTPError, ValueError, OSError)


class S3Pictures:
    """One S3, as its keys let us read it."""

    def __init__(self, settings: S3Settings, max_bytes: int) -> None:
        self._client = connect(settings)
        self._max_bytes = max_bytes

    def fetch(self, bucket: str, key: str) -> bytes:
        """The picture's bytes.

        Raises:
            ImageNotFetched: it is not there or too large, or S3 did not give it, which may pass.
        """
        try:
            response = self._client.get_object(bucket, key)
            try:
                data = response.read(self._max_bytes + 1)
            finally:
                response.close()
                response.release_conn()
        except _FAILURES as error:
            if is_missing(error):
                raise ImageNotFetched("S3 has no such picture.") from None
            raise ImageNotFetched("S3 did not return the picture.", transient=True) from None
        if len(data) > self._max_bytes:
            raise ImageNotFetched(f"The picture has more than {self._max_bytes:,} bytes.")
        return data

    def stamp(self, bucket: str, key: str) -> str:
        """Size and ETag; `absent` for what is not there.

        Raises:
            ImageNotFetched: S3 did not answer, which may pass.
        """
        try:
            found = self._client.stat_object(bucket, key)
        except _FAILURES as error:
            if is_missing(error):
                return "absent"
            raise ImageNotFetched("S3 did not answer.", transient=True) from None
        return f"{found.size}:{found.etag}"
