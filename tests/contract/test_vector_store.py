"""One suite over every vector store, by value against the exact one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from engine.domain import Candidates, Embeddings, Item
from engine.errors import ContractBroken, DimensionMismatch, ModelMismatch
from engine.filters import EVERYTHING, FacetCondition, Filter, PriceCondition
from engine.seams import FacetRow, Shortlist, ShortlistQuery, VectorStore
from engine.stores.exact import ExactStore
from engine.stores.gathered import gathered
from engine.stores.generations import view_of
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.lite.store import LiteStore
from engine.stores.milvus.store import MilvusStore
from tests.contract.vector_store_cases import (
    an_item,
    ann_recall,
    assert_same_answers,
    assert_same_rows,
    assert_same_shortlist,
    clustered,
    near,
    play_history,
    spec,
    unit,
)
from tests.fixtures.milvus import wait_for_index

EAGER = IvfpqPlan(min_rows=30, exact_rows=8, growth=1.5, tail_rows=10, fold_rows=16, candidates=40)
"""A plan that has IVFPQ answer where exact search would be quicker, so that small catalogues test it."""
DIM = 24


@dataclass
class Subject:
    """A store under test and a name that no other test uses."""

    kind: str
    open: Callable[[], VectorStore]
    store: VectorStore
    name: str

    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()


@pytest.fixture(
    params=[
        "exact",
        "lite",
        "lite-ivfpq",
        pytest.param("lite-generation", marks=pytest.mark.integration),
        pytest.param("milvus", marks=pytest.mark.integration),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    makers: dict[str, Callable[[], VectorStore]] = {
        "exact": ExactStore,
        "lite": lambda: LiteStore(tmp_path / "store"),
        "lite-ivfpq": lambda: LiteStore(tmp_path / "store", plan=EAGER),
        "lite-generation": lambda: view_of(LiteStore(tmp_path / "store", plan=EAGER), 3),
        "milvus": lambda: MilvusStore(request.getfixturevalue("milvus_server")),
    }
    made = Subject(request.param, makers[request.param], makers[request.param](), f"t{uuid4().hex}_visual")
    yield made
    made.store.drop(made.name)
    made.store.close()


def filled(subject: Subject, n: int = 60, dim: int = DIM, seed: int = 7) -> tuple[ExactStore, Embeddings]:
    """The store and an oracle with the same rows."""
    rng = np.random.default_rng(seed)
    items = [an_item(rng, i) for i in range(n)]
    rows = clustered(rng, n, dim)
    oracle = ExactStore()
    for store in (subject.store, oracle):
        store.ensure(spec(subject.name, dim))
        store.upsert(subject.name, items, rows)
    return oracle, rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_history_of_writes_reads_as_in_the_oracle(subject: Subject, seed: int) -> None:
    """Upserts, replacements, duplicates in a batch, deletions: every read agrees after every write."""
    play_history(subject.store, subject.name, seed, writes=6 if subject.kind == "milvus" else 14, dim=DIM)


def test_an_upsert_replaces_everything_of_a_row(subject: Subject) -> None:
    """After a replacement neither the old embedding, nor the old facets, price or product find the row."""
    oracle, rows = filled(subject)
    new = Item("item-5", "moved", "upper_wear", "coat", "new.jpg", (1.0, 2.0, 3.0, 4.0), {"color": ("teal",)}, 999.5)
    for store in (subject.store, oracle):
        store.upsert(subject.name, [new], -rows[5:6])
    assert_same_answers(subject.store, oracle, subject.name, rows[5:6], 60)
    assert subject.store.items(subject.name, ["item-5"]) == [new]
    assert [i.item_id for i in subject.store.items_of(subject.name, "product-1")] == ["item-3", "item-4"]
    assert subject.store.count(subject.name, Filter((PriceCondition(999.0, 1000.0),))) == 1
    assert subject.store.count(subject.name) == 60


def test_the_last_of_equal_ids_in_a_batch_counts(subject: Subject) -> None:
    """A batch with one id three times leaves one row, the last."""
    rows = clustered(np.random.default_rng(0), 3, DIM)
    items = [Item("same", f"p{i}", "s", "l", f"{i}.jpg", (0, 0, 1, 1), {"color": (f"c{i}",)}, i) for i in range(3)]
    subject.store.ensure(spec(subject.name, DIM))
    subject.store.upsert(subject.name, items, rows)
    assert subject.store.items(subject.name, ["same"]) == [items[2]]
    np.testing.assert_allclose(subject.store.embeddings(subject.name, ["same"])[0][0], rows[2], atol=1e-6)
    assert subject.store.count(subject.name) == 1
    assert subject.store.count(subject.name, Filter((FacetCondition("color", frozenset({"c0", "c1"})),))) == 0


def test_deleted_products_are_gone_at_once(subject: Subject) -> None:
    """Every row of a product goes, also from searches with its own embedding; unknown products are no error."""
    oracle, rows = filled(subject)
    for store in (subject.store, oracle):
        store.delete_products(subject.name, {"product-0", "product-7", "no such product", 'a"b\\'})
        store.delete_products("no such collection", {"product-0"})
    assert subject.store.count(subject.name) == 54
    assert subject.store.items_of(subject.name, "product-7") == []
    assert_same_answers(subject.store, oracle, subject.name, rows[:3], 60)
    assert_same_rows(subject.store, oracle, subject.name, ["item-0", "item-21", "item-30"])


@pytest.mark.integration
def test_recall_and_completeness_hold_at_every_selectivity(subject: Subject) -> None:
    """5,000 clustered rows: ann_recall@10 ≥ 0.99 after rescoring, and 100 rows wherever 100 match.

    Also once a tenth of the rows was replaced or deleted after the index was built.
    """
    rng = np.random.default_rng(11)
    rows = clustered(rng, 5000, 128)
    oracle = ExactStore()
    for store in (subject.store, oracle):
        store.ensure(spec(subject.name, 128))
        store.upsert(subject.name, [_numbered(i) for i in range(5000)], rows)
    settle(subject)
    queries = near(rng, rows, 30)
    assert_recall(subject, oracle, queries)
    for store in (subject.store, oracle):
        store.delete_products(subject.name, {f"p{i}" for i in range(250)})
        store.upsert(subject.name, [_numbered(i) for i in range(250, 500)], rows[500:750])
    assert_recall(subject, oracle, queries)


def assert_recall(subject: Subject, oracle: ExactStore, queries: Embeddings) -> None:
    for one_in in (1, 2, 4, 10, 100, 1000):
        where = Filter((FacetCondition("every", frozenset({str(one_in)})),)) if one_in > 1 else EVERYTHING
        recall = ann_recall(subject.store, oracle, subject.name, queries, 10, where)
        assert recall >= 0.99, f"one row in {one_in}"


def settle(subject: Subject) -> None:
    """Have the index built, as it is in a catalogue that has been there for a while."""
    if isinstance(subject.store, LiteStore):
        subject.store.rebuild(subject.name)
    if isinstance(subject.store, MilvusStore):
        wait_for_index(subject.store, subject.name, 5000)


def _numbered(i: int) -> Item:
    every = tuple(str(n) for n in (2, 4, 10, 100, 1000) if (i * 7919) % 5000 % n == 0)
    return Item(f"i{i}", f"p{i}", "s", "l", "x.jpg", (0, 0, 1, 1), {"every": every} if every else {}, float(i))


def test_k_may_exceed_what_matches(subject: Subject) -> None:
    """All matching rows come, in order, where k asks for more; none where k is none."""
    oracle, rows = filled(subject)
    cheap = Filter((PriceCondition(maximum=20.0),))
    assert_same_answers(subject.store, oracle, subject.name, rows[:4], 20_000)
    assert_same_answers(subject.store, oracle, subject.name, rows[:4], 20_000, cheap)
    assert [len(c.item_ids) for c in subject.store.search(subject.name, rows[:2], 0)] == [0, 0]


def test_a_negated_facet_keeps_rows_that_lack_it(subject: Subject) -> None:
    """`color!=red` speaks of what a row has: a row without a colour is not red."""
    oracle, rows = filled(subject)
    lacking = [
        i.item_id
        for i in oracle.items(subject.name, [f"item-{n}" for n in range(60)])
        if i and not i.facets.get("color")
    ]
    where = Filter((FacetCondition("color", frozenset({"red", "navy"}), negated=True),))
    found = subject.store.search(subject.name, rows[:1], 60, where)[0].item_ids
    assert lacking
    assert set(lacking) <= set(found)
    assert_same_answers(subject.store, oracle, subject.name, rows[:2], 60, where)
    assert subject.store.count(subject.name, Filter((FacetCondition("nothing has it", frozenset({"x"}), True),))) == 60


@pytest.mark.parametrize(
    "evil",
    [
        '"',
        "'",
        "\\",
        '\\"',
        '"] or true or facets["color"] == ["',
        "x\n) or (1 == 1",
        "\x00",
        "\x7f",
        "{x}",
        "%",
        "\\u0041",
        "🧵",
        "",
    ],
)
def test_values_are_values_whatever_they_contain(subject: Subject, evil: str) -> None:
    """Quotes, backslashes, control characters and expressions in facets, products and ids match only themselves."""
    rows = clustered(np.random.default_rng(3), 3, DIM)
    hostile = Item(f"id{evil}", f"p{evil}", "s", "l", "x.jpg", (0, 0, 1, 1), {f"f{evil}": (evil,), evil: ("v",)})
    tame = Item("tame", "tame", "s", "l", "x.jpg", (0, 0, 1, 1), {"color": ("red",)})
    subject.store.ensure(spec(subject.name, DIM))
    subject.store.upsert(subject.name, [hostile, tame], rows[:2])
    for facet, value in ((f"f{evil}", evil), (evil, "v")):
        wanted = Filter((FacetCondition(facet, frozenset({value})),))
        unwanted = Filter((FacetCondition(facet, frozenset({value}), negated=True),))
        assert subject.store.search(subject.name, rows[:1], 9, wanted)[0].item_ids == (hostile.item_id,)
        assert subject.store.search(subject.name, rows[:1], 9, unwanted)[0].item_ids == ("tame",)
    assert subject.store.count(subject.name, Filter((FacetCondition("color", frozenset({evil})),))) == 0
    assert subject.store.items(subject.name, [hostile.item_id]) == [hostile]
    assert subject.store.items_of(subject.name, hostile.product_id) == [hostile]
    subject.store.delete_products(subject.name, {hostile.product_id})
    assert subject.store.count(subject.name) == 1


def test_the_rows_that_match_are_brought_with_their_words(subject: Subject) -> None:
    """All of them by item_id, or as many as asked; none of a collection that is not there."""
    oracle, _ = filled(subject)
    for where in (
        Filter((FacetCondition("color", frozenset({"red", "navy"})),)),
        Filter((PriceCondition(20.0, 60.0),)),
    ):
        true = oracle.matching(subject.name, where, 100)
        assert 3 < len(true) < 60
        assert subject.store.matching(subject.name, where, 100) == true
        some = subject.store.matching(subject.name, where, 3)
        assert len(some) == 3
        assert {item.item_id for item in some} <= {item.item_id for item in true}
    assert subject.store.matching("no such collection", EVERYTHING, 5) == []


def test_which_values_there_are(subject: Subject) -> None:
    """Of those asked for, in any number; none of another facet, or of a collection that is not there."""
    oracle, _ = filled(subject)
    asked = {"red", "navy", "no such colour", 'x"y', "brand 1"}
    true = oracle.known_values(subject.name, "color", asked)
    assert true == {"red", "navy"}
    for _ in range(2):  # A store may remember.
        assert subject.store.known_values(subject.name, "color", asked) == true
        assert subject.store.known_values(subject.name, "brand", {f"brand {n}" for n in range(200)}) == {
            value for n in range(200) if oracle.count(subject.name, _brand(value := f"brand {n}"))
        }
    assert subject.store.known_values("no such collection", "color", asked) == frozenset()


def _brand(value: str) -> Filter:
    return Filter((FacetCondition("brand", frozenset({value})),))


def test_a_lone_surrogate_in_a_filter_matches_nothing(subject: Subject) -> None:
    """JSON can spell it, no text has it: an answer without rows, not an error."""
    _, rows = filled(subject, 5)
    where = Filter((FacetCondition("color", frozenset({"\ud800"})),))
    assert subject.store.search(subject.name, rows[:1], 5, where)[0].item_ids == ()


def test_an_unknown_collection_has_no_rows(subject: Subject) -> None:
    """Reading where nothing was created is no error; writing is."""
    rows = clustered(np.random.default_rng(0), 2, DIM)
    answers = subject.store.search("nosuch", rows, 5)
    assert [c.item_ids for c in answers] == [(), ()]
    assert subject.store.items("nosuch", ["a"]) == [None]
    assert subject.store.items_of("nosuch", "p") == []
    assert subject.store.embeddings("nosuch", ["a"])[1] == [False]
    assert subject.store.count("nosuch") == 0
    subject.store.drop("nosuch")
    with pytest.raises(ContractBroken, match="ensure"):
        subject.store.upsert("nosuch", [an_item(np.random.default_rng(0), 0)], rows[:1])


def test_another_dimension_is_refused(subject: Subject) -> None:
    """In writes, in queries, and when the collection is asked for."""
    _, rows = filled(subject, 5)
    with pytest.raises(DimensionMismatch):
        subject.store.upsert(subject.name, [an_item(np.random.default_rng(0), 0)], rows[:1, :-1])
    with pytest.raises(DimensionMismatch):
        subject.store.search(subject.name, rows[:1, :-1], 5)
    with pytest.raises(DimensionMismatch):
        subject.store.ensure(spec(subject.name, DIM + 1))
    assert subject.store.count(subject.name) == 5


@pytest.mark.parametrize("name", ["", "a b", "../up", "9lives", "größe", "x" * 300])
def test_a_name_that_no_collection_may_have_is_refused(subject: Subject, name: str) -> None:
    """A shop's own taxonomy may spell a supercategory as Milvus or a file system cannot: said before harm is done."""
    with pytest.raises(ContractBroken, match="underscores"):
        subject.store.ensure(spec(name, DIM))
    assert subject.store.count(name) == 0


def test_another_model_is_refused(subject: Subject) -> None:
    """A collection is searched with the model that filled it, or not at all; asking again changes nothing."""
    filled(subject, 5)
    with pytest.raises(ModelMismatch, match="re-embed"):
        subject.store.ensure(spec(subject.name, DIM, "b" * 64))
    subject.store.ensure(spec(subject.name, DIM))
    assert subject.store.count(subject.name) == 5


def test_what_was_acknowledged_is_there_after_reopening(subject: Subject) -> None:
    """Rows, replacements and deletions survive closing; the model is still checked."""
    if subject.kind == "exact":
        pytest.skip("the exact store lives in memory")
    oracle, rows = filled(subject)
    for _ in range(2):
        subject.reopen()
        assert subject.name in subject.store.collections()
        with pytest.raises(ModelMismatch):
            subject.store.ensure(spec(subject.name, DIM, "b" * 64))
        assert_same_answers(subject.store, oracle, subject.name, rows[:3], 60)
        for store in (subject.store, oracle):
            store.delete_products(subject.name, {"product-2", "product-3"})
            store.upsert(subject.name, [an_item(np.random.default_rng(5), 40)], rows[:1])
        assert_same_rows(subject.store, oracle, subject.name, [f"item-{n}" for n in range(60)])
        assert_same_answers(subject.store, oracle, subject.name, rows[:3], 60)


def test_a_dropped_collection_may_be_made_anew(subject: Subject) -> None:
    """Dropping forgets rows, model and dimension."""
    _, _ = filled(subject, 5)
    subject.store.drop(subject.name)
    assert subject.name not in subject.store.collections()
    assert subject.store.count(subject.name) == 0
    subject.store.ensure(spec(subject.name, DIM + 8, "b" * 64))
    assert subject.store.count(subject.name) == 0
    assert subject.name in subject.store.collections()


def test_threads_find_what_they_wrote(subject: Subject) -> None:
    """Each of four threads finds its row right after its upsert returned, and none after its deletion."""
    rng = np.random.default_rng(9)
    subject.store.ensure(spec(subject.name, DIM))
    each = 3 if subject.kind == "milvus" else 30
    rows = unit(rng.normal(size=(4 * each, DIM)))

    def work(thread: int) -> None:
        for i in range(thread * each, (thread + 1) * each):
            item = Item(f"i{i}", f"p{i}", "s", "l", "x.jpg", (0, 0, 1, 1), {"thread": (str(thread),)})
            subject.store.upsert(subject.name, [item], rows[i : i + 1])
            assert subject.store.search(subject.name, rows[i : i + 1], 1)[0].item_ids == (f"i{i}",)
            if i % 3 == 0:
                subject.store.delete_products(subject.name, {f"p{i}"})
                assert f"i{i}" not in subject.store.search(subject.name, rows[i : i + 1], 5)[0].item_ids

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, thread) for thread in range(4)]:
            done.result()
    left = [i for i in range(4 * each) if i % 3]
    assert subject.store.count(subject.name) == len(left)
    assert subject.store.embeddings(subject.name, [f"i{i}" for i in left])[1] == [True] * len(left)


@pytest.fixture
def pairs(subject: Subject) -> Iterator[tuple[ExactStore, dict[str, Embeddings]]]:
    """Two collections with the same items but for a few, written in other orders, and queries for each."""
    rng, oracle = np.random.default_rng(17), ExactStore()
    names = [subject.name, f"{subject.name}_b"]
    items = [an_item(rng, n) for n in range(120)]
    queries = {}
    for number, name in enumerate(names):
        rows = clustered(rng, 120, DIM + 8 * number)
        queries[name] = near(rng, rows, 2)
        for store in (subject.store, oracle):
            store.ensure(spec(name, DIM + 8 * number))
            store.upsert(name, items[:80], rows[:80])
            if number:  # What a crash between two writes, and a repair, leave behind.
                store.upsert(name, items[95:100], rows[95:100])
            else:
                store.delete_products(name, {"product-7"})
            store.upsert(name, items[80:95], rows[80:95])
            store.upsert(name, items[100:], rows[100:])
    yield oracle, queries
    subject.store.drop(names[1])


def test_a_shortlist_holds_the_nearest_rows_of_all_sisters(
    subject: Subject, pairs: tuple[ExactStore, dict[str, Embeddings]]
) -> None:
    """Of either space, under filters, without excluded products; items and scores are those of the same item."""
    oracle, asked = pairs
    first, second = asked
    cheap, brand = Filter((PriceCondition(maximum=70.0),)), Filter((FacetCondition("brand", frozenset({"brand 3"})),))
    cheaper, cheap_brand = Filter((PriceCondition(maximum=9.0),)), Filter((*cheap.conditions, *brand.conditions))
    if isinstance(subject.store, LiteStore):
        subject.store.rebuild(first)
    for least in (3, 500):
        assert_same_shortlist(subject.store, oracle, asked, second, least)
        assert_same_shortlist(subject.store, oracle, asked, first, least, where=cheap, also=(cheap_brand, cheaper))
        assert_same_shortlist(subject.store, oracle, {first: asked[first][:1]}, second, least, where=brand)
        assert_same_shortlist(
            subject.store, oracle, {second: asked[second][:0], first: asked[first]}, first, least,
            exclude={"product-3", "product-9", "no such product"},
        )  # fmt: skip


def test_a_shortlist_where_there_is_nothing(subject: Subject) -> None:
    """Of unknown collections, and under a filter that nothing matches: no rows, and no more to come."""
    _, rows = filled(subject, 5)
    nothing = Filter((FacetCondition("color", frozenset({"no such colour"})),))
    for asked, words in (({"nosuch": rows[:1]}, "nosuch_b"), ({subject.name: rows[:1]}, subject.name)):
        listed = subject.store.shortlist(ShortlistQuery(asked, words, 10, nothing, [nothing]))
        assert listed.exhausted
        assert (len(listed.products), listed.matched_by.shape, listed.items([])) == (0, (2, 0), [])
        assert all(listed.cosines(name, queries).shape == (0, 1) for name, queries in asked.items())


class IgnoresDeletions(ExactStore):
    """Broken on purpose."""

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        pass


class SortsTheWrongWay(ExactStore):
    """Broken on purpose."""

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        return super().search(name, -queries, k, where)


class FiltersAfterwards(ExactStore):
    """Broken on purpose: filters the best k, so that fewer come."""

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        answers = []
        for found in super().search(name, queries, k):
            items = self.items(name, found.item_ids)
            kept = [n for n, item in enumerate(items) if item and where.matches(item)]
            ids = tuple(found.item_ids[n] for n in kept)
            answers.append(Candidates(ids, tuple(found.product_ids[n] for n in kept), found.scores[kept]))
        return answers


@pytest.mark.parametrize("broken", [IgnoresDeletions, SortsTheWrongWay, FiltersAfterwards])
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="stores broken on purpose: the suite must bite")
def test_the_suite_bites(broken: type[ExactStore]) -> None:
    """A store that breaks the contract fails the comparison with the oracle."""
    play_history(broken(), "broken", 1, writes=14)


class TakesPlacesForItems(ExactStore):
    """Broken on purpose: pairs the rows of collections by when they were written."""

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        return super().embeddings(name, item_ids[::-1] if name.endswith("_b") else item_ids)


class ListsWithoutTheFilter(ExactStore):
    """Broken on purpose."""

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        return super().shortlist(replace(query, where=EVERYTHING))


class ListsOneSpaceAlone(ExactStore):
    """Broken on purpose: what is near in the other space is not seen."""

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        return super().shortlist(replace(query, asked=dict([*query.asked.items()][:1])))


class MergesProducts(ExactStore):
    """Broken on purpose."""

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        listed = gathered(self, query)
        return replace(listed, products=listed.products // 2)


@pytest.mark.parametrize("broken", [TakesPlacesForItems, ListsWithoutTheFilter, ListsOneSpaceAlone, MergesProducts])
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="stores broken on purpose: the suite must bite")
def test_the_suite_bites_shortlists(broken: type[ExactStore]) -> None:
    """A store that pairs, filters or numbers rows wrongly fails the comparison with the oracle."""
    rng, store, oracle = np.random.default_rng(17), broken(), ExactStore()
    items, asked = [an_item(rng, n) for n in range(60)], {}
    for name in ("s_a", "s_b"):
        rows = clustered(rng, 60, DIM)
        asked[name] = near(rng, rows, 2)
        for each in (store, oracle):
            each.ensure(spec(name, DIM))
            each.upsert(name, items, rows)
    cheap = Filter((PriceCondition(maximum=70.0),))
    assert_same_shortlist(store, oracle, asked, "s_a", 5, where=cheap)


def test_rows_to_count_are_those_that_match(subject: Subject) -> None:
    """Facets and prices of exactly the matching rows; what is cut off is told, and nothing is there of nothing."""
    oracle, _ = filled(subject)
    for where in (EVERYTHING, Filter((FacetCondition("color", frozenset({"red", "navy"})),))):
        found, wanted = (s.facet_rows(subject.name, where, 1000) for s in (subject.store, oracle))
        assert found.whole
        assert sorted(map(_counted, found.rows)) == sorted(map(_counted, wanted.rows))
    some = subject.store.facet_rows(subject.name, EVERYTHING, 7)
    assert (len(some.rows), some.whole) == (7, False)
    assert list(subject.store.facet_rows("no_such", EVERYTHING, 7).rows) == []


def _counted(row: FacetRow) -> str:
    return f"{row.product_id} {sorted(row.facets.items())} {row.price}"
