"""Model profiles as an operator has them: fetched, listed and verified."""
