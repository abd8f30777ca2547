"""What the catalogue's routes answer, as values that need no web framework: the client reads them too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from engine.domain import PictureAnalysis
from engine.forms.answers import GarmentForm, garment_form


class ProductReceipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one product of a request: `pending` (taken on) or `rejected`, with reasons.

    `notes` say what was changed or left out of one that was taken on.
    """

    id: str | None
    state: str
    reasons: list[str] = []
    notes: list[str] = []


class IntakeReceipt(msgspec.Struct, frozen=True):
    """What became of a request's products."""

    accepted: int
    rejected: int
    products: list[ProductReceipt]


class UpdateReceipt(msgspec.Struct, frozen=True):
    """What became of a request's changes: each is `updated`, `unchanged`, `rejected` or `not_found`."""

    updated: int
    unchanged: int
    rejected: int
    products: list[ProductReceipt]


class DeletionReceipt(msgspec.Struct, frozen=True):
    """How many products were taken out, and the ids that there are none of."""

    deleted: int
    missing: list[str]


class RefusalForm(msgspec.Struct, frozen=True):
    """Why one picture of a product is not indexed."""

    image: str
    stage: str
    reason: str


class RunForm(msgspec.Struct, frozen=True):
    """One pass over a feed; `finished` is null while it goes on."""

    run_id: int
    feed: str
    started: datetime
    finished: datetime | None
    total: int | None
    counts: dict[str, int]


class RunList(msgspec.Struct, frozen=True):
    """The latest runs, newest first."""

    runs: list[RunForm]


class RowErrorForm(msgspec.Struct, frozen=True):
    """A row that was not taken: its line (1-based) and why."""

    line: int
    reason: str
    product_id: str | None


class ErrorPage(msgspec.Struct, frozen=True):
    """A run's rows that were not taken; `next_offset` asks for the next page, null at the end."""

    errors: list[RowErrorForm]
    next_offset: int | None


class JobErrorForm(msgspec.Struct, frozen=True):
    """What ended a feed job: a stable code, and a sentence."""

    code: str
    message: str


class JobForm(msgspec.Struct, frozen=True):
    """A feed that is taken while searches go on: `queued`, `running`, `done`, `failed`, `cancelled` or `interrupted`.

    `done` of `total` are lines read, `counts` products by what became of them. `summary` is the report that
    `thatlook ingest --json` prints, once there is one; `run_id` asks for all rows that were not taken.
    """

    job_id: str
    state: str
    source: str
    feed: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    cancelling: bool
    run_id: int | None
    done: int
    total: int | None
    counts: dict[str, int]
    summary: dict[str, Any] | None
    error: JobErrorForm | None


class JobList(msgspec.Struct, frozen=True):
    """The latest feed jobs, newest first."""

    jobs: list[JobForm]


class WatchedForm(msgspec.Struct, frozen=True):
    """A feed that is fetched on a schedule; `problem` says why the last look failed, null where it did not."""

    feed_url: str
    every_s: float
    next_check: datetime
    last_checked: datetime | None
    last_changed: datetime | None
    last_job: str | None
    failures: int
    problem: str | None


class StatusForm(msgspec.Struct, frozen=True):
    """How many products stand where, and how many pictures were refused, and products failed, for what.

    `watched` is the feed that is fetched on a schedule, if there is one.
    """

    products: dict[str, int]
    refusals: dict[str, int]
    latest_run: RunForm | None
    failures: dict[str, int] = {}
    watched: WatchedForm | None = None


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether searches can be answered; `waiting_for` names the parts that cannot answer, and why.

    `degraded` names parts that are away and that no search needs: stored pictures are not shown meanwhile. `changing`
    says which other models the catalogue is changing to, while it does.
    """

    status: str
    waiting_for: dict[str, str]
    degraded: dict[str, str] = {}
    changing: str | None = None


class PictureForm(msgspec.Struct, frozen=True):
    """One picture of a product: `stored` is where the copy lies that is searched, `reason` why it is refused.

    Both are null where another picture of the product was the better one, or where none was looked at yet.
    """

    image_link: str
    stored: str | None = None
    stage: str | None = None
    reason: str | None = None


class AnalysisForm(msgspec.Struct, frozen=True):
    """What is seen in a product's stored picture `image`: the garments of its main person, and that person.

    `view` is `front`, `back`, `left`, `right` or `none`; `full_shot`: head to ankles are in the picture. `keep`: one
    person, full-shot and front-facing; `reason` says in words why or why not.
    """

    image: str
    width: int
    height: int
    garments: list[GarmentForm]
    people: int
    view: str
    full_shot: bool
    keep: bool
    reason: str


class PictureList(msgspec.Struct, frozen=True):
    """A product's pictures, as its shop orders them."""

    pictures: list[PictureForm]


def analysis_form(image: str, seen: PictureAnalysis) -> AnalysisForm:
    """What is seen in a picture."""
    garments, gate = [garment_form(each) for each in seen.garments], seen.gate
    told = (gate.people, gate.view, gate.full_shot, gate.keep, gate.reason)
    return AnalysisForm(image, seen.width, seen.height, garments, *told)
