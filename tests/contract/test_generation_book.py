"""What a generation lacks, and the change to it: over SQLite and over a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.domain import Product
from engine.generations.record import Generation, GenerationChanged, Generations, read_generations
from engine.ledger.generation_notes import Note, Standing
from engine.ledger.sql import SqlLedger
from engine.seams import MOMENT, IngestState, Job, LedgerEntry

NOON = datetime(2026, 11, 29, 12, 0, 0, 123_457, tzinfo=UTC)
DRESS, SHIRT = (("full_body", "a#0"),), (("upper_wear", "a#0"),)
BEGUN = Generations().having(Generation(1, "starter", "m1", "kept")).having(Generation(2, "standard", "m2"))


@pytest.fixture
def ledger(database_url: str) -> Iterator[SqlLedger]:
    made = SqlLedger(database_url)
    made.generations().put_document(Generations(), BEGUN)
    yield made
    made.close()


def entry(product_id: str, seconds: float = 0.0, state: IngestState = IngestState.INDEXED) -> LedgerEntry:
    words = Product(product_id, "A thing", "https://shop.example/p", ("a.jpg",))
    rows = (("upper_wear", f"{product_id}#0"),) if state is IngestState.INDEXED else ()
    return LedgerEntry(words, state, "shop", "r", "c", NOON + timedelta(seconds=seconds), rows)


def note(made: LedgerEntry, state: IngestState | None = None, **values: object) -> Note:
    said = made.product.product_id, made.updated.timestamp(), state or made.state
    return replace(Note(*said, made.content_hash, made.items), **values)  # type: ignore[arg-type]


def test_whatever_is_written_to_a_product_shows_as_a_difference(ledger: SqlLedger) -> None:
    """New, changed and removed products are told, until the generation has them as they are."""
    book, entries = ledger.generations(), [entry(i) for i in "abc"]
    ledger.put(entries)
    assert book.differing(2) == ["a", "b", "c"]
    assert book.differing(2, after="a", limit=1) == ["b"]
    book.note(2, [note(each) for each in entries], serving=1, served=[note(entries[0])])
    assert book.differing(2) == []
    assert book.differing(1) == ["b", "c"]
    ledger.put([entry("b", 5)])
    ledger.delete(["c"])
    assert (book.differing(2), book.gone(2)) == (["b"], ["c"])
    assert book.standing(2) == Standing(products=2, done=1, indexed=2, lost=0, rows=3, gone=1)
    book.forget(2, ["c"])
    assert (book.gone(2), sorted(book.notes(2, ["a", "b", "c"]))) == ([], ["a", "b"])


def test_a_change_takes_every_entry_along_and_can_be_taken_back(ledger: SqlLedger) -> None:
    """Rows, state and reason are the new generation's; going back gives what there was. One transaction each."""
    book, entries = ledger.generations(), [entry("a"), entry("b"), entry("c")]
    ledger.put(entries)
    there = [
        note(entries[0], items=DRESS),
        note(entries[1], IngestState.REFUSED, items=(), reason="no garment", content_hash=""),
    ]
    book.note(2, [*there, note(entries[2])], serving=1, served=[note(each) for each in entries])
    assert book.standing(2).lost == 1
    assert book.change(BEGUN, 2, moment="m") == []
    after = ledger.get(["a", "b", "c"])
    assert (after["a"].items, after["b"].items, after["c"]) == (DRESS, (), entries[2])
    assert (after["b"].state, after["b"].reason) == (IngestState.REFUSED, "no garment")
    assert {i: each.updated for i, each in after.items()} == dict.fromkeys("abc", NOON)
    assert (read_generations(ledger).serving, ledger.get_setting(MOMENT)) == (2, "m")
    assert book.change(read_generations(ledger), 1) == []
    assert ledger.get(["a", "b", "c"]) == {each.product.product_id: each for each in entries}


def test_a_change_waits_for_what_differs(ledger: SqlLedger) -> None:
    """Nothing changes while products lack rows that are right; those that wait for their turn hold nothing up."""
    book = ledger.generations()
    ledger.put([entry("a"), entry("b", state=IngestState.PENDING)])
    assert book.change(BEGUN, 2) == ["a"]
    assert read_generations(ledger) == BEGUN
    book.note(2, [note(entry("a"))], serving=1)
    assert book.change(BEGUN, 2) == []
    with pytest.raises(GenerationChanged, match="else"):
        book.change(BEGUN, 2)


def test_whoever_writes_for_another_generation_is_told(ledger: SqlLedger) -> None:
    """Rows of the former generation are settled in no entry; what belongs to no rows is written as before."""
    ledger.put([entry("a")])
    ledger.generations().note(2, [note(entry("a"))], serving=1)
    assert ledger.replace([entry("a", 1)], {"a": NOON}, generation=1) == {"a"}
    ledger.generations().note(2, [note(entry("a", 1))], serving=1)
    ledger.generations().change(BEGUN, 2)
    with pytest.raises(GenerationChanged):
        ledger.replace([entry("a", 2)], {"a": NOON + timedelta(seconds=1)}, generation=1)
    with pytest.raises(GenerationChanged):
        ledger.delete(["a"], generation=1)
    with pytest.raises(GenerationChanged):
        ledger.generations().note(1, [note(entry("a", 2))], serving=1)
    assert ledger.get(["a"])["a"].updated == NOON + timedelta(seconds=1)
    assert ledger.replace([entry("a", 3)], {"a": NOON + timedelta(seconds=1)}) == {"a"}


def test_content_hashes_outlive_a_change_of_models() -> None:
    """A feed that has not changed is not looked at anew only because other models serve; other files under them are."""
    begun = Generations(content="m1", known=BEGUN.known)
    assert Generations().content_name("m1") == begun.content_name("m1") == "m1"
    changed = begun.changed_to(2)
    assert changed.content_name("m2") == "m1"
    assert changed.content_name("m3") not in ("m1", "m3")
    assert (changed.profile("starter"), changed.profile("standard"), changed.profile("mine")) == (
        "standard",
        "standard",
        "mine",
    )
    assert (changed.kept, changed.next, begun.next) == (BEGUN.get(1), None, BEGUN.get(2))
    assert changed.without(2).having(Generation(changed.latest + 1, "x")).latest == 3


def test_what_was_written_in_the_very_moment_is_queued_anew(ledger: SqlLedger) -> None:
    """Where workers do the work, a change does not wait for a few late products: they wait for a worker once more."""
    book = ledger.generations()
    ledger.put([entry("a"), entry("b", 5)])
    book.note(2, [note(entry("a")), note(entry("b"), items=DRESS)], serving=1)

    def requeue(entries: Sequence[LedgerEntry]) -> tuple[list[LedgerEntry], list[Job]]:
        waiting = [replace(each, state=IngestState.PENDING, content_hash="") for each in entries]
        return waiting, [Job("products", each.product.product_id.encode()) for each in waiting]

    assert book.change(BEGUN, 2, late=0, requeue=requeue) == ["b"]
    if not ledger.has_queue:
        return
    assert book.change(BEGUN, 2, late=1, requeue=requeue) == []
    after = ledger.get(["a", "b"])
    assert (after["a"].state, after["b"].state) == (IngestState.INDEXED, IngestState.PENDING)
    assert ledger.work().waiting("products") == 1


def test_products_that_wait_are_looked_at_wholly_by_other_models(ledger: SqlLedger) -> None:
    """Their rows' names are the new generation's; what was embedded of other pictures is not taken for theirs."""
    book, waiting = ledger.generations(), [entry(i, state=IngestState.PENDING) for i in "ab"]
    ledger.put([replace(each, items=SHIRT, content_hash=f"c{each.product.product_id}") for each in waiting])
    book.note(2, [note(waiting[0], items=DRESS, content_hash="ca"), note(waiting[1], content_hash="else")], serving=1)
    assert book.change(BEGUN, 2) == []
    after = ledger.get(["a", "b"])
    assert (after["a"].items, after["a"].content_hash) == (DRESS, "ca")
    assert (after["b"].items, after["b"].content_hash) == ((), "")
