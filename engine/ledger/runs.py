"""Runs of ingest and the rows that they could not take, as the ledger keeps them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from engine.errors import ContractBroken
from engine.ledger import rows, tables
from engine.ledger.connections import LedgerConnections
from engine.seams import CUT_OFF, FeedError, IngestRun


class RunRecords(LedgerConnections):
    """The part of `engine.seams.Ledger` that is about runs."""

    def start_run(self, feed: str, total: int | None) -> int:
        """Open a run; returns its id."""
        row = {"feed": feed, "started": time.time(), "total": total, "counts": "{}"}
        with self._transaction() as connection:
            key = connection.execute(insert(tables.runs).values(row)).inserted_primary_key
        if key is None:
            raise ContractBroken("The database returned no number for the new run.")
        return int(key[0])

    def update_run(self, run_id: int, counts: Mapping[str, int], *, finished: bool = False) -> None:
        """Write a run's progress."""
        values: dict[str, Any] = {"counts": rows.to_json(dict(counts))}
        if finished:
            values["finished"] = time.time()
        with self._transaction() as connection:
            connection.execute(update(tables.runs).where(tables.runs.c.run_id == run_id).values(values))

    def end_cut_off_runs(self) -> int:
        """Say of runs that are not finished that they were cut off; only who alone works on the ledger may."""
        query = select(tables.runs).where(tables.runs.c.finished.is_(None))
        with self._reading() as connection:
            found = [rows.read_run(dict(row)) for row in connection.execute(query).mappings()]
        for run in found:
            self.update_run(run.run_id, {**run.counts, CUT_OFF: 1}, finished=True)
        return len(found)

    def runs(self, limit: int = 20) -> list[IngestRun]:
        """The latest runs, newest first."""
        query = select(tables.runs).order_by(tables.runs.c.run_id.desc()).limit(limit)
        with self._reading() as connection:
            return [rows.read_run(dict(row)) for row in connection.execute(query).mappings()]

    def add_errors(self, run_id: int, errors: Sequence[FeedError]) -> None:
        """Record rows that were not taken."""
        if errors:
            with self._transaction() as connection:
                connection.execute(insert(tables.errors), [rows.error_row(run_id, error) for error in errors])

    def errors(self, run_id: int, *, offset: int = 0, limit: int = 100) -> list[FeedError]:
        """A run's errors in line order."""
        query = (
            select(tables.errors)
            .where(tables.errors.c.run_id == run_id)
            .order_by(tables.errors.c.line, tables.errors.c.error_id)
        )
        with self._reading() as connection:
            found = connection.execute(query.offset(offset).limit(limit)).mappings()
            return [rows.read_error(dict(row)) for row in found]
