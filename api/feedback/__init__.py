"""Events as UBI sends them, queries as they are noted, and the commands that read both."""
