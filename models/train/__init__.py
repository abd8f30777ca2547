"""Training: from openly licensed photos to checkpoints. Needs the `train` group; serving never imports it."""
