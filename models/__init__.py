"""The model wrappers, their runtime, and (behind the `train` extra) how they are trained and exported."""
