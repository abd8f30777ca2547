"""Feed jobs in a folder of the home: each has a folder of its own, with what is known of it and the feed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.jobs import FeedJob, FeedRequest, JobState
from engine.system.durable import read_checked, write_checked
from engine.system.refusals import refusal

_DOCUMENT = "job.json"
_INBOX = "inbox"


class JobFiles:
    """Reads and writes the jobs of one home."""

    def __init__(self, folder: Path) -> None:
        """Clears away uploads that were cut off.

        Raises:
            StoreUnavailable: the folder cannot be made.
        """
        self.folder = folder
        try:
            shutil.rmtree(folder / _INBOX, ignore_errors=True)
            (folder / _INBOX).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refusal(error, "Feeds cannot be stored", folder) from error

    def inbox(self) -> Path:
        """A path for an upload."""
        return self.folder / _INBOX / secrets.token_hex(8)

    def new(self, request: FeedRequest, feed: str) -> FeedJob:
        """A job with a folder that holds its upload, if it has one.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        now = datetime.now(UTC)
        job_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        job = FeedJob(job_id, request, JobState.QUEUED, now, feed)
        try:
            (self.folder / job_id / "feed").mkdir(parents=True)
            if request.is_stored:
                Path(request.place).replace(self.feed_path(job))
            self.save(job)
        except OSError as error:
            self.remove(job_id)
            raise refusal(error, "The feed cannot be stored", self.folder) from error
        return job

    def save(self, job: FeedJob) -> None:
        """Write a job down.

        Raises:
            OSError: the disk is full, say.
        """
        write_checked(self.folder / job.job_id / _DOCUMENT, msgspec.to_builtins(job))

    def all(self) -> Iterator[FeedJob]:
        """Every job that can be read; the folders of others are removed, since nobody will ask for them."""
        for path in sorted(self.folder.iterdir()):
            if not path.is_dir() or path.name == _INBOX:
                continue
            document = read_checked(path / _DOCUMENT)
            try:
                yield msgspec.convert(document, FeedJob)
            except msgspec.ValidationError:
                self.remove(path.name)

    def feed_path(self, job: FeedJob) -> Path:
        """Where an upload lies, or a download goes: under the name that its format is told by."""
        return self.folder / job.job_id / "feed" / safe_name(job.request.file_name or job.feed)

    def scratch(self, job: FeedJob) -> Path:
        """Where an archive is unpacked."""
        return self.folder / job.job_id / "unpacked"

    def drop_feed(self, job: FeedJob, *, upload_too: bool) -> None:
        """Remove what was unpacked, and the feed itself if it is not needed any more."""
        shutil.rmtree(self.scratch(job), ignore_errors=True)
        if upload_too or not job.request.is_stored:
            for path in (self.folder / job.job_id / "feed").glob("*"):
                with suppress(OSError):
                    path.unlink()

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        shutil.rmtree(self.folder / job_id, ignore_errors=True)


def safe_name(name: str) -> str:
    """A stranger's file name as one of ours: only what tells its format is kept of it."""
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in name.replace("\\", "/").rpartition("/")[2])
    return (kept.lstrip(".")[-80:] or "feed").encode("utf-8", "replace").decode()
