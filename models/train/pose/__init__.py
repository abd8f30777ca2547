"""Training the pose model."""
