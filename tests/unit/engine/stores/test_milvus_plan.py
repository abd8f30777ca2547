"""What servers of each version are taken to be able to do, and what is decided by it."""

from __future__ import annotations

import pytest

from engine.stores.milvus.plan import lists_of, plan_for, scores_exactly, server_can


@pytest.mark.parametrize(
    ("version", "row"),
    [
        ("v2.3.5-lite", "2.3"),
        ("2.2.9", "2.3"),
        ("v2.4.0", "2.4"),
        ("2.5.27", "2.4"),
        ("v2.6.0-rc1", "2.6"),
        ("2.6.3", "2.6"),
        ("v2.6.11", "2.6.4"),
        ("v3.0-beta", "2.6.4"),
        ("master-20261101-abcdef", "2.6.4"),
    ],
)
def test_a_version_is_read_as_the_newest_row_that_it_reaches(version: str, row: str) -> None:
    """Older than every row counts as the first, a build without numbers as the newest."""
    assert server_can(version).since == row


def test_facets_are_indexed_where_the_server_can() -> None:
    """2.3 has no index over an array and other names for those of words and numbers."""
    words = ("product_id", "variant_group")
    assert server_can("2.3.5").scalar_indexes() == {**dict.fromkeys(words, "Trie"), "price": "STL_SORT"}
    later = dict.fromkeys(("terms", *words, "price"), "INVERTED")
    assert [server_can(version).scalar_indexes() for version in ("2.4.0", "2.6.11")] == [later, later]


def test_raw_embeddings_are_warmed_where_they_are_cold_by_default() -> None:
    """Since 2.6.4 a field can be told so; earlier servers refuse the word."""
    assert [server_can(version).warm_up for version in ("2.5.0", "2.6.0", "2.6.4")] == [False, False, True]


def test_the_planned_index_scores_exactly_on_every_version() -> None:
    """So that ids and scores are all that travels; IVF_PQ is known to go wrong in 2.3."""
    for version in ("2.3.5", "2.4.0", "2.6.11"):
        assert scores_exactly({"index_type": plan_for(version).kind})
    assert "IVF_PQ" in server_can("2.3.5").defects
    assert server_can("2.4.0").defects == ()


def test_index_parameters_fit_the_embedding_and_the_server() -> None:
    """PQ wants a number of codes that divides the dimension; refining is asked for where the server has it."""
    assert plan_for("2.3.5").index_params(1024) == {"nlist": 256}
    assert plan_for("2.6.0", "IVF_PQ").index_params(1024) == {"nlist": 256, "m": 128, "nbits": 8}
    assert plan_for("2.6.0", "IVF_PQ").index_params(100) == {"nlist": 256, "m": 10, "nbits": 8}
    refined = {"nlist": 256, "refine": True, "refine_type": "FP32"}
    assert plan_for("2.6.0", "IVF_RABITQ").index_params(1024) == refined
    assert plan_for("2.5.0", "IVF_RABITQ").index_params(1024) == {"nlist": 256}


def test_a_refined_index_scores_exactly_only_on_raw_embeddings() -> None:
    """The server tells its parameters as text; refining on eight-bit copies is off by a thousandth."""
    refined = {"index_type": "IVF_RABITQ", "refine": "true", "refine_type": "FP32", "nlist": "512"}
    assert scores_exactly(refined)
    assert not scores_exactly(refined | {"refine_type": "SQ8"})
    assert not scores_exactly({"index_type": "IVF_RABITQ"})
    assert not scores_exactly({"index_type": "IVF_PQ"})
    plan = plan_for("2.6.0", "IVF_RABITQ")
    assert plan.search_params(refined, 32) == {"nprobe": 32, "refine_k": 2}
    assert plan.search_params({"index_type": "IVF_FLAT"}, 32) == {"nprobe": 32}
    assert (lists_of(refined, 256), lists_of({}, 256)) == (512, 256)


def test_lists_grow_with_the_rows() -> None:
    """The square root of the rows as a power of two, from 256 to 2,048."""
    assert [plan_for("2.6.0").lists(rows) for rows in (0, 50_000, 300_000, 1_000_000, 10**8)] == [
        256,
        256,
        512,
        1024,
        2048,
    ]


def test_probing_widens_as_fewer_rows_match() -> None:
    """Many rows: the plan's nprobe; few: as many lists as hold 2,500 matching rows; never more than there are."""
    plan = plan_for("2.6.0")
    assert [plan.probes(n) for n in (1_000_000, 16_000, 5_000, 10)] == [32, 40, 128, 256]
    assert plan.probes(16_000, nlist=1024) == 160
