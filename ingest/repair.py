"""Mending a damaged home: what is whole is kept, lost rows are embedded anew from the stored pictures, and what cannot
be had is left for the next run over its feed, which then takes it for new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from engine.errors import InputRejected, ObjectNotFound
from engine.products.kinds import kind_of
from engine.products.stored import picture_prefix
from engine.seams import MOMENT, IngestState, LedgerEntry, moment_of
from engine.vision.gate import Policy
from engine.vision.images import decode
from ingest.bootstrap import open_ingest
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff, record_hash
from ingest.run.select_image import Picture
from ingest.run.stages import Outcome, SelectedProduct, analyze, embed
from ingest.run.writer import Writer
from ingest.upkeep.lost import lacking
from ingest.upkeep.pruning import MOST_SHARE
from models.agreement import Embedded, row_problem
from models.bootstrap import LEDGER, hold_home
from models.examination import is_whole_picture, pages
from models.settings import Settings

BATCH = 32
_LOST = "Its rows were lost, and its picture is not stored; ingest its feed again."


@dataclass(frozen=True, slots=True)
class Mended:
    """What a repair did: products embedded anew, products left for their feeds, and rows that no product names."""

    embedded: int
    left: int
    strange: int
    problem: str | None

    def told(self) -> list[str]:
        """In words."""
        said = [f"{self.embedded:,} products were embedded again from their stored pictures"] if self.embedded else []
        if self.left:
            said.append(f"{self.left:,} products must be ingested again: run `thatlook ingest --repair FEED`")
        if self.strange:
            said.append(f"{self.strange:,} products had rows, but the ledger did not know them; the rows were removed")
        return [*said, self.problem] if self.problem else said


def repair_home(settings: Settings) -> list[str]:
    """Mend whatever can be mended of a home without its feeds; what was done, in words, nothing where all was well.

    Raises:
        HomeInUse: another process holds the home.
        ThatLookError: a part cannot be opened.
    """
    said = salvage_files(settings)
    with open_ingest(settings, repairing=True) as parts:
        return said + mend(parts, settings.policy).told()


def salvage_files(settings: Settings) -> list[str]:
    """Make damaged stores of a home anew from what is whole in them, before they are opened; what was done, in words.

    Raises:
        HomeInUse: another process holds the home.
    """
    from engine.ledger.salvage import salvage as salvage_ledger
    from engine.stores.lite.salvage import salvage as salvage_store

    said: list[str] = []
    if settings.is_shared or not settings.home.exists():
        return said
    with hold_home(settings.home):
        if settings.ledger_url is None:
            said += salvage_ledger(settings.home / LEDGER, _verified)
        if settings.milvus_uri is None:
            said += salvage_store(settings.home / "vectors")
    return said


def mend(parts: IngestDependencies, policy: Policy = "prefer", *, remove_strange: bool = True) -> Mended:
    """Give every indexed product its rows again, and take out rows that no product names.

    Rows that no product names are kept where they are more than half: then it is the ledger that was lost.
    """
    embedded = left = 0
    writer = Writer(parts)
    for entries in pages(parts.ledger):
        for some in _parted(list(lacking(parts, entries))):
            done = embedded_anew(parts, some, policy)
            embedded += len(writer.commit(done))
            ids = {outcome.diff.product.product_id for outcome in done}
            lost = [entry for entry in some if entry.product.product_id not in ids]
            parts.ledger.put([left_for_its_feed(entry) for entry in lost])
            left += len(lost)
    strange = _remove_strange(parts) if remove_strange else 0
    problem = row_problem(parts.store, *parts.ledger.rows_named())
    if problem is None and (moment := moment_of(parts.store)) is not None:
        parts.ledger.set_setting(MOMENT, moment)
    return Mended(embedded, left, strange, problem)


def embedded_anew(parts: IngestDependencies, entries: Sequence[LedgerEntry], policy: Policy) -> list[Outcome]:
    """What becomes of products that are looked at once more on their stored pictures; not those that have none."""
    seen: list[SelectedProduct] = []
    for entry in entries:
        pictures = _stored_pictures(parts, entry)
        result = analyze(parts, plan_anew(parts, entry), pictures, policy) if pictures else None
        if isinstance(result, SelectedProduct):
            seen.append(replace(result, refusals=entry.refusals))
    return embed(parts, seen)


def _stored_pictures(parts: IngestDependencies, entry: LedgerEntry) -> list[Picture]:
    found: list[Picture] = []
    for key in parts.objects.keys(picture_prefix(entry.product.product_id)):
        try:
            data = parts.objects.get(key)
            if is_whole_picture(key, data):
                found.append(Picture(key, decode(data, parts.limits)))
        except (ObjectNotFound, InputRejected):
            continue
    return found


def plan_anew(parts: IngestDependencies, entry: LedgerEntry) -> ProductDiff:
    """What a product is looked at for, where its words are those that it has."""
    said = kind_of(entry.product, parts.pipeline.taxonomy)
    hashes = entry.record_hash, entry.content_hash
    return ProductDiff(entry.product, entry.feed, said.garment, *hashes, "everything", entry, said.other)


def left_for_its_feed(entry: LedgerEntry) -> LedgerEntry:
    """Without rows, and of no picture that the next run could take for looked at already."""
    return replace(entry, state=IngestState.FAILED, content_hash="", items=(), reason=_LOST)


def _remove_strange(parts: IngestDependencies) -> int:
    """Rows of products that the ledger does not know, or not there: how many products they were of."""
    if not isinstance(parts.store, Embedded):
        return 0
    strange: dict[str, list[str]] = {}
    products: set[str] = set()
    for name in parts.store.collections():
        ids = parts.store.product_ids(name)
        products |= ids
        known = parts.ledger.get(sorted(ids))
        supercategory = name.rpartition("_")[0]
        named = {i for i, entry in known.items() if any(pair[0] == supercategory for pair in entry.items)}
        strange[name] = sorted(ids - named)
    gone = {product_id for each in strange.values() for product_id in each}
    if len(gone) > MOST_SHARE * len(products):
        return 0
    for name, some in strange.items():
        if some:
            parts.store.delete_products(name, some)
    return len(gone)


def _verified(entry: LedgerEntry) -> bool:
    """Whether an entry's words are those that its hash was made of, whatever a buyer paid then."""
    asked = (None, entry.product.price, entry.product.sale_price)
    return not entry.record_hash or entry.record_hash in {record_hash(entry.product, price) for price in asked}


def _parted(entries: Sequence[LedgerEntry]) -> Iterator[Sequence[LedgerEntry]]:
    for start in range(0, len(entries), BATCH):
        yield entries[start : start + BATCH]
