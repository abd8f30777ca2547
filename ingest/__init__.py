"""From a shop's feed to indexed garments: read, fetch, look, choose, embed, write."""
