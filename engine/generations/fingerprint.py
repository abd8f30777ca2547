"""One name for all models and the taxonomy that together decide what is indexed."""

from __future__ import annotations

import hashlib

from engine.vision.pipeline import VisionPipeline


def models_fingerprint(pipeline: VisionPipeline) -> str:
    """The fingerprints of all four models and the taxonomy's classes, as one."""
    classes = sorted((c.name, c.supercategory, c.merge) for c in pipeline.taxonomy.classes.values())
    models = (pipeline.segmenter, pipeline.pose, pipeline.visual, pipeline.semantic)
    return digest(*(model.fingerprint for model in models), repr(classes))


def digest(*texts: str) -> str:
    """SHA-256 over texts, so that their borders count."""
    state = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big") + data)
    return state.hexdigest()
