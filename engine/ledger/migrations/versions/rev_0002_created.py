"""When a product was first written: for products of before, when they were last written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, and say what an earlier thatlook must not work with."""
    op.add_column("products", sa.Column("created", sa.Float))
    op.execute("UPDATE products SET created = updated")
    op.execute("UPDATE ledger_schema SET version = 2")
