"""Lexical evidence: products that have a code in the words, and what of a hit fits the words exactly.

An id is looked up in the ledger, a GTIN and the like in the facets of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.domain import Hit, Item, Signals
from engine.filters import FacetCondition, Filter, facet_value
from engine.retrieval.looks import look_of
from engine.seams import Ledger, VectorStore
from engine.taxonomy import collection_name
from engine.unicode_forms import nfc
from engine.values import BRAND_FACET, WORDS_FACET
from engine.words.codes import CODE_FACETS, Identified
from engine.words.parsed_text import Named, ParsedText

_MOST = 20
"""Products that one code may name: an MPN is a model's, and has a row for each size."""

_CALLED = {BRAND_FACET: "brand"}


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Looks codes up in a catalogue."""

    store: VectorStore
    ledger: Ledger
    supercategories: Sequence[str]

    def __call__(self, codes: Sequence[str]) -> Mapping[str, Sequence[Identified]]:
        """The products that have these codes and are indexed; an id counts before all else."""
        spelled = {code: list(dict.fromkeys((code, nfc(code), code.upper(), code.lower()))) for code in codes}
        known = self._indexed([each for forms in spelled.values() for each in forms])
        found = {
            code: [Identified(each, "id", code) for each in forms if each in known][:1]
            for code, forms in spelled.items()
        }
        rest = {facet_value(code): code for code, named in found.items() if not named and _is_one_code(code)}
        return {code: named for code, named in {**found, **self._by_facet(rest)}.items() if named}

    def _indexed(self, product_ids: Sequence[str]) -> frozenset[str]:
        there = list(self.ledger.products(product_ids))
        return frozenset(i for i, entry in self.ledger.get(there).items() if entry.items) if there else frozenset()

    def _by_facet(self, codes: Mapping[str, str]) -> dict[str, list[Identified]]:
        """The products with these values of an attribute: as compared → as written."""
        found: dict[str, list[Identified]] = {}
        for facet in CODE_FACETS if codes else ():
            for name in self.supercategories:
                collection = collection_name(name, "semantic")
                if known := self.store.known_values(collection, facet, set(codes)):
                    where = Filter((FacetCondition(facet, known),))
                    for item in self.store.matching(collection, where, _MOST):
                        for value in known.intersection(item.facets.get(facet, ())):
                            named = found.setdefault(codes[value], [])
                            if all(each.product_id != item.product_id for each in named):
                                named.append(Identified(item.product_id, facet, codes[value]))
        return found


def identified_hits(
    store: VectorStore, ledger: Ledger, identified: Sequence[Identified], supercategories: Sequence[str], where: Filter
) -> tuple[Hit, ...]:
    """The products that were named by a code, as hits: those that match, and have a row in these supercategories."""
    entries = ledger.get([each.product_id for each in identified])
    hits: dict[str, Hit] = {}
    for each in identified:
        entry = entries.get(each.product_id)
        rows = [row for row in entry.items if row[0] in supercategories] if entry else []
        for name, item_id in rows:
            (item,) = store.items(collection_name(name, "semantic"), [item_id])
            if entry and item and where.matches(item) and each.product_id not in hits:
                hits[each.product_id] = Hit(entry.product, item, 1.0, Signals(), (each.told,), matched_by=(each.by,))
    return tuple(hits.values())


def in_front(first: Sequence[Hit], others: Sequence[Hit], *, one_per_look: bool) -> tuple[Hit, ...]:
    """Some hits, and behind them those of the others that are of other products (and looks, if so asked)."""
    products = {hit.product.product_id for hit in first}
    looks = frozenset().union(*(look_of(hit.item) for hit in first)) if one_per_look else frozenset()
    rest = [h for h in others if h.product.product_id not in products and looks.isdisjoint(look_of(h.item))]
    return (*first, *rest)


def matched_by(parsed: ParsedText, item: Item) -> tuple[str, ...]:
    """What of an item fits the words exactly: a brand or size that they name, words of the shop."""
    named = [_CALLED.get(each.facet, each.facet) for each in parsed.named if _has(item, each)]
    words = ["words"] if parsed.words and not parsed.words.isdisjoint(item.facets.get(WORDS_FACET, ())) else []
    return tuple(dict.fromkeys([*named, *words]))


def _has(item: Item, named: Named) -> bool:
    return not named.values.isdisjoint(item.facets.get(named.facet, ()))


def _is_one_code(code: str) -> bool:
    return " " not in code and any(each.isdigit() for each in code)
