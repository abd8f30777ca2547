"""Where a product's pictures come from: the feed's own folder, http(s), or S3."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.errors import InputRejected
from engine.objects.s3_settings import S3Settings
from engine.products.pictures import encoded_address
from engine.remote import NotServed, RemoteLimits, fetch
from engine.vision.images import DEFAULT_LIMITS
from ingest.images.hosts import PictureHosts, the_hosts
from ingest.images.not_fetched import ImageNotFetched
from ingest.images.paths import found_path

if TYPE_CHECKING:
    from ingest.images.s3_pictures import S3Pictures

MOST_WAIT_S = 10.0
"""A server that is busy for longer is left to the next run."""


@dataclass(frozen=True, slots=True)
class SourceRules:
    """What ingest may read, and what a picture may cost.

    Attributes:
        root: the feed's folder, to which paths are relative; None refuses paths (products from the API).
        allow_outside: paths may leave the feed's folder.
        allow_private_hosts: addresses may lead into a private network (a shop's own picture server).
        tries: for addresses that time out or answer with a server's error.
        s3: whose keys read `s3://bucket/key`; None refuses such references.
    """

    root: Path | None = None
    allow_outside: bool = False
    allow_private_hosts: bool = False
    max_bytes: int = DEFAULT_LIMITS.max_bytes
    timeout_s: float = 20.0
    tries: int = 3
    backoff_s: float = 0.5
    s3: S3Settings | None = None


@dataclass(frozen=True, slots=True)
class ImageSources:
    """Fetches pictures by reference. Safe to call from several threads.

    `stopping` ends waits and further tries at once; what did not come by then says nothing of the picture.
    """

    rules: SourceRules
    stopping: Event = field(default_factory=Event)
    hosts: PictureHosts = field(default_factory=the_hosts)
    _clients: list[S3Pictures] = field(default_factory=list)

    def fetch(self, reference: str) -> bytes:
        """The picture's bytes.

        Raises:
            ImageNotFetched: with a reason for the shop's staff.
        """
        scheme = _scheme(reference)
        if scheme in ("http", "https"):
            return self._fetch_remote(reference)
        if scheme == "s3":
            return self._s3().fetch(*_bucket_and_key(reference))
        return self._fetch_file(reference)

    def stamp(self, reference: str) -> str:
        """What changes when the picture does, without reading it: size and time of a file, the ETag in S3.

        An address stands for itself: shops give a changed picture a new one. What is not there is `absent`.

        Raises:
            ImageNotFetched: S3 did not answer.
        """
        scheme = _scheme(reference)
        if scheme in ("http", "https"):
            return "address"
        if scheme == "s3":
            return self._stamp_s3(reference)
        try:
            found = self.local_path(reference).stat()
        except (ImageNotFetched, OSError, ValueError):
            return "absent"
        return f"{found.st_size}:{found.st_mtime_ns}"

    def _fetch_file(self, reference: str) -> bytes:
        path = self.local_path(reference)
        try:
            if path.stat().st_size > self.rules.max_bytes:
                raise ImageNotFetched(f"The picture file has more than {self.rules.max_bytes:,} bytes.")
            if not path.is_file():
                raise ImageNotFetched("The picture's path is not a file.")
            return path.read_bytes()
        except FileNotFoundError:
            raise ImageNotFetched("The picture file does not exist.") from None
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or "not a path"
            raise ImageNotFetched(f"The picture file cannot be read ({told}).") from None

    def local_path(self, reference: str) -> Path:
        """The file that a reference means.

        Raises:
            ImageNotFetched: it is no path, or leads out of the feed's folder.
        """
        if self.rules.root is None:
            raise ImageNotFetched("The picture is a path; give an http(s) or s3 address.")
        if _scheme(reference) not in ("", "file"):
            raise ImageNotFetched("The picture's address is neither a path nor an http(s) or s3 address.")
        plain = reference.removeprefix("file://") if _scheme(reference) == "file" else reference
        root = self.rules.root.resolve()
        try:
            path = found_path(root, plain)
        except (OSError, ValueError, RuntimeError):
            raise ImageNotFetched("The picture's path cannot be used: it is too long, or no path.") from None
        if not self.rules.allow_outside and not path.is_relative_to(root):
            raise ImageNotFetched("The picture's path leads out of the feed's folder, which is not allowed.")
        return path

    def _fetch_remote(self, url: str) -> bytes:
        limits = RemoteLimits(self.rules.max_bytes, self.rules.timeout_s)
        if self.rules.allow_private_hosts:
            limits = RemoteLimits(self.rules.max_bytes, self.rules.timeout_s, ports=frozenset(), allowed=_anywhere)
        for attempt in range(1, self.rules.tries + 1):
            try:
                return self._asked(encoded_address(url), limits)
            except NotServed as error:
                asked_s = error.retry_after_s
                if not error.transient or attempt == self.rules.tries or (asked_s or 0) > MOST_WAIT_S:
                    raise ImageNotFetched(_told(error), transient=error.transient) from None
            except InputRejected as error:
                raise ImageNotFetched(_told(error)) from None
            if self.stopping.wait(self.rules.backoff_s * 2 ** (attempt - 1) if asked_s is None else asked_s):
                break
        raise ImageNotFetched("The run was stopped before the picture came.", transient=True)

    def _asked(self, url: str, limits: RemoteLimits) -> bytes:
        """One try; the server's other pictures profit from what becomes of it."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        moment = self.hosts.check(host)
        try:
            data = fetch(url, limits)
        except NotServed as error:
            if error.transient:
                self.hosts.failed(host, moment)
            else:
                self.hosts.answered(host)
            raise
        self.hosts.answered(host)
        return data

    def _stamp_s3(self, reference: str) -> str:
        try:
            return self._s3().stamp(*_bucket_and_key(reference))
        except ImageNotFetched as error:
            if error.transient:
                raise
            return "absent"

    def _s3(self) -> S3Pictures:
        """S3's client, made when a picture first lies there: shops without S3 need not wait for its import."""
        if self.rules.s3 is None:
            raise ImageNotFetched("The picture lies in S3, and no S3 is configured (THATLOOK_S3_ENDPOINT).")
        if not self._clients:
            from ingest.images.s3_pictures import S3Pictures

            self._clients.append(S3Pictures(self.rules.s3, self.rules.max_bytes))
        return self._clients[0]


def _anywhere(_address: object) -> bool:
    return True


def is_remote(reference: str) -> bool:
    """Whether a picture's stamp says nothing of its being there: an http(s) address."""
    return _scheme(reference) in ("http", "https")


def _scheme(reference: str) -> str:
    try:
        scheme = urlsplit(reference).scheme.casefold()
    except ValueError:
        return ""
    return scheme if len(scheme) > 1 and "://" in reference else ""


def _bucket_and_key(reference: str) -> tuple[str, str]:
    bucket, _, key = reference.partition("://")[2].partition("/")
    if not bucket or not key:
        raise ImageNotFetched("The picture's S3 address is not of the form s3://bucket/key.")
    return bucket, key


def _told(error: InputRejected) -> str:
    """The API's words for an `image_url`, in a feed's."""
    said = error.message.replace("; send the picture itself", "")
    return said.replace("The image_url", "The picture's address").replace("image_url", "picture's address")
