"""What the studio writes: data sets, feeds and sheets."""
