"""The teachers: openly licensed ImageNet networks, run once over the crops.

Several depths of EfficientNet-Lite2 are the targets for distillation; where its file is not there, MobileNetV1
(1024-d), which is also the baseline that retrieval is compared with and which `ai-edge-litert` runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.data.pictures import sized

TEACHER_FILE = "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
LITE2_FILE = Path("pretrained") / "efficientnet_lite2_timm_fp16.pt"
"""In the folder of weights, as TEACHER_FILE is."""
DEPTHS_SIDE = 208
"""Pixels in which the teacher sees a crop."""


def teacher_embeddings(model: Path, crops: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
    """(n, S, S, 3) RGB crops → (n, 1024), as the network gives them: not centred, not normalised."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=threads)
    interpreter.allocate_tensors()
    given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    side = int(given["shape"][1])
    scale, zero = wanted["quantization"]
    rows = []
    for crop in crops:
        picture = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
        interpreter.set_tensor(given["index"], picture[None].astype(given["dtype"]))
        interpreter.invoke()
        raw = interpreter.get_tensor(wanted["index"]).reshape(-1).astype(np.float32)
        rows.append((raw - zero) * scale if scale else raw)
    return np.stack(rows)


def lite2_embeddings(path: Path, pictures: NDArray[np.uint8], batch: int = 16) -> NDArray[np.float32]:
    """(n, S, S, 3) RGB pictures → (n, 1280), the pooled last layer of timm's EfficientNet-Lite2: the other baseline."""
    import torch

    from models.architectures.torchvision_cpu import prepare

    prepare()
    import timm

    network: Any = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    rows: list[NDArray[np.float32]] = []
    state = torch.load(path, weights_only=True)
    network.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in state.items()})
    for start in range(0, len(pictures), batch):
        inputs = torch.from_numpy(pictures[start : start + batch]).permute(0, 3, 1, 2).float().sub(127).div(128)
        with torch.no_grad():
            rows.append(network.forward_features(inputs).mean((2, 3)).numpy())
    return np.concatenate(rows)


def depth_embeddings(path: Path, crops: NDArray[np.uint8], batch: int = 32) -> NDArray[np.float32]:
    """(n, S, S, 3) RGB crops → (n, 1696): what the semantic tower pools of EfficientNet-Lite2.

    Each depth is of unit length. The last layer tells kinds apart, those in the middle one garment from another of its
    kind.
    """
    import torch

    from models.architectures.semantic import GROUPS, ImageTower
    from models.train.imagenet import lite2

    tower = ImageTower(lite2(path)).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(crops), batch):
        some = np.stack([sized(crop, DEPTHS_SIDE) for crop in crops[start : start + batch]])
        pictures = torch.from_numpy(some).permute(0, 3, 1, 2).float().sub(127).div(128)
        with torch.inference_mode():
            features = tower.pooled(pictures.contiguous(memory_format=torch.channels_last))[0]
        rows.append(np.concatenate([unit(group.numpy()) for group in features.split(GROUPS, 1)], 1))
    return np.concatenate(rows)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit L2 norm."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-8), np.float32)
