"""How good the pose gate is."""
