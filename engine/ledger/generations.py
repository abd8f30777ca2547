"""What each generation of collections holds of each product, and the change from one generation to another.

A generation's rows of a product are right where its note bears the same moment as the product's entry. So whatever is
written to products, by anybody, shows as a difference here; a generation that is being built, or one that is kept to
go back to, is brought up to the ledger by working through these differences.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, delete, exists, func, or_, select, update
from sqlalchemy.sql.dml import Insert

from engine.generations.record import SETTING, GenerationChanged, Generations, written
from engine.ledger import rows, tables
from engine.ledger.generation_lock import change_alone, check_serving, document
from engine.ledger.generation_notes import Note, Standing
from engine.seams import MOMENT, IngestState, Job, LedgerEntry

CHUNK = 500
_PROCESS = "process:"
_SETTLED = (IngestState.INDEXED, IngestState.REFUSED)
_Opened = Callable[[], AbstractContextManager[Connection]]
_Requeue = Callable[[Sequence[LedgerEntry]], tuple[Sequence[LedgerEntry], Sequence[Job]]]

_p, _g = tables.products.c, tables.generation_products.c


@dataclass(frozen=True, slots=True, eq=False)
class GenerationBook:
    """The notes. Each call is a transaction of its own."""

    _transaction: _Opened
    _reading: _Opened
    _upsert: Callable[[Table], Insert]
    _write: Callable[[Connection, Mapping[str, LedgerEntry]], None]
    _enqueue: Callable[[Connection, Sequence[Job]], None]

    def put_document(self, old: Generations, new: Generations) -> None:
        """Write the list of generations, which one serves left as it is.

        Raises:
            GenerationChanged: it is not as it was read.
        """
        with self._transaction() as connection:
            change_alone(connection)
            if document(connection) != old:
                raise GenerationChanged("Somebody else is changing the generations; look at their state first.")
            self._set(connection, SETTING, written(new))

    def differing(self, number: int, after: str = "", limit: int = CHUNK) -> list[str]:
        """Products whose rows in a generation are not of their present moment, by id, from behind one."""
        query = select(_p.product_id).where(_p.product_id > after, ~_is_done(number))
        with self._reading() as connection:
            return list(connection.execute(query.order_by(_p.product_id).limit(limit)).scalars())

    def gone(self, number: int, limit: int = CHUNK) -> list[str]:
        """Products that left the catalogue and are still noted in a generation."""
        query = select(_g.product_id).where(_g.generation == number, ~exists().where(_p.product_id == _g.product_id))
        with self._reading() as connection:
            return list(connection.execute(query.limit(limit)).scalars())

    def notes(self, number: int, product_ids: Sequence[str]) -> dict[str, Note]:
        """Notes by product_id, of those that there are."""
        found: dict[str, Note] = {}
        query = select(tables.generation_products).where(_g.generation == number)
        with self._reading() as connection:
            for start in range(0, len(product_ids), CHUNK):
                some = query.where(_g.product_id.in_(product_ids[start : start + CHUNK]))
                for row in connection.execute(some).mappings():
                    found[row["product_id"]] = _note(row)
        return found

    def page(self, number: int, after: str = "", limit: int = CHUNK) -> list[Note]:
        """Notes in product_id order, from behind one."""
        query = select(tables.generation_products).where(_g.generation == number, _g.product_id > after)
        with self._reading() as connection:
            return [_note(row) for row in connection.execute(query.order_by(_g.product_id).limit(limit)).mappings()]

    def note(self, number: int, notes: Sequence[Note], serving: int, served: Sequence[Note] = ()) -> None:
        """Write what a generation has of products, and with it what the serving one has of them.

        Raises:
            GenerationChanged: another generation serves.
        """
        with self._transaction() as connection:
            check_serving(connection, serving)
            written_rows = [_row(number, note) for note in notes] + [_row(serving, note) for note in served]
            if written_rows:
                connection.execute(self._upsert(tables.generation_products), written_rows)

    def forget(self, number: int, product_ids: Collection[str] | None = None) -> None:
        """Strike out notes, all of a generation's where no products are named."""
        query = delete(tables.generation_products).where(_g.generation == number)
        if product_ids is not None:
            query = query.where(_g.product_id.in_(list(product_ids)))
        with self._transaction() as connection:
            connection.execute(query)

    def standing(self, number: int) -> Standing:
        """How far a generation is; looks through all products."""
        joined = tables.generation_products.join(
            tables.products, and_(_g.product_id == _p.product_id, _g.updated == _p.updated)
        )
        would = and_(_p.state == IngestState.INDEXED.value, _g.state != IngestState.INDEXED.value)
        length = func.json_array_length(_g["items"])
        done = select(func.count(), func.count().filter(would)).select_from(joined).where(_g.generation == number)
        with self._reading() as connection:
            if connection.dialect.name == "postgresql":
                from sqlalchemy import cast
                from sqlalchemy.dialects import postgresql

                length = func.json_array_length(cast(_g["items"], postgresql.JSON))
            there = connection.execute(
                select(func.count(), func.count().filter(_p.state == IngestState.INDEXED.value)).select_from(
                    tables.products
                )
            ).one()
            ready = connection.execute(done).one()
            named = connection.execute(
                select(func.coalesce(func.sum(length), 0)).where(_g.generation == number, _g["items"] != "[]")
            ).scalar_one()
            gone = connection.execute(
                select(func.count())
                .select_from(tables.generation_products)
                .where(_g.generation == number, ~exists().where(_p.product_id == _g.product_id))
            ).scalar_one()
        return Standing(int(there[0]), int(ready[0]), int(there[1]), int(ready[1]), int(named), int(gone))

    def change(
        self,
        old: Generations,
        number: int,
        *,
        late: int = 0,
        requeue: _Requeue | None = None,
        moment: str | None = None,
    ) -> list[str]:
        """Have another generation serve, with the entries of all products as they stand in it: all of it or nothing.

        Args:
            old: the list as it was read.
            late: products that may differ at most; `requeue` says what becomes of them, in the same transaction.
            moment: of the vector store, in that generation.
        Returns:
            products that differ and kept it from being done; nothing where it was done.
        Raises:
            GenerationChanged: the list is not as it was read.
        """
        with self._transaction() as connection:
            change_alone(connection)
            if document(connection) != old:
                raise GenerationChanged("Somebody else is changing the generations; look at their state first.")
            differ = list(connection.execute(_late(number).limit(late + 1)).scalars())
            if len(differ) > late or (differ and requeue is None):
                return differ
            connection.execute(_standing_as_in(number))
            connection.execute(_waiting_with_rows_of(number))
            connection.execute(_waiting_to_be_embedded(number))
            refused = update(tables.products).where(_p.state == IngestState.REFUSED.value, _p.content_hash != "")
            connection.execute(refused.values(content_hash=""))  # Other models may see what these did not.
            if differ and requeue:
                entries, jobs = requeue(_entries(connection, differ))
                self._write(connection, {entry.product.product_id: entry for entry in entries})
                self._enqueue(connection, jobs)
            self._set(connection, SETTING, written(old.changed_to(number)))
            if moment is not None:
                self._set(connection, MOMENT, moment)
        return []

    def tell_of_process(self, name: str, said: str) -> None:
        """Note what a process serves with; an empty text strikes it out."""
        with self._transaction() as connection:
            if said:
                self._set(connection, _PROCESS + name, said)
            else:
                connection.execute(delete(tables.settings).where(tables.settings.c.name == _PROCESS + name))

    def processes(self) -> dict[str, str]:
        """What processes have told, by their names."""
        query = select(tables.settings.c.name, tables.settings.c.value).where(
            tables.settings.c.name >= _PROCESS, tables.settings.c.name < _PROCESS + "\uffff"
        )
        with self._reading() as connection:
            return {str(name)[len(_PROCESS) :]: str(value) for name, value in connection.execute(query)}

    def _set(self, connection: Connection, name: str, value: str) -> None:
        connection.execute(self._upsert(tables.settings), [{"name": name, "value": value}])


def _is_done(number: int) -> Any:
    return exists().where(_g.generation == number, _g.product_id == _p.product_id, _g.updated == _p.updated)


def _late(number: int) -> Select[Any]:
    """Products that differ and that nobody will look at anyhow."""
    query = select(_p.product_id).where(~_is_done(number), _p.state != IngestState.PENDING.value)
    return query.order_by(_p.product_id)


def _standing_as_in(number: int) -> Any:
    """Entries whose product has other rows in that generation, or would stand otherwise, as they are there."""
    names = ("state", "items", "reason", "content_hash")
    differs = or_(_g["items"] != _p["items"], _g.state != _p.state)
    return (
        update(tables.products)
        .where(
            _g.generation == number,
            _g.product_id == _p.product_id,
            _g.updated == _p.updated,
            _p.state.in_([state.value for state in _SETTLED]),
            differs,
        )
        .values({name: _g[name] for name in names})
    )


def _waiting_with_rows_of(number: int) -> Any:
    """Products that wait keep waiting, with the rows that they have there."""
    same = (_g.generation == number, _g.product_id == _p.product_id, _g.updated == _p.updated)
    waits = _p.state == IngestState.PENDING.value
    return update(tables.products).where(*same, waits, _g["items"] != _p["items"]).values(items=_g["items"])


def _waiting_to_be_embedded(number: int) -> Any:
    """Those whose rows there were made of something else are looked at wholly when their turn comes."""
    same = exists().where(_g.generation == number, _g.product_id == _p.product_id, _g.content_hash == _p.content_hash)
    waits = _p.state == IngestState.PENDING.value
    return update(tables.products).where(waits, _p.content_hash != "", ~same).values(content_hash="")


def _entries(connection: Connection, product_ids: Sequence[str]) -> list[LedgerEntry]:
    found = connection.execute(select(tables.products).where(_p.product_id.in_(product_ids))).mappings().all()
    return [rows.read_entry(dict(row), []) for row in found]


def _row(number: int, note: Note) -> dict[str, Any]:
    return {
        "generation": number,
        "product_id": note.product_id,
        "updated": note.updated,
        "state": note.state.value,
        "content_hash": note.content_hash,
        "items": rows.to_json(note.items),
        "reason": None if note.reason is None else rows.storable(note.reason),
    }


def _note(row: Mapping[Any, Any]) -> Note:
    return Note(
        row["product_id"],
        row["updated"],
        IngestState(row["state"]),
        row["content_hash"],
        rows.read_items(row["items"]),
        row["reason"],
    )
