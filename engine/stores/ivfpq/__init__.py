"""The derived index: what searches a Milvus Lite collection. Files that can be thrown away and made again.

An *generation* is one folder: embeddings in a memory-mapped file, a journal of the rows' words, columns to filter
by, and a FAISS IVFPQ index over its first rows. Writes append to the current generation; a rebuild writes the next
one from the living rows and takes its place.
"""
