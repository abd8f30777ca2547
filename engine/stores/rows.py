"""What every store does with rows before and after its own work: checks, the last of equal ids, the best k."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, CollectionSpec, Item
from engine.errors import ContractBroken, DimensionMismatch, ModelMismatch

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")


def is_name(name: str) -> bool:
    """Whether a collection may have this name: Milvus takes no other, and it becomes a folder's."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Refuse a name that no collection may have.

    Raises:
        ContractBroken: characters other than letters, digits and underscores, or a digit first.
    """
    if not is_name(name):
        raise ContractBroken(
            f"{name!r} cannot be a collection: use letters, digits and underscores in a supercategory's name."
        )


def check_spec(existing: CollectionSpec, asked: CollectionSpec) -> None:
    """Let a collection be used only for what it was made for.

    Raises:
        ModelMismatch: another model's embeddings lie in it.
        DimensionMismatch: the same model, but embeddings of another size.
    """
    if existing.fingerprint != asked.fingerprint:
        raise ModelMismatch(
            f"The collection {asked.name!r} holds embeddings of model {existing.fingerprint[:12]}, "
            f"but {asked.fingerprint[:12]} asks for it. Use that model (THATLOOK_PROFILE names a profile), "
            "or re-embed with the other one: `thatlook index swap --models PROFILE`."
        )
    if existing.dim != asked.dim:
        raise DimensionMismatch(
            f"The collection {asked.name!r} holds embeddings of {existing.dim} numbers, not {asked.dim}; "
            "use the model that it was made with, or re-embed into a new collection."
        )


def check_dim(name: str, dim: int, embeddings: NDArray[np.float32], rows: int) -> None:
    """Refuse embeddings that are not (rows, dim).

    Raises:
        DimensionMismatch: rows of another size than the collection's.
        ContractBroken: not one embedding per item.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        shape = " × ".join(map(str, embeddings.shape))
        raise DimensionMismatch(f"The collection {name!r} takes embeddings of {dim} numbers; these are {shape}.")
    if len(embeddings) != rows:
        raise ContractBroken(f"{rows} items came with {len(embeddings)} embeddings for the collection {name!r}.")


def no_such_collection(name: str) -> ContractBroken:
    """The error for writing where nothing was created."""
    return ContractBroken(f"There is no collection {name!r} to write to; call ensure first.")


def last_of_each(items: Sequence[Item]) -> list[int]:
    """Positions of the rows that count: of equal item_ids the last one, in the order given."""
    return sorted({item.item_id: i for i, item in enumerate(items)}.values())


def top_k(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k greatest scores, best first; equal scores in the order of their positions."""
    if k <= 0:
        return np.empty(0, np.int64)
    if k < len(scores):
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= threshold)
    else:
        kept = np.arange(len(scores))
    best: NDArray[np.int64] = kept[np.argsort(-scores[kept], kind="stable")][:k]
    return best


def no_candidates() -> Candidates:
    """The answer where nothing matches."""
    return Candidates((), (), np.empty(0, np.float32))
