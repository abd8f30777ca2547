"""Pictures with what was seen drawn on them, for people to judge by eye."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment, GateReport, Pixels
from engine.vision.gate import SEEN

COLORS = {
    "upper_wear": (38, 110, 200),
    "lower_wear": (46, 150, 70),
    "foot_wear": (190, 60, 50),
    "full_body": (150, 70, 180),
    "outerwear": (225, 150, 30),
}
OTHER = (90, 90, 90)
LIMBS = (
    (5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12),
    (11, 13), (13, 15), (12, 14), (14, 16), (0, 1), (0, 2), (1, 3), (2, 4),
)  # fmt: skip
"""Pairs of COCO keypoints that a body joins."""
LEFT, RIGHT = (38, 110, 200), (225, 110, 30)


def draw_garments(image: Pixels, garments: Iterable[Garment]) -> Pixels:
    """Masks tinted, outlines and boxes drawn, each with its class and score."""
    canvas = np.ascontiguousarray(image).copy()
    line = _line(image)
    for garment in garments:
        color = COLORS.get(garment.supercategory, OTHER)
        x0, y0 = int(garment.box[0]), int(garment.box[1])
        height, width = garment.mask.shape
        inside = canvas[y0 : y0 + height, x0 : x0 + width]
        tint = np.array(color, np.float32)
        inside[garment.mask] = (0.55 * inside[garment.mask] + 0.45 * tint).astype(np.uint8)
        outlines = [np.round(polygon).astype(np.int32) for polygon in garment.polygons]
        cv2.polylines(canvas, outlines, isClosed=True, color=color, thickness=line, lineType=cv2.LINE_AA)
        cv2.rectangle(canvas, (x0, y0), (x0 + width - 1, y0 + height - 1), color, max(1, line // 2))
        _label(canvas, f"{garment.label} {garment.score:.2f}", (x0, y0), color)
    return canvas


def draw_pose(image: Pixels, report: GateReport) -> Pixels:
    """The main person's limbs, left ones blue and right ones orange, and what the gate says."""
    canvas = np.ascontiguousarray(image).copy()
    line = _line(image)
    if report.pose is not None:
        points = report.pose.keypoints
        for a, b in LIMBS:
            if min(points[a, 2], points[b, 2]) >= SEEN:
                color = LEFT if a % 2 == b % 2 == 1 else RIGHT
                cv2.line(canvas, _place(points[a]), _place(points[b]), color, line, cv2.LINE_AA)
        for point in points[points[:, 2] >= SEEN]:
            cv2.circle(canvas, _place(point), line + 1, (255, 255, 255), -1, cv2.LINE_AA)
    verdict = "keep" if report.keep else "refuse"
    _label(canvas, f"{verdict}: {report.view}{', full shot' if report.full_shot else ''}", (0, 0), OTHER)
    return canvas


def _place(point: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _line(image: Pixels) -> int:
    return max(1, round(float(max(image.shape[:2])) / 500))


def _label(canvas: Pixels, text: str, corner: tuple[int, int], color: tuple[int, int, int]) -> None:
    size = max(canvas.shape[:2]) / 1400
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, _line(canvas))
    x = min(corner[0], max(0, canvas.shape[1] - width))
    y = max(corner[1], height + below)
    cv2.rectangle(canvas, (x, y - height - below), (x + width, y + below // 2), color, -1)
    cv2.putText(canvas, text, (x, y - below // 2), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), _line(canvas))
