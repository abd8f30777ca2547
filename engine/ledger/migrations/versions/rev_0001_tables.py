"""The tables as they were before there were steps. Never changed again: later forms are later steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make all of them."""
    version = op.create_table("ledger_schema", sa.Column("version", sa.Integer, nullable=False))
    op.bulk_insert(version, [{"version": 1}])
    op.create_table(
        "products",
        sa.Column("product_id", _KEY, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("feed", _KEY, nullable=False),
        sa.Column("record_hash", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Index("products_by_feed", "feed", "product_id"),
        sa.Index("products_by_state", "state", "product_id"),
    )
    op.create_table(
        "refusals",
        sa.Column("product_id", _KEY, sa.ForeignKey("products.product_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("reason", _KEY, nullable=False),
        sa.Index("refusals_by_reason", "reason"),
    )
    _make_runs()
    op.create_table("settings", sa.Column("name", _KEY, primary_key=True), sa.Column("value", sa.Text, nullable=False))


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("feed", _KEY, nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.Column("finished", sa.Float),
        sa.Column("total", sa.Integer),
        sa.Column("counts", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feed_errors",
        sa.Column("error_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
        sa.Column("feed", _KEY, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text),
        sa.Index("feed_errors_in_order", "run_id", "line", "error_id"),
    )
