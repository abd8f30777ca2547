"""Published data sets of other people, read into one form."""
