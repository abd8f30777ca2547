"""The embedded store: a Milvus Lite file, and the derived index beside it."""
