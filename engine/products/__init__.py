"""The rule book for a product: what its fields may hold and mean, for a feed and for the API alike."""
