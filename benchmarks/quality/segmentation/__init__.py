"""How good the segmenter is."""
