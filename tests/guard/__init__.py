"""Keeps the tests from writing outside their own folders, in this process and in the Python programs that it starts."""
