"""From a picture to garments: decoding, the segmenter's pieces joined, the gate, crops, embeddings."""
