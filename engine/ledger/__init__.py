"""The catalogue's book over SQLite and PostgreSQL."""
