"""Feeds that are sent to the API of a catalogue in servers: jobs that any worker takes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "feed_jobs",
        sa.Column("job_id", _KEY, primary_key=True),
        sa.Column("feed", _KEY, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Index("feed_jobs_by_time", "created", "job_id"),
    )
