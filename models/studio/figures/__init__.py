"""People and what they wear, as the studio draws them."""
