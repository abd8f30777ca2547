"""The model wrappers, their runtime, and (behind the `train` group) how they are trained and exported."""
