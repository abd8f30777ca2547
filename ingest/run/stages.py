"""From a diff to an outcome: fetch, decode, choose, cut, embed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import kept_measures, measured_facets
from engine.domain import SPACES, Crop, Embeddings, Item, Product, Rejection, Space
from engine.errors import InputRejected, ThatLookError
from engine.products.stored import picture_prefix
from engine.seams import ImageRefusal, IngestState
from engine.taxonomy import collection_name
from engine.vision.gate import Policy
from engine.vision.images import decode, encode_jpeg
from ingest.images.not_fetched import ImageNotFetched
from ingest.images.sources import ImageSources
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff
from ingest.run.facets import item_facets
from ingest.run.failures import models_answer, told
from ingest.run.select_image import Picture, SelectedImage, select_images

FETCH_BUDGET_S = 60.0
"""For all pictures of one product: a server that hangs must not hold up the rest of the feed for hours."""
GUESSED = "Neither category nor title names a garment that is known here; its kind was told from the picture alone."
STORED_SIDE = 1024
"""Longest side of a stored picture in pixels: enough for a page, and for every model's input."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row for the paired collections."""

    item: Item
    embeddings: dict[Space, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of one product, ready to be written.

    Attributes:
        rows: its indexed garments; empty where it is refused.
        pictures: (key, JPEG) of each to store, if there are new ones.
        keep_rows: rows in the store stay as they are (its pictures could not be had just now).
        settled: whether the content hash may be trusted by the next run.
        defect: something failed that should not; tried again a bounded number of times, over runs too.
    """

    diff: ProductDiff
    state: IngestState
    rows: tuple[Row, ...] = ()
    refusals: tuple[ImageRefusal, ...] = ()
    reason: str | None = None
    pictures: tuple[tuple[str, bytes], ...] = ()
    keep_rows: bool = False
    settled: bool = True
    defect: bool = False


def failed(diff: ProductDiff, reason: str) -> Outcome:
    """A product on which something failed; garments of it that were indexed before are kept."""
    if diff.old and diff.old.items:
        kept = f"{reason} The garments indexed before are kept."
        return Outcome(diff, IngestState.INDEXED, reason=kept, keep_rows=True, settled=False, defect=True)
    return Outcome(diff, IngestState.FAILED, reason=reason, settled=False, defect=True)


def given_up(diff: ProductDiff) -> Outcome:
    """A product that failed so often that it waits for a change; nothing of it is written anew."""
    reason = (diff.old.reason if diff.old else None) or "It failed."
    return Outcome(diff, IngestState.FAILED, reason=reason, settled=False, defect=True)


@dataclass(frozen=True, slots=True, eq=False)
class SelectedProduct:
    """A product whose garment is cut out, of one picture or of several, and waits to be embedded with others."""

    diff: ProductDiff
    chosen: tuple[SelectedImage, ...]
    refusals: tuple[ImageRefusal, ...]
    settled: bool

    @property
    def crops(self) -> list[Crop]:
        """What is embedded, the best picture's first."""
        return [each.crop for each in self.chosen]


def gather(parts: IngestDependencies, sources: ImageSources, diff: ProductDiff) -> list[Picture]:
    """Fetch and decode a product's pictures; each one that cannot be had is told why; none of what is no garment."""
    if diff.other:
        return []
    give_up = time.monotonic() + FETCH_BUDGET_S
    return [_gather_one(parts, sources, reference, give_up) for reference in diff.product.images]


def _gather_one(parts: IngestDependencies, sources: ImageSources, reference: str, give_up: float) -> Picture:
    if time.monotonic() > give_up or sources.stopping.is_set():
        late = Rejection("fetch", "The product's other pictures took too long to come.")
        return Picture(reference, rejection=late, transient=True)
    try:
        data = sources.fetch(reference)
    except ImageNotFetched as error:
        return Picture(reference, rejection=Rejection("fetch", error.reason), transient=error.transient)
    except Exception as error:
        return Picture(reference, rejection=Rejection("fetch", told("Fetching", error)), transient=True)
    try:
        return Picture(reference, decode(data, parts.limits, max_side=STORED_SIDE))  # As stored, so that boxes fit.
    except InputRejected as error:
        return Picture(reference, rejection=Rejection("decode", error.message))
    except Exception as error:  # Not the picture's fault: no decoder could be started, say.
        return Picture(reference, rejection=Rejection("fetch", told("Decoding", error)), transient=True)


def analyze(
    parts: IngestDependencies, diff: ProductDiff, pictures: Sequence[Picture], policy: Policy
) -> SelectedProduct | Outcome:
    """Choose the picture and the garment. A failure of one product's pictures is that product's alone."""
    if diff.other:
        return Outcome(
            diff, IngestState.REFUSED, reason=f"Its category or title says that it is not a garment but: {diff.other}."
        )
    transient = any(picture.transient for picture in pictures)
    try:
        color = diff.product.color
        chosen, refusals = select_images(parts.pipeline, pictures, diff.wanted, policy, color, parts.views)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a defect of ours must not stop a shop's whole feed
        if isinstance(error, ThatLookError) and not models_answer(parts):
            raise
        return failed(diff, told("The models", error))
    if chosen:
        return SelectedProduct(diff, chosen, refusals, settled=not transient)
    if transient and diff.old and diff.old.items:
        return Outcome(
            diff, IngestState.INDEXED, refusals=refusals, keep_rows=True, settled=False,
            reason="Its pictures could not be fetched; the garments indexed before are kept.",
        )  # fmt: skip
    state, reason = _verdict(refusals)
    return Outcome(diff, state, refusals=refusals, reason=reason, settled=not transient)


def _verdict(refusals: Sequence[ImageRefusal]) -> tuple[IngestState, str]:
    """Refused where a picture was looked at; failed where none could be had."""
    if all(refusal.rejection.stage == "fetch" for refusal in refusals):
        return IngestState.FAILED, f"No picture could be fetched: {refusals[0].rejection.reason}"
    first = next(refusal for refusal in refusals if refusal.rejection.stage != "fetch")
    return IngestState.REFUSED, first.rejection.reason


def embed(parts: IngestDependencies, seen: Sequence[SelectedProduct]) -> list[Outcome]:
    """Both embeddings of many products' garments in one go."""
    if not seen:
        return []
    embeddings = parts.pipeline.embed([crop for one in seen for crop in one.crops])
    if not all(np.isfinite(rows).all() for rows in embeddings.values()):
        raise ValueError("an embedding that is no number")
    now = parts.now()
    ends = np.cumsum([len(one.chosen) for one in seen])[:-1]
    apart = {space: np.split(embeddings[space], ends) for space in SPACES}
    return [_outcome(one, {space: apart[space][i] for space in SPACES}, now) for i, one in enumerate(seen)]


def _outcome(seen: SelectedProduct, embeddings: Mapping[Space, Embeddings], now: datetime) -> Outcome:
    """One row for each picture; their ids count them, the best picture's is 0."""
    product = seen.diff.product
    pictures = [_stored_as(product.product_id, each) for each in seen.chosen]
    rows = tuple(
        Row(_item(product, each, number, key, now), {space: embeddings[space][number] for space in SPACES})
        for number, (each, (key, _)) in enumerate(zip(seen.chosen, pictures, strict=True))
    )
    reason = None if seen.diff.wanted else GUESSED
    return Outcome(seen.diff, IngestState.INDEXED, rows, seen.refusals, reason, tuple(pictures), settled=seen.settled)


def _stored_as(product_id: str, chosen: SelectedImage) -> tuple[str, bytes]:
    """A picture's key and JPEG."""
    jpeg = encode_jpeg(chosen.pixels, max_side=STORED_SIDE)
    return f"{picture_prefix(product_id)}{hashlib.sha256(jpeg).hexdigest()[:16]}.jpg", jpeg


def _item(product: Product, chosen: SelectedImage, number: int, key: str, now: datetime) -> Item:
    garment = chosen.garment
    return Item(
        item_id=f"{product.product_id}#{number}",
        product_id=product.product_id,
        supercategory=garment.supercategory,
        label=garment.label,
        image=key,
        box=garment.box,
        facets=item_facets(product) | measured_facets(chosen.crop),
        price=product.price_at(now),
    )


def reword(parts: IngestDependencies, diffs: Sequence[ProductDiff]) -> tuple[list[Outcome], list[ProductDiff]]:
    """New words on stored embeddings, without any model; and the diffs whose rows are not all there."""
    outcomes, missing = [], []
    stored = stored_rows(parts, [pair for diff in diffs if diff.old for pair in diff.old.items])
    for diff in diffs:
        old = diff.old
        rows = [stored.get(pair) for pair in old.items] if old else [None]
        if old is None or None in rows:
            missing.append(diff)
            continue
        renewed = tuple(reworded(parts, row, diff.product) for row in rows if row is not None)
        state = old.state if old.state is not IngestState.PENDING else _state_of(bool(renewed))
        outcomes.append(Outcome(diff, state, renewed, old.refusals, old.reason))
    return outcomes, missing


def _state_of(indexed: bool) -> IngestState:
    return IngestState.INDEXED if indexed else IngestState.REFUSED


def reworded(parts: IngestDependencies, row: Row, product: Product) -> Row:
    """A row in a product's words of today, on the embeddings that it has."""
    facets = item_facets(product) | kept_measures(row.item.facets)
    return Row(replace(row.item, facets=facets, price=product.price_at(parts.now())), row.embeddings)


def stored_rows(parts: IngestDependencies, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
    """Rows by (supercategory, item_id), those that are whole in both paired collections."""
    wanted: dict[str, list[str]] = {}
    for supercategory, item_id in pairs:
        wanted.setdefault(supercategory, []).append(item_id)
    found: dict[tuple[str, str], Row] = {}
    for supercategory, ids in wanted.items():
        items = parts.store.items(collection_name(supercategory, "semantic"), ids)
        spaces: dict[Space, tuple[Embeddings, list[bool]]] = {
            space: parts.store.embeddings(collection_name(supercategory, space), ids) for space in SPACES
        }
        for i, item in enumerate(items):
            if item is not None and all(present[i] for _, present in spaces.values()):
                found[supercategory, ids[i]] = Row(item, {space: rows[i] for space, (rows, _) in spaces.items()})
    return found
