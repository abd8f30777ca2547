"""Where Milvus Lite's schema and exceptions end and ours begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.domain import CollectionSpec
from engine.errors import ContractBroken, HomeDamaged, StoreUnavailable, ThatLookError
from engine.stores.milvus.rows import MAX_ID, MAX_TEXT, VECTOR
from engine.system.refusals import refusal

if TYPE_CHECKING:
    from milvus_lite import CollectionSchema


def lite_schema(spec: CollectionSpec) -> CollectionSchema:
    """The schema of a collection, with what it was made for."""
    from milvus_lite import CollectionSchema, DataType, FieldSchema

    ids = dict.fromkeys(("item_id", "product_id", "supercategory", "label"), MAX_ID)
    fields = [
        FieldSchema(name, DataType.VARCHAR, is_primary=name == "item_id", max_length=length)
        for name, length in (ids | {"image": MAX_TEXT}).items()
    ]
    fields += [FieldSchema("box", DataType.JSON), FieldSchema("facets", DataType.JSON)]
    fields += [FieldSchema("price", DataType.DOUBLE), FieldSchema("stamp", DataType.INT64)]
    fields.append(FieldSchema(VECTOR, DataType.FLOAT_VECTOR, dim=spec.dim))
    return CollectionSchema(fields)


@contextmanager
def translated_errors(folder: Path) -> Iterator[None]:
    """Translate what Lite raises.

    Raises:
        StoreUnavailable: another program holds the files, or the disk is full.
        HomeDamaged: the files cannot be read.
        ContractBroken: it refuses what it was given (an id too long, say).
    """
    import pyarrow
    from milvus_lite import DataDirLockedError, MilvusLiteError, SchemaValidationError

    try:
        yield
    except ThatLookError:
        raise
    except DataDirLockedError as error:
        raise StoreUnavailable(f"Another program uses {folder}; stop it first.") from error
    except SchemaValidationError as error:
        raise ContractBroken(f"The catalogue in {folder} cannot take these rows: {_said(error)}.") from error
    except OSError as error:
        raise refusal(error, "The stored rows cannot be read or written", folder) from error
    except (MilvusLiteError, pyarrow.ArrowException, LookupError, ValueError, TypeError, AttributeError) as error:
        raise HomeDamaged(
            f"The stored rows in {folder} cannot be read ({_said(error)}). "
            "Run `thatlook doctor --repair`, or restore a backup."
        ) from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
