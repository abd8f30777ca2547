"""The data sets that training reads, and how they are made."""
