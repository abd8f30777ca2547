"""Building a generation of collections, changing to it, going back, and dropping one."""
