"""A catalogue in memory, made of crops with real embeddings and searched by the real engine: for measuring.

What ingest would write goes into the exact store, and a plain shelf of products stands for the ledger; so a rank
that is measured here is the rank that a shop's customer gets, without any feed, home or server.

    looked = look_at(pipeline, exhibits)                                  # the models, once
    searcher = catalogue(pipeline, calibrations, looked, evidence="picture")
    rank = rank_of(searcher, image_query(query, 0), ["upper_wear"], wanted={"luma-mh01-navy"})
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from engine.color.naming import main_color
from engine.color.palette import measured_facets, palettes_of
from engine.domain import SPACES, Crop, Embeddings, Item, Pixels, Product, Space
from engine.filters import EVERYTHING, Filter
from engine.retrieval.fusion import Weights
from engine.retrieval.search import MAX_K, Calibrations, QueryVectors, Searcher
from engine.seams import Term
from engine.service import SIMILAR_FACETS, TextQuery, worded
from engine.stores.exact import ExactStore
from engine.taxonomy import collection_name
from engine.vision.crops import cut
from engine.vision.pipeline import VisionPipeline
from engine.words.vocabulary import Vocabulary, terms_of
from ingest.run.facets import item_facets
from ingest.run.select_image import Picture, select_image

Evidence = Literal["picture", "shop"]
"""`picture`: of the shop's words only what kind of garment it sells; `shop`: its colour, title and facets too."""
BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class Exhibit:
    """One garment to be found, or to be asked with; `also`: other supercategories to look for it in."""

    product: Product
    label: str
    supercategory: str
    crop: Crop
    also: tuple[str, ...] = ()

    @property
    def supercategories(self) -> tuple[str, ...]:
        """Its own, and those to look in as well."""
        return (self.supercategory, *self.also)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Exhibits with both embeddings, rows in their order. It can be sliced without embedding again."""

    exhibits: tuple[Exhibit, ...]
    embeddings: Mapping[Space, Embeddings]

    def only(self, rows: Sequence[int]) -> Looked:
        """Some of the exhibits, in the order given."""
        at = np.array(rows, np.int64)
        return Looked(tuple(self.exhibits[i] for i in rows), {s: self.embeddings[s][at] for s in SPACES})


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The part of a ledger that a search asks: products by id."""

    known: Mapping[str, Product]

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """Those that there are."""
        return {i: self.known[i] for i in product_ids if i in self.known}


def exhibit_photo(
    pipeline: VisionPipeline, product: Product, pixels: Pixels, label: str, *, query: bool = False
) -> Exhibit | None:
    """A photo's garment of one class, as ingest chooses it; None where none is seen.

    Args:
        query: as a shopper's photo is looked at, where no gate refuses a back view.
    """
    wanted = pipeline.taxonomy.classes[label]
    if query:
        return _asked_with(pipeline, product, pixels, label, wanted.supercategory)
    chosen, _ = select_image(pipeline, [Picture("photo", pixels)], wanted, "prefer")
    return Exhibit(product, chosen.garment.label, chosen.garment.supercategory, chosen.crop) if chosen else None


def _asked_with(pipeline: VisionPipeline, product: Product, pixels: Pixels, label: str, wanted: str) -> Exhibit | None:
    """The garment whose hits a shopper who wants one of `wanted` would look at: the first searched for there."""
    found = [g for g in pipeline.garments(pixels) if wanted in g.supercategories]
    if not found:
        return None
    garment = min(found, key=lambda g: g.supercategories.index(wanted))
    return Exhibit(product, label, garment.supercategory, cut(pixels, garment), garment.also)


def look_at(pipeline: VisionPipeline, exhibits: Iterable[Exhibit]) -> Looked:
    """Both embeddings of every exhibit."""
    listed = tuple(exhibits)
    parts = [pipeline.embed([e.crop for e in batch]) for batch in _batches(listed)]
    return Looked(listed, {space: np.concatenate([part[space] for part in parts]) for space in SPACES})


def catalogue(
    pipeline: VisionPipeline, calibrations: Calibrations, looked: Looked, evidence: Evidence = "picture"
) -> Searcher:
    """The searcher over these exhibits; several of one product are several items of it."""
    store = ExactStore()
    for spec in pipeline.collection_specs():
        store.ensure(spec)
    known: dict[str, Product] = {}
    rows: dict[str, list[tuple[int, Item]]] = {}
    for n, exhibit in enumerate(looked.exhibits):
        product = _as_known(exhibit.product, evidence)
        known[product.product_id] = product
        facets = item_facets(product) | measured_facets(exhibit.crop)
        height, width = exhibit.crop.mask.shape
        item = Item(
            f"{product.product_id}#{n}", product.product_id, exhibit.supercategory, exhibit.label, "picture.jpg",
            (0, 0, width, height), facets, product.effective_price,
        )  # fmt: skip
        rows.setdefault(exhibit.supercategory, []).append((n, item))
    for supercategory, some in rows.items():
        for space in SPACES:
            matrix = looked.embeddings[space][[n for n, _ in some]]
            store.upsert(collection_name(supercategory, space), [item for _, item in some], matrix)
    return Searcher(store, Shelf(known), calibrations)  # type: ignore[arg-type]  # It asks nothing else of a ledger.


def vocabulary_of(looked: Looked) -> Vocabulary:
    """The terms of these exhibits' products, as their ledger would note them."""
    found = terms_of([exhibit.product for exhibit in looked.exhibits])
    terms = [Term(number, kind, text, label) for number, ((kind, text), label) in enumerate(found.items(), 1)]
    return Vocabulary(lambda after: terms[after:])


def product_query(looked: Looked, row: int) -> QueryVectors:
    """The query_vectors of this exhibit as a stored product that asks for others like it."""
    product = looked.exhibits[row].product
    told = item_facets(product)
    facets = {name: told[name] for name in SIMILAR_FACETS if name in told}
    return replace(image_query(looked, row, exclude={product.product_id}), facets=facets)


def image_query(looked: Looked, row: int, *, exclude: Collection[str] = ()) -> QueryVectors:
    """The query_vectors that a photo of this exhibit becomes."""
    visual, semantic = (looked.embeddings[space][row] for space in SPACES)
    crop = looked.exhibits[row].crop
    return QueryVectors(
        visual, semantic, palette=palettes_of([crop]), color=main_color(crop), exclude=frozenset(exclude)
    )


def asking(pipeline: VisionPipeline, text: TextQuery, photo: QueryVectors | None = None) -> QueryVectors:
    """The query_vectors of some words, or a photo's query_vectors moved by them."""
    words = worded(text, pipeline.texts)
    if photo is None:
        return words
    return replace(photo, positive=words.positive, negative=words.negative, parsed=words.parsed, words=words.words)


def rank_of(
    searcher: Searcher,
    query_vectors: QueryVectors,
    supercategories: Sequence[str],
    wanted: Collection[str],
    *,
    weights: Weights | None = None,
    where: Filter = EVERYTHING,
) -> int | None:
    """The place of the first wanted product among the hits, 0 the best; None behind the hundredth."""
    hits = searcher.search(query_vectors, supercategories, MAX_K, where, weights)
    return next((place for place, hit in enumerate(hits) if hit.product.product_id in wanted), None)


def hit_rates(ranks: Sequence[int | None], at: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """hit_rate_at_k over queries, with their number."""
    found = {f"hit_rate_at_{k}": sum(r is not None and r < k for r in ranks) / len(ranks) for k in at if ranks}
    return {"queries": float(len(ranks)), **found}


def _as_known(product: Product, evidence: Evidence) -> Product:
    """Without the shop's words where the picture alone is to be evidence."""
    if evidence == "shop":
        return product
    return replace(product, title=product.product_id, description="", color=None, attributes={}, item_group_id=None)


def _batches(exhibits: Sequence[Exhibit]) -> Iterator[Sequence[Exhibit]]:
    yield from (exhibits[start : start + BATCH] for start in range(0, len(exhibits), BATCH))
