"""Reading words without a model: their language, spelling and negations, prices and names that stand in them."""
