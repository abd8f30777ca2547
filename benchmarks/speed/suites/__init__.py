"""One module per suite of `thatlook bench`, each yielding results."""
