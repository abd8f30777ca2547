"""Facets as numbers: an array of whole numbers is filtered several times faster than JSON, and can be indexed.

A term is a hash of a facet and one of its values, 64 bits. Among a million different terms the chance that any two
share a number is 1 in 37 million.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from engine.filters import FacetCondition

MOST_TERMS = 4096
"""Milvus's own limit for an array."""


def term(facet: str, value: str) -> int:
    """The number of a facet's value, a signed 64-bit one."""
    text = f"{len(facet)}:{facet}{value}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little", signed=True)


def terms_of(facets: Mapping[str, Iterable[str]]) -> list[int]:
    """The terms of an item, each once."""
    return sorted({term(facet, value) for facet, values in facets.items() for value in values})


def terms_condition(condition: FacetCondition, field: str) -> str:
    """The expression that agrees with `condition.matches`, over a field that holds `terms_of` an item's facets."""
    terms = sorted(term(condition.facet, value) for value in condition.values)
    if not terms:
        return f"price {'!=' if condition.negated else '=='} 2e300"  # No value at all: matches no row, or every one.
    # Of one, `array_contains` is several times as fast in 2.3.
    one = len(terms) == 1
    contains = f"array_contains({field}, {terms[0]})" if one else f"array_contains_any({field}, {terms})"
    return f"not {contains}" if condition.negated else contains
