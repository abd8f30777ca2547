"""Whole collections are brought into memory where all of them have room."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from engine.domain import CollectionSpec
from engine.stores.milvus.collections import Known
from engine.stores.milvus.vectors import LASTS_S, Vectors
from engine.stores.milvus.warm_up import WarmUp

DIM = 100
ROW_BYTES = Vectors.bytes_of_row(DIM)


def of_rows(
    rows: dict[str, int],
    limit_bytes: int,
    columns: frozenset[str],
    clock: Callable[[], float] = lambda: 1000.0,
) -> tuple[WarmUp, list[str]]:
    """What it wants of collections of so many rows each."""
    wanted: list[str] = []
    known = {name: Known(CollectionSpec(name, DIM, "f"), columns) for name in rows}
    reads = SimpleNamespace(known=known, vectors=Vectors(limit_bytes), about=lambda name, _: rows[name])
    return WarmUp(cast(Any, reads), cast(Any, SimpleNamespace(want_all=wanted.append)), clock=clock), wanted


def test_collections_come_once_as_long_as_all_have_room() -> None:
    """Of room for ten rows the third collection finds none left, and a smaller one does."""
    warm, wanted = of_rows({"a": 5, "b": 4, "c": 2, "d": 1}, 10 * ROW_BYTES, frozenset({"stamp"}))
    for _ in range(2):
        warm(["a", "b", "c", "d", "not there"])
    assert wanted == ["a", "b", "d"]


def test_they_come_again_when_they_have_grown_old() -> None:
    """Those that came before do not count any more."""
    moments = iter([1000.0, 1001.0 + LASTS_S])
    warm, wanted = of_rows({"a": 6, "b": 6}, 10 * ROW_BYTES, frozenset({"stamp"}), lambda: next(moments))
    warm(["a", "b"])
    warm(["b", "a"])
    assert wanted == ["a", "b"]


def test_rows_of_the_first_format_stay_where_they_are() -> None:
    """They have no hash to be kept under."""
    warm, wanted = of_rows({"a": 1}, 10 * ROW_BYTES, frozenset())
    warm(["a"])
    assert wanted == []
