"""Networks that others trained, run as baselines and to choose what is measured: never shipped, never the truth.

MoveNet Lightning and BlazePose lite (both Apache-2.0) find keypoints in the person's box by YOLOX-nano.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels
from engine.errors import ModelUnavailable
from models.networks.pose import input_to_image, warp
from models.train.data.people import PeopleFinder

SEEN = 0.25
"""What MoveNet's scores mean by seen, as in the labels made with it."""
_BLAZE_TO_COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""BlazePose's landmarks that COCO has too, in COCO's order."""
_MOVENET, _BLAZEPOSE = "movenet_single_pose_lightning_ptq.tflite", "pose_landmark_lite.tflite"


class Teachers:
    """Person boxes and keypoints by other people's networks."""

    def __init__(self, weights: Path) -> None:
        self._people = PeopleFinder(_file(weights, "yolox_nano.onnx"))
        self._movenet, self._blazepose = (_interpreter(_file(weights, name)) for name in (_MOVENET, _BLAZEPOSE))

    def people(self, pixels: Pixels) -> tuple[Box, ...]:
        """Boxes of the people, best first."""
        return self._people.find(pixels)

    def movenet(self, pixels: Pixels, box: Box) -> NDArray[np.float32]:
        """(17, 3) x, y, score in pixels of the picture."""
        view = input_to_image(box, (192, 192), 1.25)
        answer = _run(self._movenet, warp(pixels, view, (192, 192), 0)[None])[0].reshape(17, 3)
        inner = np.column_stack([answer[:, 1] * 192, answer[:, 0] * 192, np.ones(17)])
        return np.column_stack([inner @ view.T, answer[:, 2]]).astype(np.float32)

    def blazepose(self, pixels: Pixels, box: Box) -> NDArray[np.float32]:
        """(17, 3) x, y, visibility in pixels of the picture."""
        view = input_to_image(box, (256, 256), 1.25)
        picture = warp(pixels, view, (256, 256), 0)[None].astype(np.float32) / 255
        answer = next(a for a in _run(self._blazepose, picture) if a.size == 39 * 5).reshape(39, 5)
        rows = answer[list(_BLAZE_TO_COCO)]
        inner = np.column_stack([rows[:, :2], np.ones(17)])
        visible = 1 / (1 + np.exp(-np.clip(rows[:, 3], -30, 30)))
        return np.column_stack([inner @ view.T, visible]).astype(np.float32)


def shoulders_say_front(keypoints: NDArray[np.float32], seen: float = SEEN) -> bool:
    """The plain rule: both shoulders seen, the left one on the picture's right."""
    left, right = keypoints[5], keypoints[6]
    return bool(min(left[2], right[2]) >= seen and left[0] > right[0])


def is_whole(keypoints: NDArray[np.float32], size: Sequence[int], seen: float = SEEN) -> bool:
    """Nose, both knees and both ankles seen inside a picture of (height, width)."""
    rows = keypoints[[0, 13, 14, 15, 16]]
    inside = (rows[:, :2] >= 0).all(1) & (rows[:, 0] < size[1]) & (rows[:, 1] < size[0])
    return bool((inside & (rows[:, 2] >= seen)).all())


def _file(weights: Path, name: str) -> Path:
    path = weights / name
    if not path.is_file():
        raise ModelUnavailable(f"{path} is missing; the folder given by --data needs the teachers' weights.")
    return path


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ModelUnavailable(
            "The teachers need the package ai-edge-litert: in a checkout, run `pip install -r requirements/test.txt`."
        ) from error
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, picture: NDArray[Any]) -> list[NDArray[np.float32]]:
    """Every output as float32, quantised ones read back."""
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], picture.astype(given["dtype"]))
    interpreter.invoke()
    found = []
    for port in interpreter.get_output_details():
        raw, (scale, zero) = interpreter.get_tensor(port["index"]), port["quantization"]
        found.append((raw.astype(np.float32) - zero) * scale if scale else raw.astype(np.float32))
    return found
