"""Why an answer is empty, in sentences for a person."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain import GarmentHits
from engine.filters import FacetCondition, Filter
from engine.seams import VectorStore
from engine.taxonomy import Taxonomy, collection_name

_MOST_VALUES = 3


def notes_on_filters(
    where: Filter, found: Sequence[GarmentHits], store: VectorStore, taxonomy: Taxonomy
) -> tuple[str, ...]:
    """Of an answer without hits, which of its filters no product matches; else that none matches all of them."""
    if not where or any(garment.hits for garment in found):
        return ()
    names = [collection_name(name, "semantic") for name in taxonomy.supercategories]
    wanted = [each for each in where.conditions if isinstance(each, FacetCondition) and not each.negated]
    missing = [each for each in wanted if not any(store.known_values(name, each.facet, each.values) for name in names)]
    if not missing:
        return ("No product of this kind matches all of the filters.",)
    return tuple(f"No product has the {_name(each)} {_listed(each)}." for each in missing)


def _name(condition: FacetCondition) -> str:
    return condition.facet.replace("_", " ")


def _listed(condition: FacetCondition) -> str:
    values = sorted(condition.values)
    told = " or ".join(f'"{value}"' for value in values[:_MOST_VALUES])
    return f"{told} (and others that were asked for)" if len(values) > _MOST_VALUES else told
