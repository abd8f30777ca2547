"""The first ten million products: looked at on a Ray cluster into Parquet, then brought into the catalogue."""
