"""What has to be done for each product: nothing, new words alone, or everything."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

import msgspec

from engine.domain import Product
from engine.generations.fingerprint import digest
from engine.products.kinds import kind_of
from engine.seams import IngestState, LedgerEntry
from engine.taxonomy import GarmentClass
from engine.vision.gate import Policy
from ingest.images.sources import ImageSources, is_remote
from ingest.run.dependencies import FACETS_VERSION, INDEX_VERSION, IngestDependencies, content_hash
from ingest.run.failures import is_given_up, told

Kind = Literal["unchanged", "words", "everything", "failed", "given up"]
"""`failed`: it cannot even be planned; `given up`: it failed so often that only a change of it is worth a try."""
Stamps = Sequence[tuple[str, str]]
_SETTLED = (IngestState.INDEXED, IngestState.REFUSED, IngestState.FAILED)


@dataclass(frozen=True, slots=True, eq=False)
class ProductDiff:
    """One product with what the ledger knew of it, and what is to be done.

    Attributes:
        wanted: the garment that the shop's words name; None where they name none, and the picture alone can tell.
        other: what they call it instead ("bag"), where it is no garment.
        stamps: what each picture is known by; None where that could not be told.
    """

    product: Product
    feed: str
    wanted: GarmentClass | None
    record_hash: str
    content_hash: str
    kind: Kind
    old: LedgerEntry | None
    other: str | None = None
    reason: str | None = None
    stamps: Stamps | None = None


def diff_products(
    parts: IngestDependencies,
    sources: ImageSources,
    products: Sequence[Product],
    feed: str,
    policy: Policy,
    pool: Executor,
) -> list[ProductDiff]:
    """Compare products with the ledger. No picture is read and no model asked."""
    known = parts.ledger.get([product.product_id for product in products])
    stamps = pool.map(lambda product: _stamps(sources, product), products)
    return [
        _guarded_diff(parts, product, feed, policy, stamp, known.get(product.product_id))
        for product, stamp in zip(products, stamps, strict=True)
    ]


def _guarded_diff(
    parts: IngestDependencies,
    product: Product,
    feed: str,
    policy: Policy,
    stamps: Stamps | None,
    old: LedgerEntry | None,
) -> ProductDiff:
    """A diff, whatever a product's words do to our reading of them."""
    try:
        return _diff(parts, product, feed, policy, stamps, old)
    except Exception as error:
        return ProductDiff(product, feed, None, "", "", "failed", old, reason=told("Reading its words", error))


def record_hash(product: Product, asked: float | None) -> str:
    """Names a product's words and what a buyer pays; equal ones give equal names, in whatever order the attributes are.

    A sale that has begun or ended since the last run gives another name, so that the stored price is renewed.
    """
    words = msgspec.json.encode(product, order="deterministic").decode()
    return digest(INDEX_VERSION, FACETS_VERSION, words, "" if asked is None else repr(asked))


def _stamps(sources: ImageSources, product: Product) -> Stamps | None:
    """What each picture is known by; None where it cannot be told at present."""
    try:
        return [(image, sources.stamp(image)) for image in product.images]
    except Exception:  # S3 does not answer, say; fetching will tell why.
        return None


def _diff(
    parts: IngestDependencies,
    product: Product,
    feed: str,
    policy: Policy,
    stamps: Stamps | None,
    old: LedgerEntry | None,
) -> ProductDiff:
    said = kind_of(product, parts.pipeline.taxonomy)
    content = content_of(parts, policy, said.garment, said.other, stamps)
    record = record_hash(product, product.price_at(parts.now()))
    kind = _kind(feed, record, content, old)
    return ProductDiff(product, feed, said.garment, record, content, kind, old, said.other, stamps=stamps)


def content_of(
    parts: IngestDependencies, policy: Policy, wanted: GarmentClass | None, other: str | None, stamps: Stamps | None
) -> str:
    """The content hash of a product; empty where its pictures cannot be told."""
    name = wanted.name if wanted else f"-{other}" if other else None
    return content_hash(parts, policy, name, stamps) if stamps is not None else ""


def _kind(feed: str, record: str, content: str, old: LedgerEntry | None) -> Kind:
    if old is not None and is_given_up(old, content) and (old.record_hash, old.feed) == (record, feed):
        return "given up"
    if old is None or not content or old.content_hash != content or _worth_retrying(old):
        return "everything"
    settled = old.state in _SETTLED
    return "unchanged" if settled and (old.record_hash, old.feed) == (record, feed) else "words"


def _worth_retrying(old: LedgerEntry) -> bool:
    """An address that did not answer with a picture may do so today: its stamp does not tell."""
    return any(r.rejection.stage == "fetch" and is_remote(r.image) for r in old.refusals)
