"""Where the stored pictures of products lie."""

from __future__ import annotations

import hashlib


def picture_prefix(product_id: str) -> str:
    """What the keys of a product's stored pictures begin with: a digest, for ids may hold anything."""
    data = product_id.encode("utf-8", "surrogatepass")
    name = hashlib.sha256(len(data).to_bytes(8, "big") + data).hexdigest()[:32]
    return f"products/{name[:2]}/{name}/"
