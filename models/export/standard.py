"""Export of the standard architectures from their official checkpoints (or any of the same architecture).

`visual`: torchvision's DenseNet121. `semantic`: open_clip's ViT-B-32, both towers. `pose`: mmpose's
HRNet-W32 for 256 × 192. `segmenter`: the user's own ultralytics YOLO segmenter.
"""

from __future__ import annotations

import importlib
import pickle
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import ModelUnavailable
from engine.seams import Calibration
from models.architectures.torchvision_cpu import prepare
from models.export.publish import publish
from models.manifest import ModelSpec

CLIP = "ViT-B-32"
HRNET = "body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py"
GUESSED = {"calibration": "estimated for this architecture, not measured on your catalogue"}


def export_checkpoint(
    role: str, checkpoint: Path, folder: Path, *, classes: tuple[str, ...] | None = None, trusted: bool = False
) -> list[ModelSpec]:
    """Export a checkpoint as the model of a role (`semantic` fills two) and register what came of it.

    Args:
        classes: names for the segmenter's classes, in its order, where the checkpoint has its own.
        trusted: the file may be unpickled in full, which runs whatever code its author put there.
    Raises:
        ModelUnavailable: the checkpoint cannot be read or is of another architecture.
        ContractBroken: the exported file does not compute what the module does.
    """
    if role == "segmenter":
        return [export_yolo(checkpoint, folder, classes=classes)]
    exporters: dict[str, Callable[[Path, Path, bool], list[ModelSpec]]] = {
        "visual": export_densenet,
        "semantic": export_clip,
        "pose": export_hrnet,
    }
    return exporters[role](checkpoint, folder, trusted)


def export_densenet(checkpoint: Path, folder: Path, trusted: bool = False) -> list[ModelSpec]:
    """torchvision's DenseNet121: its features, pooled, 1024-d. The classifier stays behind."""
    import torch

    from models.architectures.visual import DIM, MEAN, STD, VisualEmbedder

    state = read_state(checkpoint, trusted)
    # Official files are older than torchvision's names: `norm.1` is now `norm1`.
    renamed = {re.sub(r"\.(norm|relu|conv)\.(\d)\.", r".\1\2.", key): value for key, value in state.items()}
    model = VisualEmbedder()
    features = {key: value for key, value in renamed.items() if key.startswith("features.")}
    _load(model, features, checkpoint, "torchvision's DenseNet121")
    spec = ModelSpec(
        "visual",
        "visual.onnx",
        "densenet121 (torchvision)",
        (224, 224),
        mean=MEAN,
        std=STD,
        resize="pad_square",
        pad_value=255,
        dim=DIM,
        calibration={"image": Calibration(0.72, 0.06)},
        notes={"checkpoint": checkpoint.name, **GUESSED},
    )
    return [publish(model, {"images": torch.rand(2, 3, 224, 224)}, ["embeddings"], spec, folder)]


def export_clip(checkpoint: Path, folder: Path, trusted: bool = False, architecture: str = CLIP) -> list[ModelSpec]:
    """An open_clip model with the CLIP tokenizer: image tower, text tower, and `tokenizer.json`."""
    import torch

    prepare()
    import open_clip

    from models.export.clip_tokenizer import convert_tokenizer

    model = open_clip.create_model(architecture, pretrained=None)
    state = open_clip.factory.convert_state_dict(model, read_state(checkpoint, trusted))
    _load(model, state, checkpoint, f"open_clip's {architecture}")
    picture = open_clip.get_model_preprocess_cfg(model)
    size = picture["size"]
    height, width = (size, size) if isinstance(size, int) else size
    context, dim = int(model.context_length), int(model.text_projection.shape[1])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = open_clip.tokenizer.SimpleTokenizer(context_length=context)
    convert_tokenizer(tokenizer).save(str(folder / "tokenizer.json"))
    images = ModelSpec(
        "semantic_image",
        "semantic_image.onnx",
        f"{architecture} (open_clip)",
        (height, width),
        mean=tuple(picture["mean"]),
        std=tuple(picture["std"]),
        resize="pad_square",
        pad_value=255,
        dim=dim,
        calibration={"image": Calibration(0.75, 0.06)},
        notes={"checkpoint": checkpoint.name, **GUESSED},
    )
    texts = ModelSpec(
        "semantic_text",
        "semantic_text.onnx",
        f"{architecture} (open_clip)",
        dim=dim,
        calibration={"text": Calibration(0.27, 0.03)},
        context_length=context,
        tokenizer="tokenizer.json",
        notes={"checkpoint": checkpoint.name, **GUESSED},
    )
    pictures = {"images": torch.rand(2, 3, height, width)}
    tokens = {"tokens": tokenizer(["a red dress", "blue jeans and white sneakers"])}
    return [
        publish(_tower(model, "encode_image"), pictures, ["embeddings"], images, folder),
        publish(_tower(model, "encode_text"), tokens, ["embeddings"], texts, folder),
    ]


def export_hrnet(checkpoint: Path, folder: Path, trusted: bool = False) -> list[ModelSpec]:
    """mmpose's HRNet-W32 with 17 COCO keypoints at 256 × 192."""
    import torch

    model = build_hrnet()
    _load(model, read_state(checkpoint, trusted), checkpoint, "mmpose's HRNet-W32 for 256 x 192")
    spec = ModelSpec(
        "pose",
        "pose.onnx",
        "hrnet-w32 (mmpose)",
        (256, 192),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        resize="affine",
        notes={"checkpoint": checkpoint.name},
    )
    return [publish(_heatmaps(model), {"images": torch.rand(2, 3, 256, 192)}, ["heatmaps"], spec, folder)]


def build_hrnet() -> Any:
    """mmpose's own HRNet-W32 from the configuration in its wheel, with random weights."""
    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv-lite tells of operators that HRNet does not use.
        import mmpose.models
        from mmengine.config import Config
        from mmengine.registry import init_default_scope
        from mmpose.registry import MODELS

        init_default_scope("mmpose")
        config = Config.fromfile(Path(mmpose.__file__).parent / ".mim" / "configs" / HRNET)
        config.model.backbone.init_cfg = None  # Or it downloads ImageNet weights that the checkpoint replaces.
        return MODELS.build(config.model).eval()


def export_yolo(
    checkpoint: Path, folder: Path, *, classes: tuple[str, ...] | None = None, side: int | None = None
) -> ModelSpec:
    """An ultralytics segmenter, its raw heads without NMS. Its checkpoints are code: only from who you trust."""
    import torch

    from models.architectures.quiet_ultralytics import quiet_ultralytics

    quiet_ultralytics(Path(tempfile.gettempdir()) / "thatlook-export")
    ultralytics: Any = importlib.import_module("ultralytics")
    try:
        model = ultralytics.YOLO(str(checkpoint), task="segment", verbose=False).model.float().eval()
    except Exception as error:  # As in `read_state`.
        raise ModelUnavailable(f"{checkpoint} is no ultralytics checkpoint ({type(error).__name__}).") from error
    head = model.model[-1]
    if type(head).__name__ != "Segment":
        raise ModelUnavailable(f"{checkpoint} ends in {type(head).__name__}, not in a segmentation head (…-seg).")
    names = classes or tuple(model.names[i] for i in sorted(model.names))
    if len(names) != len(model.names):
        raise ModelUnavailable(f"{checkpoint} has {len(model.names)} classes, but {len(names)} names were given.")
    size = side or int(getattr(model, "args", {}).get("imgsz", 640))
    head.export, head.format, head.dynamic = True, "onnx", True
    spec = ModelSpec(
        "segmenter",
        "segmenter.onnx",
        str(getattr(model, "yaml", {}).get("yaml_file", checkpoint.name)),
        (size, size),
        resize="letterbox",
        pad_value=114,
        classes=names,
        notes={"checkpoint": checkpoint.name},
    )
    return publish(model, {"images": torch.rand(2, 3, size, size)}, ["output0", "output1"], spec, folder)


def read_state(checkpoint: Path, trusted: bool = False) -> dict[str, Any]:
    """Weights by name out of a .pth, .pt, .bin or .safetensors file.

    Raises:
        ModelUnavailable: the file holds no weights, or more than weights and is not trusted.
    """
    import torch

    try:
        if checkpoint.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(checkpoint))
        found = torch.load(checkpoint, map_location="cpu", weights_only=not trusted)
    except pickle.UnpicklingError as error:
        raise ModelUnavailable(
            f"{checkpoint} holds more than weights, and reading it would run its author's code. "
            "If you trust it, say so with --trust."
        ) from error
    except Exception as error:  # On files that are no checkpoints torch raises whatever its unpickler trips over.
        raise ModelUnavailable(f"{checkpoint} cannot be read as a checkpoint ({type(error).__name__}).") from error
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, dict) or not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelUnavailable(f"{checkpoint} holds no weights by name (a state dict).")
    return {key.removeprefix("module."): value for key, value in state.items()}


def _load(model: Any, state: dict[str, Any], checkpoint: Path, expected: str) -> None:
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ModelUnavailable(f"{checkpoint} is not {expected}: {str(error).splitlines()[-1].strip()}") from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        odd = (missing or unexpected)[0]
        raise ModelUnavailable(f"{checkpoint} is not {expected}: {odd} is {'missing' if missing else 'unknown'} there.")


def _tower(clip: Any, method: str) -> Any:
    from torch import Tensor, nn

    class Tower(nn.Module):
        """One side of a CLIP, not normalised."""

        def __init__(self) -> None:
            super().__init__()
            self.clip = clip

        def forward(self, inputs: Tensor) -> Tensor:
            """(n, …) → (n, dim)."""
            embeddings: Tensor = getattr(self.clip, method)(inputs)
            return embeddings

    return Tower()


def _heatmaps(pose: Any) -> Any:
    from torch import Tensor, nn

    class Heatmaps(nn.Module):
        """Backbone and head, without mmpose's decoding."""

        def __init__(self) -> None:
            super().__init__()
            self.pose = pose

        def forward(self, pictures: Tensor) -> Tensor:
            """(n, 3, h, w) → (n, 17, h / 4, w / 4)."""
            heatmaps: Tensor = self.pose.head(self.pose.backbone(pictures))
            return heatmaps

    return Heatmaps()
