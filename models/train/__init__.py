"""Training: from openly licensed photos to checkpoints. Needs the `train` extra; serving never imports it."""
