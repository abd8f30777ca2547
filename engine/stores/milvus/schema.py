"""The schema of a collection on a Milvus server, its scalar indexes, and what it was made for."""

from __future__ import annotations

import json

from pymilvus import CollectionSchema, DataType, MilvusClient

from engine.domain import CollectionSpec
from engine.errors import ContractBroken
from engine.stores.milvus.rows import GROUP, MAX_ID, MAX_TEXT, TERMS, VECTOR
from engine.stores.milvus.terms import MOST_TERMS
from engine.stores.milvus.words import STAMP

FORMAT = 2
"""Since 2 rows have `stamp` and `terms`; collections of format 1 are read and written as they are."""


def schema_for(spec: CollectionSpec, *, warm_up: bool = False) -> CollectionSchema:
    """The schema of a collection; what it was made for stands in its description.

    Args:
        warm_up: have the server load raw embeddings at once; it must know the option.
    """
    made_for = json.dumps({"thatlook": FORMAT, "fingerprint": spec.fingerprint, "dim": spec.dim})
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False, description=made_for)
    schema.add_field("item_id", DataType.VARCHAR, is_primary=True, max_length=MAX_ID)
    schema.add_field("product_id", DataType.VARCHAR, max_length=MAX_ID)
    schema.add_field("supercategory", DataType.VARCHAR, max_length=MAX_ID)
    schema.add_field("label", DataType.VARCHAR, max_length=MAX_ID)
    schema.add_field("image", DataType.VARCHAR, max_length=MAX_TEXT)
    schema.add_field("box", DataType.JSON)
    schema.add_field("facets", DataType.JSON)
    schema.add_field("price", DataType.DOUBLE)
    schema.add_field(STAMP, DataType.JSON)
    schema.add_field(GROUP, DataType.VARCHAR, max_length=MAX_TEXT)
    schema.add_field(TERMS, DataType.ARRAY, element_type=DataType.INT64, max_capacity=MOST_TERMS)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=spec.dim, **({"warmup": "sync"} if warm_up else {}))
    return schema


def spec_from(name: str, description: str) -> CollectionSpec:
    """What an existing collection was made for.

    Raises:
        ContractBroken: it was not made by thatlook.
    """
    try:
        made_for = json.loads(description)
        return CollectionSpec(name, int(made_for["dim"]), str(made_for["fingerprint"]))
    except (ValueError, TypeError, KeyError):
        raise ContractBroken(
            f"The Milvus collection {name!r} was not made by thatlook; drop or rename it, or use another database."
        ) from None
