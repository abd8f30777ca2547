"""The queue between those who read feeds and requests, and the workers."""
