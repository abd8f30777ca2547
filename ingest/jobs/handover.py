"""A feed given to the server that holds the home: the same run, in the process that may write there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from engine.errors import FeedUnreadable, ThatLookError, Unavailable
from engine.jobs import FeedRequest
from engine.seams import FeedError
from ingest.run.summary import FeedBrokenOff, OnProgress, Progress, Summary
from ingest.upkeep.backup import Backup
from models.holder import Holder

LOOK_EVERY_S = 0.25
_ENDED = ("done", "failed", "cancelled", "interrupted")
_COUNTED = ("read", "indexed", "updated", "unchanged", "refused", "failed", "pruned")


class ServerSaid(ThatLookError):
    """What the server's job ended with, under the server's own code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self._code = code

    @property
    def code(self) -> str:
        """The server's."""
        return self._code


def hand_over(
    holder: Holder, request: FeedRequest, progress: OnProgress, on_job: Callable[[str], None] | None = None
) -> Summary:
    """Let the server take a feed, and wait for it; on a stop signal the job is cancelled.

    Raises:
        FeedUnreadable, FeedBrokenOff: as `ingest_feed`.
        ServerSaid: whatever else ended the job.
        Unavailable: the server does not answer any more.
    """
    with httpx.Client(base_url=holder.address, headers=holder.headers, timeout=60, trust_env=False) as http:
        job = _answer(http, "POST", "/v1/ingest", json=_document(request))
        path = f"/v1/ingest/jobs/{job['job_id']}"
        if on_job:
            on_job(job["job_id"])
        try:
            while job["state"] not in _ENDED:
                time.sleep(LOOK_EVERY_S)
                job = _answer(http, "GET", path)
                progress(Progress(job["done"], job["total"], job["counts"], job["run_id"] or 0))
        except (KeyboardInterrupt, SystemExit):
            with suppress(Exception):
                http.delete(path)
            raise
    return _summary_of_job(job)


def backed_up_by(holder: Holder, target: Path) -> Backup:
    """Let the server copy its home into a folder, and wait for it.

    Raises:
        ServerSaid: why it did not.
        Unavailable: the server does not answer any more.
    """
    with httpx.Client(base_url=holder.address, headers=holder.headers, timeout=None, trust_env=False) as http:
        said = _answer(http, "POST", "/v1/backup", json={"path": str(target)})
    return Backup(said["files"], said["size_bytes"], said["created"])


@contextmanager
def talk(holder: Holder) -> Iterator[Callable[..., dict[str, Any]]]:
    """Asks the server with the owner's rights: `ask(method, path, json=…)` gives the document that it answers with.

    Raises:
        ServerSaid: what it refuses.
        Unavailable: it does not answer any more.
    """
    with httpx.Client(base_url=holder.address, headers=holder.headers, timeout=None, trust_env=False) as http:
        yield partial(_answer, http)


def _document(request: FeedRequest) -> dict[str, Any]:
    names = ("name", "policy", "prune", "prune_all", "limit", "shop_url", "currency", "encoding")
    given = {name: value for name in names if (value := getattr(request, name)) not in (None, False)}
    return {"path": request.place, **given}


def _answer(http: httpx.Client, method: str, path: str, **sent: Any) -> dict[str, Any]:
    try:
        response = http.request(method, path, **sent)
        document: dict[str, Any] = response.json()
    except (httpx.HTTPError, ValueError):
        raise Unavailable(
            "The server that holds this home no longer answers; what was written is kept. Run the command again."
        ) from None
    if response.is_success:
        return document
    raise ServerSaid(document.get("detail", f"The server answered with status {response.status_code}."),
                     document.get("code", "unavailable"))  # fmt: skip


def _summary_of_job(job: Mapping[str, Any]) -> Summary:
    summary = None if job["summary"] is None else summary_of(job["summary"])
    error = job["error"]
    if summary is not None and (error is None or error["code"] == "nothing-taken"):
        return summary
    code, message = (error["code"], error["message"]) if error else ("cancelled", "The job was cancelled.")
    if code == "feed-unreadable":
        raise FeedUnreadable(message) if summary is None else FeedBrokenOff(message, summary)
    raise ServerSaid(message, code)


def summary_of(document: Mapping[str, Any]) -> Summary:
    """A run's JSON document as the summary that it was made of."""
    products, error = document["products"], document["error"]
    rows = [FeedError(document["feed"], row["line"], row["reason"], row["id"]) for row in document["errors"]]
    return Summary(
        feed=document["feed"],
        run_id=document["run_id"],
        **{name: products[name] for name in _COUNTED},
        bad_rows=document["bad_rows"],
        images_refused=document["images_refused"],
        products_refused=document["products_refused"],
        errors=tuple(rows),
        seconds=document["seconds"],
        complete=document["complete"],
        note=document["note"],
        guessed=document["guessed"]["count"],
        guessed_ids=tuple(document["guessed"]["ids"]),
        changed=document["changed"],
        taken=document["taken"],
        error=error["message"] if error else None,
    )
