"""Bringing a ledger's tables to today's form, in the caller's transaction: all of it or nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, select

from engine.errors import ContractBroken
from engine.ledger import tables

BEFORE_STEPS = {1: "0001", 2: "0002"}
"""Ledgers that have only a schema version, by the step whose tables they have."""


def scripts() -> ScriptDirectory:
    """The steps."""
    return ScriptDirectory(str(files("engine.ledger.migrations")))


def migrate(connection: Connection) -> None:
    """Create the tables, or bring those of an earlier version forward.

    Raises:
        ContractBroken: the ledger was written by a later thatlook.
    """
    there = inspect(connection)
    if there.has_table(tables.schema.name):
        tables.refuse_later(connection)
    step = None
    if there.has_table(tables.schema.name) and not there.has_table(tables.revision.name):
        step = BEFORE_STEPS[connection.execute(select(tables.schema.c.version)).scalar_one()]
    _upgrade(connection, step)


def _upgrade(connection: Connection, unmarked: str | None) -> None:
    """Do the steps that are not done yet; `unmarked` is the one that the tables are at, where nobody has noted it."""
    steps = scripts()

    def wanted(current: Any, _context: MigrationContext) -> Any:
        return steps._upgrade_revs("head", current)

    with EnvironmentContext(Config(), steps, fn=wanted) as environment:
        environment.configure(connection=connection, version_table=tables.revision.name)
        context = environment.get_context()
        if unmarked:
            context.stamp(steps, unmarked)
        try:
            environment.run_migrations()
        except CommandError as error:
            raise ContractBroken(
                f"The ledger was brought forward by a later thatlook ({error}); use that one."
            ) from error
