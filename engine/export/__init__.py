"""The catalogue as files: a feed that `thatlook ingest` takes back, Parquet tables of products and embeddings."""
