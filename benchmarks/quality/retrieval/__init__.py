"""How good the search is, in pictures and words."""
