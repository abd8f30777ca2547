"""The shop's own terms, against which mistyped words are held; those of products that are there are noted now."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

from engine.domain import Product
from engine.ledger.terms import note_terms

revision = "0004"
down_revision = "0003"
_KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_PAGE = 5_000


def upgrade() -> None:
    """Make the table and fill it."""
    op.create_table(
        "terms",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("term", _KEY, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("terms_by_text", "terms", ["kind", "term"], unique=True)
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    page = sa.text("SELECT product_id, product FROM products WHERE product_id > :after ORDER BY product_id LIMIT :most")
    read, after = msgspec.json.Decoder(Product), ""
    while found := connection.execute(page, {"after": after, "most": _PAGE}).all():
        products = []
        for _, written in found:
            try:
                products.append(read.decode(written))
            except msgspec.MsgspecError:
                continue  # It is told where the entry itself is read.
        note_terms(connection, products, set())
        after = found[-1][0]
