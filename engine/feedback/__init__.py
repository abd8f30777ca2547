"""What people do with answers: which were clicked, which had no good match, and what that says of queries."""
