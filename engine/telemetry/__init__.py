"""What tells other systems where time goes."""
