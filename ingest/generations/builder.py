"""Bringing products' rows of one generation up to the ledger: embedded from stored pictures, copied, or reworded.

Whoever else writes meanwhile is found out afterwards: a product that was changed while its rows were written is done
anew, so that the last rows written are always those of a moment that was current after they were there. What is noted
as done is therefore right; a kill in between leaves the product noted as different, and it is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.domain import SPACES
from engine.errors import InputRejected, ObjectNotFound, ThatLookError
from engine.ledger.generation_notes import Note, Pairs, book_of
from engine.products.stored import picture_prefix
from engine.seams import CollectionChange, IngestState, LedgerEntry
from engine.taxonomy import collection_name
from engine.vision.gate import Policy
from engine.vision.images import decode
from ingest.repair import plan_anew
from ingest.run.dependencies import IngestDependencies
from ingest.run.failures import apart, models_answer, stores_answer, told
from ingest.run.row_changes import at_once, change_rows, changes_of
from ingest.run.select_image import Picture
from ingest.run.stages import Outcome, Row, SelectedProduct, analyze, embed, reworded, stored_rows
from ingest.run.writer import LEAVING

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook

NO_PICTURE = "Its stored picture is missing, so that it could not be embedded by other models."


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a product has in the generation; `rows` is None where its rows there stay as they are."""

    state: IngestState
    rows: tuple[Row, ...] | None = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Builder:
    """Brings products into one generation.

    Attributes:
        parts: of the generation that is built: its models and its collections.
        serving: of the one that serves.
        copied: whether both have the same models, so that embeddings are copied.
        writing: within it nobody else of this process writes.
    """

    parts: IngestDependencies
    serving: IngestDependencies
    policy: Policy = "prefer"
    copied: bool = False
    writing: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def book(self) -> GenerationBook:
        """The notes of all generations."""
        return book_of(self.parts.ledger)

    def bring(self, product_ids: Sequence[str]) -> None:
        """Make these products' rows what the ledger says; those that are gone lose theirs.

        Raises:
            GenerationChanged: another generation serves meanwhile.
            StoreUnavailable, ModelUnavailable: a part does not answer; what is done is noted.
        """
        left = list(product_ids)
        while left:
            left = self._bring(left)

    def give_up(self, product_ids: Sequence[str], reason: str) -> None:
        """Leave products out: they have no rows here, and that is told."""
        entries = self.parts.ledger.get(product_ids)
        made = {i: Made(IngestState.FAILED, (), reason) for i in entries}
        with self.writing():
            self._write(product_ids, made)
            self._note(entries, {}, made)

    def _bring(self, ids: Sequence[str]) -> list[str]:
        """Do it once; the products that were changed meanwhile."""
        entries = self.parts.ledger.get(ids)
        notes = self.book.notes(self.parts.generation, ids)
        made = self._made(entries, notes)
        with self.writing():
            self._write(ids, made)
            now = self.parts.ledger.get(ids)
            same = [i for i, entry in entries.items() if i in now and now[i].updated == entry.updated]
            gone = [i for i in ids if i not in entries and i not in now]
            self._note(entries, notes, {i: made[i] for i in same})
            if gone:
                self.book.forget(self.parts.generation, gone)
                self.book.forget(self.serving.generation, gone)
        return [i for i in ids if i not in same and i not in gone]

    def _made(self, entries: Mapping[str, LedgerEntry], notes: Mapping[str, Note]) -> dict[str, Made]:
        made: dict[str, Made] = {}
        looked_at: list[LedgerEntry] = []
        there = stored_rows(self.parts, [pair for i in entries if i in notes for pair in notes[i].items])
        served = stored_rows(self.serving, [pair for entry in entries.values() for pair in entry.items])
        for i, entry in entries.items():
            note = notes.get(i)
            mine = [row for pair in (note.items if note else ()) if (row := there.get(pair))]
            theirs = [row for pair in entry.items if (row := served.get(pair))]
            if entry.state is IngestState.FAILED and entry.reason == LEAVING:
                made[i] = Made(entry.state, None)
            elif self.copied and theirs:
                rows = tuple(reworded(self.parts, row, entry.product) for row in theirs)
                made[i] = Made(entry.state, rows, entry.reason)
            elif mine and note and self._words_alone(entry, note, mine):
                state = IngestState.INDEXED if entry.state is IngestState.REFUSED else entry.state
                made[i] = Made(state, tuple(reworded(self.parts, row, entry.product) for row in mine), note.reason)
            elif entry.items:
                looked_at.append(entry)
            else:
                made[i] = Made(entry.state, (), entry.reason)
        return made | self._looked_at(looked_at, served)

    def _words_alone(self, entry: LedgerEntry, note: Note, rows: Sequence[Row]) -> bool:
        """Whether what was embedded here is still what is to be, so that only words differ."""
        if entry.state is IngestState.REFUSED:  # By the models that serve; these saw a garment in its picture.
            return all(self.parts.objects.exists(row.item.image) for row in rows)
        return bool(entry.items) and note.content_hash != "" and note.content_hash == entry.content_hash

    def _looked_at(self, entries: Sequence[LedgerEntry], served: Mapping[tuple[str, str], Row]) -> dict[str, Made]:
        """Products whose stored pictures these models look at."""
        keys = {e.product.product_id: self._pictures(e, served) for e in entries}
        wanted = [(entry, item_id, key) for entry in entries for item_id, key in keys[entry.product.product_id]]
        pictures = at_once(lambda each: self._picture(each[2]), wanted)
        results: dict[str, list[Outcome]] = {e.product.product_id: [] for e in entries}
        there: dict[str, list[Picture]] = {}
        for (entry, _, _), picture in zip(wanted, pictures, strict=True):
            if picture is not None:
                there.setdefault(entry.product.product_id, []).append(picture)
        seen: list[tuple[SelectedProduct, Mapping[str, str]]] = []
        for entry in entries:
            if not (mine := there.get(entry.product.product_id)):
                continue
            result = analyze(self.parts, plan_anew(self.parts, entry), mine, self.policy)
            if isinstance(result, SelectedProduct):
                seen.append((result, {key: item_id for item_id, key in keys[entry.product.product_id]}))
            else:
                results[entry.product.product_id].append(result)
        for outcome in self._embedded(seen):
            results[outcome.diff.product.product_id].append(outcome)
        return {e.product.product_id: _joined(e, results[e.product.product_id]) for e in entries}

    def _pictures(self, entry: LedgerEntry, served: Mapping[tuple[str, str], Row]) -> list[tuple[str, str]]:
        """(item_id, picture) of each row that the product has, or will have."""
        named = [(row.item.item_id, row.item.image) for pair in entry.items if (row := served.get(pair))]
        if named:
            return named
        stored = next(iter(self.parts.objects.keys(picture_prefix(entry.product.product_id))), None)
        return [(entry.items[0][1], stored)] if stored else []

    def _picture(self, key: str) -> Picture | None:
        try:
            return Picture(key, decode(self.parts.objects.get(key), self.parts.limits))
        except (ObjectNotFound, InputRejected):
            return None

    def _embedded(self, seen: Sequence[tuple[SelectedProduct, Mapping[str, str]]]) -> list[Outcome]:
        """Outcomes whose rows bear the ids and pictures of the rows that they stand for."""

        def work(some: Sequence[tuple[SelectedProduct, Mapping[str, str]]]) -> list[Outcome]:
            outcomes = embed(self.parts, [each for each, _ in some])
            return [_named(o, each, ids) for o, (each, ids) in zip(outcomes, some, strict=True)]

        done, lost = apart(seen, work)
        for (one, _), error in lost:
            if isinstance(error, ThatLookError) and not (models_answer(self.parts) and stores_answer(self.serving)):
                raise error
            done.append(Outcome(one.diff, IngestState.FAILED, reason=told("The models", error)))
        return done

    def _write(self, ids: Sequence[str], made: Mapping[str, Made]) -> None:
        """Rows into their collections, and out of all others."""
        rows: dict[str, list[Row]] = {}
        for each in made.values():
            for row in each.rows or ():
                rows.setdefault(row.item.supercategory, []).append(row)
        kept = {i for i, each in made.items() if each.rows is None}
        changes = {change.name: change for change in changes_of({}, rows)}
        for supercategory in self.parts.pipeline.taxonomy.supercategories:
            here = {row.item.product_id for row in rows.get(supercategory, ())}
            stale = [i for i in ids if i not in here and i not in kept]
            for space in SPACES:
                name = collection_name(supercategory, space)
                changes[name] = replace(changes.get(name, CollectionChange(name)), gone=stale)
        change_rows(self.parts.store, [change for change in changes.values() if change.gone or change.items])

    def _note(self, entries: Mapping[str, LedgerEntry], notes: Mapping[str, Note], made: Mapping[str, Made]) -> None:
        mine = [_note_of(entries[i], each, notes.get(i)) for i, each in made.items()]
        settled = (IngestState.INDEXED, IngestState.REFUSED, IngestState.FAILED)
        theirs = [_as_it_stands(entries[i]) for i in made if entries[i].state in settled]
        self.book.note(self.parts.generation, mine, self.serving.generation, theirs)


def _named(outcome: Outcome, looked_at: SelectedProduct, ids: Mapping[str, str]) -> Outcome:
    """With the ids (by picture) of the rows that are served, and without a picture to store."""
    keys = [each.reference for each in looked_at.chosen]
    rows = tuple(
        Row(replace(row.item, item_id=ids[key], image=key), row.embeddings)
        for row, key in zip(outcome.rows, keys, strict=True)
    )
    return replace(outcome, rows=rows, pictures=())


def _joined(entry: LedgerEntry, outcomes: Sequence[Outcome]) -> Made:
    """All rows of a product; refused where it has none."""
    rows = tuple(row for outcome in outcomes for row in outcome.rows)
    if rows:
        reason = next((outcome.reason for outcome in outcomes if outcome.rows), None)
        return Made(entry.state, rows, entry.reason if entry.state is IngestState.PENDING else reason)
    waits = entry.state is IngestState.PENDING
    if not outcomes:
        return Made(entry.state if waits else IngestState.FAILED, (), NO_PICTURE)
    state = IngestState.REFUSED if outcomes[0].state is IngestState.REFUSED else IngestState.FAILED
    return Made(entry.state if waits else state, (), outcomes[0].reason)


def _note_of(entry: LedgerEntry, made: Made, old: Note | None) -> Note:
    if made.rows is None:
        items: Pairs = old.items if old else ()
    else:
        items = tuple((row.item.supercategory, row.item.item_id) for row in made.rows)
    whole = bool(items) and entry.state is IngestState.INDEXED
    content = entry.content_hash if whole else old.content_hash if old and entry.state is IngestState.REFUSED else ""
    return Note(entry.product.product_id, entry.updated.timestamp(), made.state, content, items, made.reason)


def _as_it_stands(entry: LedgerEntry) -> Note:
    return Note(
        entry.product.product_id, entry.updated.timestamp(), entry.state, entry.content_hash, entry.items, entry.reason
    )
