"""The pose network: a narrow HRNet of mmpose, top-down: a heatmap per COCO keypoint, and where the person faces.

HRNet keeps a high-resolution branch from end to end, which is what keypoints need, and narrows well: with 16
channels, fewer modules and basic blocks it has about two million parameters. A small head beside the heatmaps says
whether the person is seen from the front, the back or the side, or whether there is nobody: shops cut their models
off at the neck or the waist, and legs alone have no shoulders to tell by.
Source: Sun et al. 2019, arXiv:1902.09212; mmpose's td-hm_hrnet-w32 configuration.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from models.architectures.torchvision_cpu import prepare

KEYPOINTS: tuple[str, ...] = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO order; left and right are the person's own."""

FLIPPED: tuple[int, ...] = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
"""Where each keypoint goes when the picture is mirrored."""

PADDING = 1.25
"""A person's box is widened so much for the crop."""
PAD_VALUE = 114
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the crop's channels, as they are normalised."""

FACINGS: tuple[str, ...] = ("front", "back", "side", "nobody")
"""What the facing head tells apart, in its order."""


@dataclass(frozen=True, slots=True)
class PoseArchitecture:
    """Size of the network and of its input.

    Attributes:
        input_size: (height, width) of the person's crop, multiples of 32; heatmaps are a quarter of it.
        width: channels of the high-resolution branch; each lower one has twice as many.
        modules: exchange units in stages 2, 3 and 4.
        blocks: residual blocks per branch and unit.
        facing: channels of the first layer of the facing head; 0 leaves the head out.
    """

    input_size: tuple[int, int] = (192, 128)
    width: int = 16
    modules: tuple[int, int, int] = (1, 2, 1)
    blocks: int = 2
    facing: int = 32

    @property
    def heatmap_size(self) -> tuple[int, int]:
        """(height, width) of the heatmaps."""
        return self.input_size[0] // 4, self.input_size[1] // 4


def build_pose_model(architecture: PoseArchitecture) -> Any:
    """Build mmpose's top-down estimator with random weights: `backbone` (HRNet), `head` (heatmaps) and, beside them,
    `facing` (logits of `FACINGS` from features and heatmaps).
    """
    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mmcv-lite tells of operators that HRNet does not use.
        import mmpose.models  # noqa: F401  (registers the networks)
        from mmengine.registry import init_default_scope
        from mmpose.registry import MODELS

        init_default_scope("mmpose")
        model = MODELS.build(pose_config(architecture))
    with _quiet():
        model.init_weights()
    if architecture.facing:
        model.facing = facing_head(architecture.width + len(KEYPOINTS), architecture.facing)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """mmengine tells of every single weight that it draws, on stdout."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def facing_head(channels: int, width: int) -> Any:
    """Three strided convolutions and a linear layer: (n, channels, h, w) → (n, len(FACINGS)) logits."""
    from torch import nn

    layers: list[Any] = []
    for given, wanted in ((channels, width), (width, 2 * width), (2 * width, 3 * width)):
        layers += [nn.Conv2d(given, wanted, 3, 2, 1, bias=False), nn.BatchNorm2d(wanted), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3 * width, len(FACINGS)))


def forward(model: Any, pictures: Any) -> tuple[Any, Any]:
    """Heatmaps (n, 17, h, w) of normalised pictures, and facing logits (n, 4) or None; mmpose's own `forward` wants
    data samples beside them.
    """
    import torch

    features = model.backbone(pictures)
    heatmaps = model.head.forward(features)
    if not hasattr(model, "facing"):
        return heatmaps, None
    return heatmaps, model.facing(torch.cat([features[-1], heatmaps], 1))


def pose_config(architecture: PoseArchitecture) -> dict[str, Any]:
    """The model as an mmpose configuration."""
    widths = [architecture.width * 2**branch for branch in range(4)]
    stages = {
        f"stage{branches}": {
            "num_modules": modules,
            "num_branches": branches,
            "block": "BASIC",
            "num_blocks": (architecture.blocks,) * branches,
            "num_channels": tuple(widths[:branches]),
        }
        for branches, modules in zip((2, 3, 4), architecture.modules, strict=True)
    }
    first = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK", "num_blocks": (1,), "num_channels": (32,)}
    height, width = architecture.input_size
    codec = {
        "type": "MSRAHeatmap",
        "input_size": (width, height),
        "heatmap_size": architecture.heatmap_size[::-1],
        "sigma": 2,
    }
    return {
        "type": "TopdownPoseEstimator",
        "data_preprocessor": {"type": "PoseDataPreprocessor"},
        "backbone": {"type": "HRNet", "in_channels": 3, "extra": {"stage1": first, **stages}},
        "head": {
            "type": "HeatmapHead",
            "in_channels": architecture.width,
            "out_channels": len(KEYPOINTS),
            "deconv_out_channels": None,
            "loss": {"type": "KeypointMSELoss", "use_target_weight": True},
            "decoder": codec,
        },
        "test_cfg": {"flip_test": False},
    }
