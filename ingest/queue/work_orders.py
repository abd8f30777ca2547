"""What a job of the queue says: which products, in which words, and how they are to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from engine.domain import Product
from engine.errors import ContractBroken
from engine.generations.fingerprint import digest
from engine.seams import Job, LedgerEntry
from engine.vision.gate import Policy
from ingest.run.dependencies import API_FEED

PRODUCTS, FEED = "products", "feed"
"""Lanes: single products never wait behind a feed."""
JOB_PRODUCTS = 64
"""Products of one job: some seconds of the models' work, which is what a killed worker loses."""
LAST = -1
"""Priority of what failed before: never ahead of products that have not been tried yet."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """One job.

    Attributes:
        products: product_id → `words_of` the product that is meant; one with other words is another job's.
        root: the folder that the feed's paths are relative to.
        again: products that failed are meant.
    """

    products: dict[str, str]
    policy: Policy = "prefer"
    root: str | None = None
    again: bool = False


def words_of(product: Product) -> str:
    """Names what a shop says of a product."""
    return digest(msgspec.json.encode(product, order="deterministic").decode())[:16]


def job_of(order: Order, feed: str, *, delay_s: float = 0.0, priority: int | None = None) -> Job:
    """The order as a job of the lane that its products' feed goes by."""
    lane = PRODUCTS if feed == API_FEED else FEED
    urgency = priority if priority is not None else LAST if order.again else 0
    return Job(lane, msgspec.json.encode(order), urgency, delay_s)


def jobs_of(entries: Sequence[LedgerEntry], policy: Policy, root: Callable[[str], str | None]) -> list[Job]:
    """Jobs for entries that wait, those of one feed together.

    Args:
        root: the folder of a feed.
    """
    by_feed: dict[str, list[Product]] = {}
    for entry in entries:
        by_feed.setdefault(entry.feed, []).append(entry.product)
    return [
        job_of(Order({product.product_id: words_of(product) for product in some}, policy, root(feed)), feed)
        for feed, products in by_feed.items()
        for some in parted(products)
    ]


def parted(products: Sequence[Product]) -> Iterable[Sequence[Product]]:
    """Products in numbers that a job has."""
    return (products[start : start + JOB_PRODUCTS] for start in range(0, len(products), JOB_PRODUCTS))


def read_order(payload: bytes) -> Order:
    """An order from a job.

    Raises:
        ContractBroken: it was not written by this thatlook.
    """
    try:
        return msgspec.json.decode(payload, type=Order)
    except msgspec.MsgspecError as error:
        raise ContractBroken(f"A job of the queue cannot be read ({error}); another thatlook wrote it.") from error
