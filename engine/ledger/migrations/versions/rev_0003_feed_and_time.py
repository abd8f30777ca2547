"""What was written of a feed since a moment is counted while workers are at it: an index for that."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("products_by_feed_and_time", "products", ["feed", "updated"])
