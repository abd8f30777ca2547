"""Filters as Milvus expressions. Every value that a caller gives is quoted; nothing else of his gets in."""

from __future__ import annotations

from collections.abc import Iterable

from engine.filters import Condition, FacetCondition, Filter
from engine.stores.milvus_rows import NO_PRICE, facet_key

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


def expression(where: Filter) -> str:
    """The expression that agrees with `where.matches` on every row; empty for everything."""
    return " and ".join(f"({_condition(condition)})" for condition in where.conditions)


def _condition(condition: Condition) -> str:
    if isinstance(condition, FacetCondition):
        field = f"facets[{quoted(facet_key(condition.facet))}]"
        contains = f"json_contains_any({field}, {quoted_list(sorted(condition.values))})"
        # Milvus 2.6 knows "unknown": without `exists`, a row that lacks the facet would match neither way.
        return f"(not (exists {field})) or (not {contains})" if condition.negated else contains
    low = max(condition.minimum, _LOWEST)
    high = min(condition.maximum, -_LOWEST)
    return f"price >= {low!r} and price <= {high!r}"
