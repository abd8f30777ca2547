"""Decoding: what a file's header says, its pixels by Pillow, and the processes in which costly files are decoded."""
