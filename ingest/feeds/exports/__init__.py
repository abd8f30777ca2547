"""Product exports of shop programs → rows with Google's column names."""
