"""Keypoints by two teachers that COCO's people trained, learned from where both agree.

MoveNet alone labelled the pictures first. Two networks of another family (ultralytics' YOLO pose checkpoints, which
are not shipped) look again: where both see a keypoint at the same place it is there, where neither sees one it is
not, and where they differ nobody knows. What the shop's file names say of left and right stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels
from models.architectures.onnx_weights import WeightsUnfit
from models.architectures.pose import KEYPOINTS
from models.architectures.quiet_ultralytics import quiet_ultralytics
from models.networks.overlap import box_iou
from models.train.data.keypoints.pose import ABSENT, SURE, PoseLabel, facing_of_shoulders, has_shoulders, named
from models.train.data.pictures import read_pixels

UNSURE = (ABSENT + SURE) / 2
"""The score under which a keypoint is left out of the loss."""
SIDE = 448
"""Pictures are shown to the teachers with this long side."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """When two teachers agree.

    Attributes:
        near: greatest distance of their points, as a share of the person's height.
        seen: a score from which on a point is seen; absent: one below which it is not.
        same_person: least IoU of a teacher's box with the person's.
    """

    near: float = 0.035
    seen: float = 0.5
    absent: float = 0.3
    same_person: float = 0.5


Finder = Callable[[Pixels], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From a picture to the boxes (n, 4) and keypoints (n, 17, 3: x, y, score) of its people."""


def yolo_finder(checkpoint: Path, folder: Path, threads: int = 1) -> Finder:
    """A pose checkpoint of ultralytics as a finder.

    Args:
        folder: where ultralytics may keep its settings.
    Raises:
        WeightsUnfit: the file is no checkpoint of ultralytics, or one that does not find COCO's 17 keypoints.
    """
    quiet_ultralytics(folder)
    import torch

    torch.set_num_threads(threads)
    network = _opened(checkpoint)

    def find(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pictures = np.ascontiguousarray(pixels[..., ::-1])  # As OpenCV has them.
        (found,) = network.predict(pictures, imgsz=SIDE, conf=0.15, verbose=False, device="cpu")
        if not len(found.boxes):
            return np.zeros((0, 4), np.float32), np.zeros((0, 17, 3), np.float32)
        return found.boxes.xyxy.numpy(), found.keypoints.data.numpy()

    return find


def _opened(checkpoint: Path) -> Any:
    from ultralytics.models import YOLO

    try:
        network: Any = YOLO(str(checkpoint))
        shape = getattr(network.model, "kpt_shape", None) or getattr(network.model.model[-1], "kpt_shape", None)
    except Exception as error:  # Whatever unpickling meets in a file of somebody else's.
        raise WeightsUnfit(f"{checkpoint} cannot be read as a checkpoint of ultralytics: {error}.") from error
    if not shape or int(shape[0]) != len(KEYPOINTS):
        raise WeightsUnfit(
            f"{checkpoint} does not find people's 17 keypoints: give a pose checkpoint (yolo26n-pose.pt)."
        )
    return network


def taught(
    labels: Sequence[PoseLabel], finders: tuple[Finder, Finder], cache: Path, rules: Agreement | None = None
) -> list[PoseLabel]:
    """The labels with the keypoints that two teachers agree on; whom they do not both find keeps the old ones.

    Args:
        cache: a file of lines (picture, keypoints) that is written as the teachers are asked, and read next time.
    """
    known = _read(cache)
    found = []
    for label in labels:
        if label.image.name not in known:
            known[label.image.name] = _asked(read_pixels(label.image), label.box, finders, rules or Agreement())
            with cache.open("a", encoding="utf-8") as lines:
                points = known[label.image.name]
                row = {
                    "file": label.image.name,
                    "keypoints": None if points is None else points.astype(float).round(3).tolist(),
                }
                lines.write(json.dumps(row) + "\n")
        points = known[label.image.name]
        found.append(label if points is None else _relabelled(label, points))
    return found


def agreed(
    first: NDArray[np.float32], second: NDArray[np.float32], height: float, rules: Agreement
) -> NDArray[np.float32]:
    """(17, 3): the middle of two teachers' points; the score is their mean, `UNSURE` or nothing.

    Args:
        height: of the person, in pixels.
    """
    near = np.linalg.norm(first[:, :2] - second[:, :2], axis=1) <= rules.near * height
    seen, absent = np.minimum(first[:, 2], second[:, 2]), np.maximum(first[:, 2], second[:, 2])
    middle = (first + second) / 2
    middle[:, 2] = np.where(near & (seen >= rules.seen), middle[:, 2], np.where(absent < rules.absent, 0.0, UNSURE))
    return np.asarray(middle, np.float32)


def _asked(pixels: Pixels, box: Box, finders: tuple[Finder, Finder], rules: Agreement) -> NDArray[np.float32] | None:
    first, second = (_person_at(box, *find(pixels), rules.same_person) for find in finders)
    if first is None or second is None:
        return None
    height = max(box[3] - box[1], 1.3 * (box[2] - box[0]))
    return agreed(first, second, height, rules)


def _person_at(
    box: Box, boxes: NDArray[np.float32], keypoints: NDArray[np.float32], least: float
) -> NDArray[np.float32] | None:
    """The keypoints of whoever lies most in a box, if enough."""
    if not len(boxes):
        return None
    iou = box_iou([box], boxes)[0]
    best = int(iou.argmax())
    return keypoints[best] if iou[best] >= least else None


def _relabelled(label: PoseLabel, keypoints: NDArray[np.float32]) -> PoseLabel:
    """The label with new keypoints, unless they contradict the shop; a street photo's facing is read from them."""
    if label.view == "street":
        return replace(label, keypoints=keypoints, facing=facing_of_shoulders(keypoints))
    new = named(replace(label, keypoints=keypoints))
    contradicted = has_shoulders(new) and label.view != "detail" and new.shows_front != (label.view == "front")
    return label if contradicted else new


def _read(cache: Path) -> dict[str, NDArray[np.float32] | None]:
    """What was said before; half a line, which a run that was cut off leaves, is taken out of the file."""
    lines = cache.read_text("utf-8").splitlines(keepends=True) if cache.exists() else []
    whole = [line for line in lines if line.endswith("}\n")]
    if len(whole) < len(lines):
        cache.write_text("".join(whole), "utf-8")
    rows = map(json.loads, whole)
    return {r["file"]: None if r["keypoints"] is None else np.asarray(r["keypoints"], np.float32) for r in rows}
