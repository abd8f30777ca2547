"""Where a product's pictures come from."""
