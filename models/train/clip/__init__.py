"""Training the semantic embedder."""
