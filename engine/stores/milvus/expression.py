"""Filters as Milvus expressions. Every value that a caller gives is quoted or hashed; nothing else of his gets in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.filters import Condition, FacetCondition, Filter
from engine.stores.milvus.rows import GROUP, GROUP_FACET, NO_PRICE, SEVERAL, TERMS, facet_key
from engine.stores.milvus.terms import terms_condition

_LOWEST = NO_PRICE / 10
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def quoted(text: str) -> str:
    """A string literal that holds exactly `text`, to a server and to Milvus Lite alike.

    Only a quote, a backslash or a line's end could end or bend a literal; all are escaped.
    A lone surrogate cannot travel to a server; as no stored value has one, it may as well be replaced.
    """
    return f'"{text.encode("utf-8", "replace").decode("utf-8").translate(_ESCAPES)}"'


def quoted_list(values: Iterable[str]) -> str:
    """A list literal of strings."""
    return f"[{', '.join(quoted(value) for value in values)}]"


def expression(where: Filter, columns: Collection[str] = ()) -> str:
    """The expression that agrees with `where.matches` on every row; empty for everything.

    Args:
        columns: of the collection; facets are filtered by their terms where it has these, by JSON where it has not.
    """
    return " and ".join(f"({_condition(condition, TERMS in columns)})" for condition in where.conditions)


def broader(where: Filter, columns: Collection[str]) -> str:
    """An expression for every row that matches, and for few others: variant groups are looked up by their own index."""
    return " and ".join(f"({_by_group(each, columns)})" for each in where.conditions)


def _by_group(condition: Condition, columns: Collection[str]) -> str:
    grouped = isinstance(condition, FacetCondition) and condition.facet == GROUP_FACET and not condition.negated
    if GROUP in columns and grouped and isinstance(condition, FacetCondition):
        return f"{GROUP} in {quoted_list([*sorted(condition.values), SEVERAL])}"
    return _condition(condition, TERMS in columns)


def _condition(condition: Condition, with_terms: bool) -> str:
    if isinstance(condition, FacetCondition):
        return terms_condition(condition, TERMS) if with_terms else _json_condition(condition)
    low = max(condition.minimum, _LOWEST)
    high = min(condition.maximum, -_LOWEST)
    return f"price >= {low!r} and price <= {high!r}"


def _json_condition(condition: FacetCondition) -> str:
    field = f"facets[{quoted(facet_key(condition.facet))}]"
    contains = f"json_contains_any({field}, {quoted_list(sorted(condition.values))})"
    # Milvus 2.6 knows "unknown": without `exists`, a row that lacks the facet would match neither way.
    return f"(not (exists {field})) or (not {contains})" if condition.negated else contains
