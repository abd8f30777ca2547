"""Vector stores: exact NumPy (the oracle), a Milvus server, and Milvus Lite with a derived IVFPQ index."""
