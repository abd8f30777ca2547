"""Training the visual embedder."""
