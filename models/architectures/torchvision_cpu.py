"""torchvision beside a CPU-only torch: give it the two operators that it cannot load.

torchvision 0.28's C++ operators are built against CUDA libraries. Beside a CPU torch they do not load, and
`import torchvision` dies with "operator torchvision::nms does not exist". Call `prepare()` before anything
imports torchvision (ultralytics, open_clip and timm do); on CUDA builds it does nothing.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

_libraries: list[Any] = []


def prepare() -> None:
    """Define `torchvision::nms` and `torchvision::qnms` on the CPU, once, where they are missing."""
    import torch

    if torch.version.cuda is not None or _libraries or importlib.util.find_spec("torchvision") is None:
        return
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.impl(name, _nms, "CPU")
    _libraries.append(library)  # The definitions live as long as the library object does.
    import torchvision.ops.boxes

    torchvision.ops.boxes._assert_has_ops = lambda: None


def _nms(dets: Any, scores: Any, iou_threshold: float) -> Any:
    """Greedy non-maximum suppression: boxes (n, 4) by falling score, each removing those that overlap it."""
    import torch

    boxes = dets.detach().float().numpy()
    order = scores.detach().float().argsort(descending=True, stable=True).numpy()
    x0, y0, x1, y1 = boxes.T
    areas = (x1 - x0) * (y1 - y0)
    kept: list[int] = []
    while order.size:
        first, order = order[0], order[1:]
        kept.append(int(first))
        width = np.minimum(x1[first], x1[order]) - np.maximum(x0[first], x0[order])
        height = np.minimum(y1[first], y1[order]) - np.maximum(y0[first], y0[order])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        order = order[shared <= iou_threshold * (areas[first] + areas[order] - shared)]
    return torch.tensor(kept, dtype=torch.int64, device=dets.device)
