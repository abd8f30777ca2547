"""From results to tables, plots, comparisons and the history of releases."""
