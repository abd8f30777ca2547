"""The ledger's tables, step by step, with Alembic."""
