"""What the head of an image file says, without decoding it: one module per format."""
