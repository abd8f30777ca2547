"""Embeddings of rows seen lately are kept under a hash of themselves, and fetched behind searches that missed them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from engine.domain import Embeddings, Item
from engine.errors import StoreUnavailable
from engine.seams import CollectionChange
from engine.stores.milvus import refill
from engine.stores.milvus.refill import Refill
from engine.stores.milvus.vectors import Vectors, pair_hashes

DIM = 64
ITEM = Item("a#0", "a", "upper_wear", "shirt", "a.jpg", (0.0, 0.0, 1.0, 1.0))


def unit(seed: int, n: int = 1, dim: int = DIM) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(n, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def pair(visual: Embeddings, semantic: Embeddings) -> list[CollectionChange]:
    return [CollectionChange("u_visual", (), [ITEM], visual), CollectionChange("u_semantic", (), [ITEM], semantic)]


def test_a_hash_names_the_embeddings_of_both_rows() -> None:
    """Another number in either makes another hash; the order of writing and the words do not."""
    one, two = unit(1), unit(2, dim=8)
    first = pair_hashes(pair(one, two))
    assert first == pair_hashes(pair(one, two)[::-1])
    assert first == pair_hashes([replace(each, items=[replace(ITEM, price=9.0)]) for each in pair(one, two)])
    others = [pair_hashes(pair(unit(3), two)), pair_hashes(pair(one, unit(4, dim=8))), pair_hashes(pair(one, two)[:1])]
    assert len({each["a#0"] for each in (first, *others)}) == 4


def test_of_equal_ids_the_last_one_is_hashed() -> None:
    """As it is the one that is written."""
    rows = unit(1, 2)
    twice = pair_hashes([CollectionChange("u_visual", (), [ITEM, ITEM], rows)])
    assert twice == pair_hashes([CollectionChange("u_visual", (), [ITEM], rows[1:])])


def test_cosines_are_those_of_the_embeddings() -> None:
    """Off by less than 3e-6 for 1024 numbers; a row of another collection, or of another hash, is not there."""
    vectors, rows, queries = Vectors(1 << 20), unit(5, 40, 1024), unit(6, 3, 1024)
    vectors.keep("u_visual", [str(n) for n in range(40)], rows)
    there, cosines = vectors.cosines("u_visual", ["7", "none", "3"], queries)
    assert there.tolist() == [True, False, True]
    np.testing.assert_allclose(cosines, rows[[7, 3]] @ queries.T, atol=3e-6)
    assert not vectors.cosines("u_semantic", ["7"], queries)[0].any()


def test_an_embedding_of_zeros_and_no_rows_at_all_are_no_error() -> None:
    """A cosine of 0, and an empty answer."""
    vectors, zeros = Vectors(1 << 20), np.zeros((1, DIM), np.float32)
    vectors.keep("u_visual", [], np.empty((0,), np.float32))
    vectors.keep("u_visual", ["0"], zeros)
    assert vectors.cosines("u_visual", ["0"], unit(1))[1].tolist() == [[0.0]]
    assert vectors.cosines("u_visual", [], unit(1))[1].shape == (0, 1)


def test_the_first_go_first_and_nothing_lasts_for_ever() -> None:
    """Room for two; and an hour later none is left."""
    now = [0.0]
    vectors = Vectors(2 * (2 * DIM + 4 + 250), clock=lambda: now[0])
    for name in ("1", "2", "3"):
        vectors.keep("u_visual", [name], unit(1))
    assert vectors.cosines("u_visual", ["1", "2", "3"], unit(1))[0].tolist() == [False, True, True]
    now[0] = 3601.0
    assert not vectors.cosines("u_visual", ["2", "3"], unit(1))[0].any()


def test_without_room_nothing_is_kept() -> None:
    """THATLOOK_MILVUS_VECTORS_BYTES=0 turns it off."""
    vectors = Vectors(0)
    vectors.keep("u_visual", ["1"], unit(1))
    assert not vectors.is_on
    assert not vectors.cosines("u_visual", ["1"], unit(1))[0].any()


def test_what_is_wanted_comes_in_parts_and_once() -> None:
    """Rows wanted twice while they wait are fetched once; what is wanted later is fetched by another thread."""
    fetched: list[tuple[str, tuple[str, ...]]] = []
    go = threading.Event()

    def fetch(name: str, item_ids: Sequence[str]) -> None:
        assert go.wait(30)
        fetched.append((name, tuple(item_ids)))

    wanted = Refill(fetch, lambda *_: "", share=0.99)
    ids = [str(n) for n in range(refill.AT_ONCE + 5)]
    wanted.want("u_visual", ids)
    wanted.want("u_visual", ids[-5:])
    go.set()
    assert wanted.wait(30)
    wanted.want("u_semantic", ["x"])
    assert wanted.wait(30)
    assert sorted(each for name, part in fetched if name == "u_visual" for each in part) == sorted(ids)
    assert max(len(part) for _, part in fetched) == refill.AT_ONCE
    assert fetched[-1] == ("u_semantic", ("x",))


def test_a_whole_collection_comes_page_by_page_behind_what_was_missed() -> None:
    """Missed rows go before; a collection that is wanted again while it comes is fetched once; each ends at its end."""
    fetched: list[str] = []
    go = threading.Event()

    def fetch_next(name: str, item_id: str, most: int) -> str:
        assert go.wait(30)
        fetched.append(f"{name} from {item_id!r}")
        return {"": "b", "b": "d"}.get(item_id, "")

    wanted = Refill(lambda name, ids: fetched.append(f"{name} {ids}"), fetch_next, share=0.99)
    wanted.want_all("u_visual")
    wanted.want_all("u_visual")
    wanted.want("u_semantic", ["x"])
    go.set()
    assert wanted.wait(30)
    assert sorted(fetched) == ["u_semantic ['x']", "u_visual from ''", "u_visual from 'b'", "u_visual from 'd'"]
    assert fetched.index("u_semantic ['x']") <= 1


@pytest.mark.parametrize("closed", [False, True])
def test_a_server_that_failed_is_left_alone(closed: bool) -> None:
    """Nothing is asked for in the next minute, nor after closing."""
    asked: list[str] = []

    def fetch(name: str, item_ids: Sequence[str]) -> None:
        asked.extend(item_ids)
        raise StoreUnavailable("The Milvus store cannot do this at present.")

    wanted = Refill(fetch, lambda *_: "")
    if closed:
        wanted.close()
    wanted.want("u_visual", ["1"])
    assert wanted.wait(30)
    wanted.want("u_visual", ["2"])
    assert wanted.wait(30)
    assert asked == ([] if closed else ["1"])
