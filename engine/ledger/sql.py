"""The ledger over SQLite (one machine) and PostgreSQL (at scale), through SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    Table,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from engine.domain import Product
from engine.errors import ContractBroken
from engine.ledger import rows, tables
from engine.ledger.connections import dialect_of
from engine.ledger.generation_lock import check_serving
from engine.ledger.product_words import has_words, words_of
from engine.ledger.runs import RunRecords
from engine.ledger.terms import Known, read_terms, unknown_terms, write_terms
from engine.seams import (
    MOMENT,
    ImageRefusal,
    IngestState,
    Job,
    JobsFor,
    LedgerEntry,
    Term,
)

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook
    from engine.ledger.queue import JobQueue
    from engine.ledger.work import SharedWork

CHUNK = 500
"""Ids per statement: SQLite takes 32,766 parameters, and one statement should not hold a writer for long."""
FAILURES_TOLD = 100
"""Reasons, of the most frequent: some name what is one product's alone."""
_MOST_NOTED = 500_000
"""Terms that a process remembers to have noted."""
_MIGRATION_LOCK = 0x7468_6174_6C6F_6F6B  # "thatlook", for PostgreSQL's advisory locks

_IDS: BindParameter[list[str]] = bindparam("ids", expanding=True)
_PRODUCTS_BY_ID = select(tables.products.c.product_id, tables.products.c.product).where(
    tables.products.c.product_id.in_(_IDS)
)
_ADDED_BY_ID = select(tables.products.c.product_id, tables.products.c.created).where(
    tables.products.c.product_id.in_(_IDS)
)
_ENTRIES_BY_ID = select(tables.products).where(tables.products.c.product_id.in_(_IDS))
_REFUSALS_BY_ID = (
    select(tables.refusals)
    .where(tables.refusals.c.product_id.in_(_IDS))
    .order_by(tables.refusals.c.product_id, tables.refusals.c.position)
)


class SqlLedger(RunRecords):
    """Implements `engine.seams.Ledger`. Safe to call from several threads and, on PostgreSQL, from several machines.

    `url` is SQLAlchemy's: `sqlite:///path/to/ledger.db` or `postgresql+psycopg://user@host/database`.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._noted: Known = set()
        try:
            if self._file:
                self._file.check()
            self._migrate()
        except BaseException:
            self._engine.dispose()
            raise

    @property
    def has_queue(self) -> bool:
        """Whether work for other machines can be queued beside the entries: on PostgreSQL."""
        return self._engine.dialect.name == "postgresql"

    def work(self) -> SharedWork:
        """The queue, and what workers on many machines share beside it.

        Raises:
            ContractBroken: a ledger in SQLite has none.
        """
        from engine.ledger.work import SharedWork

        queue, url = self._queue(), self._engine.url.set(drivername="postgresql")
        return SharedWork(queue, self._transaction, self._reading, url.render_as_string(hide_password=False))

    def generations(self) -> GenerationBook:
        """Which products each generation of collections has rows of."""
        from engine.ledger.generations import GenerationBook

        return GenerationBook(self._transaction, self._reading, self._upsert, self._write, self._enqueued)

    def put(self, entries: Sequence[LedgerEntry], *, moment: str | None = None) -> None:
        """Write entries by product_id, in one transaction; of equal ids the last counts."""
        last = {entry.product.product_id: entry for entry in entries}
        self._note_terms(last)
        with self._transaction() as connection:
            self._set_moment(connection, moment)
            self._write(connection, last)

    def replace(
        self,
        entries: Sequence[LedgerEntry],
        expected: Mapping[str, datetime | None],
        *,
        moment: str | None = None,
        jobs: JobsFor | None = None,
        generation: int | None = None,
    ) -> frozenset[str]:
        """Write those entries whose product is still as it was read; of equal ids the last counts."""
        last = {entry.product.product_id: entry for entry in entries}
        self._note_terms(last)
        with self._transaction() as connection:
            check_serving(connection, generation)
            same = self._still(connection, {i: expected[i] for i in last})
            self._write(connection, {i: entry for i, entry in last.items() if i in same})
            if same:
                self._set_moment(connection, moment)
            if jobs is not None and (queued := jobs(frozenset(same))):
                self._queue().enqueue(connection, queued)
        return frozenset(same)

    def get(self, product_ids: Sequence[str]) -> dict[str, LedgerEntry]:
        """Entries by product_id; unknown ones are absent."""
        found: dict[str, LedgerEntry] = {}
        with self._reading() as connection:
            for chunk in _chunks(product_ids):
                entries = connection.execute(_ENTRIES_BY_ID, {"ids": chunk}).mappings().all()
                found.update((e.product.product_id, e) for e in _with_refusals(connection, entries))
        return found

    def products(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """Only the products: one SELECT per 500 ids."""
        found: dict[str, Product] = {}
        with self._reading() as connection:
            for chunk in _chunks(product_ids):
                for product_id, record in connection.execute(_PRODUCTS_BY_ID, {"ids": chunk}):
                    found[product_id] = rows.read_product(record)
        return found

    def added(self, product_ids: Sequence[str]) -> dict[str, datetime]:
        """When each product was first written: one SELECT per 500 ids."""
        found: dict[str, datetime] = {}
        with self._reading() as connection:
            for chunk in _chunks(product_ids):
                for product_id, created in connection.execute(_ADDED_BY_ID, {"ids": chunk}):
                    found[product_id] = rows.moment(created or 0.0)
        return found

    def delete(
        self,
        product_ids: Collection[str],
        *,
        moment: str | None = None,
        expected: Mapping[str, datetime | None] | None = None,
        generation: int | None = None,
    ) -> None:
        """Forget products and their refusals; with `expected` those that are still as they were read."""
        with self._transaction() as connection:
            check_serving(connection, generation)
            self._set_moment(connection, moment)
            if expected is not None:
                product_ids = self._still(connection, {i: expected[i] for i in product_ids})
            for chunk in _chunks(product_ids):
                connection.execute(delete(tables.products).where(tables.products.c.product_id.in_(chunk)))

    def ids(self, *, feed: str | None = None, state: IngestState | None = None) -> Iterator[str]:
        """Product ids in order, read page by page: no transaction stays open while the caller works."""
        after = ""
        query = _wanted(select(tables.products.c.product_id), feed, state).limit(bindparam("most", CHUNK * 10))
        query = query.where(tables.products.c.product_id > bindparam("after"))
        while True:
            with self._reading() as connection:
                page = list(connection.execute(query, {"after": after}).scalars())
            yield from page
            if len(page) < CHUNK * 10:
                return
            after = page[-1]

    def terms(self, after: int = 0) -> list[Term]:
        """The terms of all products that are there, or ever were, from behind a number."""
        with self._reading() as connection:
            return read_terms(connection, after)

    def page(
        self, *, state: IngestState | None = None, after: str | None = None, limit: int = 100, words: str = ""
    ) -> list[LedgerEntry]:
        """Entries in product_id order, from behind `after`; only those with each of `words` (see `product_words`)."""
        wanted = words_of(words)
        query = _wanted(select(tables.products), None, state).where(tables.products.c.product_id > bindparam("after"))
        for word in wanted:
            if word.isascii():  # A database may tell big letters from small ones in other alphabets.
                text_of = func.lower(tables.products.c.product)
                spelled = {word, word.replace("ss", "ß")}  # which are one word when case is folded
                query = query.where(or_(*(text_of.contains(one, autoescape=True) for one in sorted(spelled))))
        found: list[Mapping[Any, Any]] = []
        at, size = after or "", CHUNK if wanted else limit
        with self._reading() as connection:
            while len(found) < limit:
                page = connection.execute(query.limit(size), {"after": at}).mappings().all()
                found += [row for row in page if has_words(rows.read_product(row["product"]), wanted)]
                if len(page) < size:
                    break
                at = page[-1]["product_id"]
            return _with_refusals(connection, found[:limit])

    def counts(self) -> dict[IngestState, int]:
        """How many products stand where; every state is named."""
        query = select(tables.products.c.state, func.count()).group_by(tables.products.c.state)
        with self._reading() as connection:
            found = {str(state): int(n) for state, n in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in IngestState}

    def waiting_since(self) -> tuple[datetime, datetime] | None:
        """When the oldest and the newest change was written that waits to be indexed; None where none waits."""
        updated = tables.products.c.updated
        query = select(func.min(updated), func.max(updated))
        with self._reading() as connection:
            pending = connection.execute(query.where(tables.products.c.state == IngestState.PENDING.value))
            oldest, newest = pending.one()
        return None if oldest is None else (rows.moment(oldest), rows.moment(newest))

    def rows_named(self) -> tuple[int, int]:
        """How many indexed rows entries name: those of settled entries, and those of all."""
        length = func.json_array_length(tables.products.c["items"])
        if self._engine.dialect.name == "postgresql":
            length = func.json_array_length(cast(tables.products.c["items"], postgresql.JSON))
        query = select(tables.products.c.state, func.sum(length)).where(tables.products.c["items"] != "[]")
        with self._reading() as connection:
            found = {str(state): int(n) for state, n in connection.execute(query.group_by(tables.products.c.state))}
        return found.get(IngestState.INDEXED.value, 0), sum(found.values())

    def refusal_counts(self) -> dict[str, int]:
        """How many images were refused, by reason, the most frequent first."""
        amount = func.count().label("amount")
        query = select(tables.refusals.c.reason, amount).group_by(tables.refusals.c.reason)
        with self._reading() as connection:
            found = connection.execute(query.order_by(amount.desc(), tables.refusals.c.reason))
            return {str(reason): int(n) for reason, n in found}

    def failure_counts(self) -> dict[str, int]:
        """How many products failed, by reason, the most frequent first."""
        amount, reason = func.count().label("amount"), func.coalesce(tables.products.c.reason, "").label("reason")
        query = select(reason, amount).where(tables.products.c.state == IngestState.FAILED.value).group_by(reason)
        with self._reading() as connection:
            found = connection.execute(query.order_by(amount.desc(), reason).limit(FAILURES_TOLD))
            return {str(reason): int(n) for reason, n in found}

    def get_setting(self, name: str) -> str | None:
        """A fact about the whole catalogue."""
        query = select(tables.settings.c.value).where(tables.settings.c.name == name)
        with self._reading() as connection:
            value = connection.execute(query).scalar()
        return None if value is None else str(value)

    def set_setting(self, name: str, value: str) -> None:
        """Write such a fact."""
        with self._transaction() as connection:
            connection.execute(self._upsert(tables.settings), [{"name": name, "value": value}])

    def _note_terms(self, entries: Mapping[str, LedgerEntry]) -> None:
        """Note terms that are new, in a transaction of their own: one too many does no harm."""
        new = unknown_terms([entry.product for entry in entries.values()], self._noted)
        if new:
            with self._transaction() as connection:
                write_terms(connection, new)
            if len(self._noted) > _MOST_NOTED:
                self._noted.clear()
            self._noted.update(new)

    def _write(self, connection: Connection, entries: Mapping[str, LedgerEntry]) -> None:
        for chunk in _chunks(sorted(entries)):
            chosen = [entries[product_id] for product_id in chunk]
            connection.execute(self._upsert(tables.products), [rows.product_row(entry) for entry in chosen])
            connection.execute(delete(tables.refusals).where(tables.refusals.c.product_id.in_(chunk)))
            if refused := [row for entry in chosen for row in rows.refusal_rows(entry)]:
                connection.execute(insert(tables.refusals), refused)

    def _still(self, connection: Connection, expected: Mapping[str, datetime | None]) -> set[str]:
        """Products that are as they were read, and stay so until the transaction ends.

        A product that did not exist gets its place now: of two transactions that make it, one must see the other's.
        """
        made = self._made(connection, sorted(i for i, updated in expected.items() if updated is None))
        query = select(tables.products.c.product_id, tables.products.c.updated).order_by(tables.products.c.product_id)
        for chunk in _chunks(sorted(i for i, updated in expected.items() if updated is not None)):
            found = connection.execute(query.where(tables.products.c.product_id.in_(chunk)).with_for_update())
            made.update(i for i, updated in found if (was := expected[i]) and updated == was.timestamp())
        return made

    def _made(self, connection: Connection, product_ids: Sequence[str]) -> set[str]:
        """Those of the products that did not exist; they do now, as placeholders which the caller writes over."""
        made: set[str] = set()
        place = (
            dialect_of(self._engine)
            .insert(tables.products)
            .on_conflict_do_nothing()
            .returning(tables.products.c.product_id)
        )
        for chunk in _chunks(product_ids):
            made.update(connection.execute(place, [rows.placeholder_row(i) for i in chunk]).scalars())
        return made

    def _queue(self) -> JobQueue:
        if not self.has_queue:
            raise ContractBroken("A ledger in SQLite has no queue; jobs are for workers that share a PostgreSQL.")
        from engine.ledger.queue import JobQueue

        return JobQueue()

    def _enqueued(self, connection: Connection, jobs: Sequence[Job]) -> None:
        if jobs:
            self._queue().enqueue(connection, jobs)

    def _migrate(self) -> None:
        with self._reading() as connection:
            if tables.is_current(connection) and (not self.has_queue or self._queue().is_installed(connection)):
                return
        from engine.ledger.migrations.run import migrate

        with self._transaction() as connection:
            if self.has_queue:  # Two programs may start at once on an empty database.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            migrate(connection)
            if self.has_queue:
                self._queue().install(connection)

    def _set_moment(self, connection: Connection, moment: str | None) -> None:
        if moment is not None:
            connection.execute(self._upsert(tables.settings), [{"name": MOMENT, "value": moment}])

    def _upsert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """INSERT … ON CONFLICT (primary key) DO UPDATE, which both databases know."""
        statement: postgresql.Insert | sqlite.Insert = dialect_of(self._engine).insert(table)
        rest: dict[str, Any] = {c.name: statement.excluded[c.name] for c in table.columns if not c.primary_key}
        if "created" in rest:  # It stays what it was.
            rest["created"] = func.coalesce(table.c["created"], rest["created"])
        return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=rest)


def _wanted(query: Select[Any], feed: str | None, state: IngestState | None) -> Select[Any]:
    if feed is not None:
        query = query.where(tables.products.c.feed == feed)
    if state is not None:
        query = query.where(tables.products.c.state == state.value)
    return query.order_by(tables.products.c.product_id)


def _with_refusals(connection: Connection, entries: Sequence[Mapping[Any, Any]]) -> list[LedgerEntry]:
    refused: dict[str, list[ImageRefusal]] = {}
    for chunk in _chunks([row["product_id"] for row in entries]):
        for row in connection.execute(_REFUSALS_BY_ID, {"ids": chunk}).mappings():
            refused.setdefault(row["product_id"], []).append(rows.read_refusal(dict(row)))
    return [rows.read_entry(row, refused.get(row["product_id"], [])) for row in entries]


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    ordered = list(dict.fromkeys(ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
