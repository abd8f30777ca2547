"""The process and its files: clock, processors, console, durable writing, checksums."""
