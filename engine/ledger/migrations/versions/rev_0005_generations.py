"""Collections have generations: what each product has in each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "generation_products",
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("product_id", _KEY, primary_key=True),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
    )
