"""The four networks: pixels into a model's input, and its output into keypoints, garments and embeddings."""
