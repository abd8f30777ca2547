"""Export: from checkpoints to the ONNX files of a model profile."""
