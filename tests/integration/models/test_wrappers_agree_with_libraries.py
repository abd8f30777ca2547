"""Our decoding against the libraries that the models come from: ultralytics' and mmpose's own, by value."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the group `train`")

from engine.domain import Pixels  # noqa: E402
from models.architectures.torchvision_cpu import prepare  # noqa: E402
from models.manifest import ModelSpec  # noqa: E402
from models.networks.detections import suppress  # noqa: E402
from models.networks.masks import MaskReader  # noqa: E402
from models.networks.pose import decode, input_to_image, warp  # noqa: E402
from models.networks.preprocess import place  # noqa: E402
from models.networks.segmenter import YoloSegmenter, clip  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
CLASSES = ("upper_wear", "lower_wear", "foot_wear", "dress", "outerwear", "person")


@pytest.fixture(scope="module")
def ultralytics(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The library, kept from the network."""
    from models.architectures.quiet_ultralytics import quiet_ultralytics

    quiet_ultralytics(tmp_path_factory.mktemp("ultralytics"))
    return importlib.import_module


def raw_heads(seed: int) -> Any:
    """(1, 4 + 6 + 32, 500): random boxes of a 160 × 160 input, scores, coefficients."""
    rng = np.random.default_rng(seed)
    heads = np.zeros((1, 42, 500), np.float32)
    heads[0, :2] = rng.uniform(20, 140, (2, 500))
    heads[0, 2:4] = rng.uniform(10, 80, (2, 500))
    heads[0, 4:10] = rng.random((6, 500)) ** 6
    heads[0, 10:] = rng.normal(size=(32, 500))
    return heads


class Heads:
    """A session with fixed heads."""

    def __init__(self, heads: Any) -> None:
        self._heads = heads

    def run(self, _inputs: Any) -> Any:
        """Not asked here."""
        raise NotImplementedError


def segmenter(**extra: Any) -> YoloSegmenter:
    """The wrapper, for its reading of raw heads."""
    from engine.taxonomy import load_taxonomy

    spec = ModelSpec(
        "segmenter", "s.onnx", "", (160, 160), resize="letterbox", pad_value=114, classes=CLASSES, extra=extra
    )
    return YoloSegmenter(spec, Heads(None), "", load_taxonomy())


def test_suppression_is_ultralytics_own(ultralytics: Any) -> None:
    """The same boxes, scores and classes stay, in the same order."""
    heads = raw_heads(0)
    nms = ultralytics("ultralytics.utils.nms").non_max_suppression
    want = nms(torch.from_numpy(heads.copy()), conf_thres=0.3, iou_thres=0.5, max_det=60, nc=6)[0].numpy()
    got = segmenter(score=0.3, nms_iou=0.5)._detections(heads)
    assert len(want) == len(got.scores) > 20
    np.testing.assert_allclose(got.boxes, want[:, :4], atol=1e-3)
    np.testing.assert_allclose(got.scores, want[:, 4], atol=1e-6)
    np.testing.assert_array_equal(got.classes, want[:, 5])
    np.testing.assert_allclose(got.coefficients, want[:, 6:], atol=1e-6)


def test_masks_are_ultralytics_own_at_full_size(ultralytics: Any) -> None:
    """Smooth prototypes; a 320 × 160 picture, whose letterbox ends on whole prototype cells (theirs rounds others)."""
    rng = np.random.default_rng(1)
    import cv2

    coarse = rng.normal(size=(32, 8, 8)).astype(np.float32)
    prototypes = np.stack([cv2.resize(c, (40, 40), interpolation=cv2.INTER_CUBIC) for c in coarse])
    picture = np.zeros((320, 160, 3), np.uint8)
    _, placement = place(picture, (160, 160), "letterbox", 114)
    found = segmenter(score=0.3, nms_iou=0.5)._detections(raw_heads(2))
    found = suppress(found, 0.5, 12)
    boxes = np.round(clip(placement.to_image(found.boxes), 160, 320))  # On a fraction we take the whole pixel.
    native = ultralytics("ultralytics.utils.ops").process_mask_native
    want = native(
        torch.from_numpy(prototypes), torch.from_numpy(found.coefficients), torch.from_numpy(boxes), (320, 160)
    ).numpy()
    reader = MaskReader(prototypes, placement, (160, 160), (320, 160))
    overlaps = []
    for coefficients, box, mask in zip(found.coefficients, boxes, want, strict=True):
        patch = reader.read(coefficients, box)
        full = np.zeros((320, 160), bool)
        if patch is not None:
            height, width = patch.mask.shape
            full[patch.top : patch.top + height, patch.left : patch.left + width] = patch.mask
        if mask.sum() > 100:
            overlaps.append((full & (mask > 0)).sum() / (full | (mask > 0)).sum())
    assert len(overlaps) >= 8
    assert np.median(overlaps) > 0.99
    assert min(overlaps) > 0.97


def test_the_letterbox_is_ultralytics_own(ultralytics: Any) -> None:
    """Sizes and borders to the pixel; contents but for the kernel of the resizing."""
    letterbox = ultralytics("ultralytics.data.augment").LetterBox((160, 160), auto=False)
    rng = np.random.default_rng(3)
    for height, width in ((300, 200), (417, 640), (90, 91)):
        picture = np.repeat(
            np.repeat(rng.integers(0, 200, (height // 10 + 1, width // 10 + 1, 3), np.uint8), 10, 0), 10, 1
        )
        picture = np.ascontiguousarray(picture[:height, :width])
        ours, theirs = place(picture, (160, 160), "letterbox", 114)[0], letterbox(image=picture)
        assert theirs.shape == ours.shape
        assert np.abs(ours.astype(int) - theirs).mean() < 12
        np.testing.assert_array_equal((ours == 114).all(axis=2).sum(), (theirs == 114).all(axis=2).sum())


def test_keypoints_are_decoded_as_mmpose_does() -> None:
    """Peaks, quarter shifts and scores of its MSRA codec, away from the border where it does not shift."""
    prepare()
    codec = importlib.import_module("mmpose.codecs").MSRAHeatmap((192, 256), (48, 64), 2)
    rng = np.random.default_rng(4)
    heatmaps = np.zeros((17, 64, 48), np.float32)
    heatmaps[:, 3:-3, 3:-3] = rng.random((17, 58, 42)) * 0.9
    keypoints, scores = codec.decode(heatmaps.copy())
    places, ours = decode(heatmaps)
    np.testing.assert_allclose(places * 4, keypoints[0], atol=1e-4)
    np.testing.assert_allclose(ours, scores[0], atol=1e-6)


def test_crops_are_cut_as_mmpose_does() -> None:
    """Its box padding, aspect and affine warp, on a person near the picture's border."""
    prepare()
    structures = importlib.import_module("mmpose.structures.bbox")
    import cv2

    smooth: Pixels = np.random.default_rng(5).integers(0, 256, (30, 20, 3), np.uint8)
    picture: Pixels = np.asarray(cv2.resize(smooth, (200, 300), interpolation=cv2.INTER_CUBIC), np.uint8)
    box = (20.0, 40.0, 120.0, 290.0)
    centre, scale = structures.bbox_xyxy2cs(np.array(box, np.float32), padding=1.25)
    width, height = scale
    scale = np.array([max(width, height * 0.75), max(height, width / 0.75)])
    matrix = structures.get_warp_matrix(centre, scale, 0, output_size=(192, 256))
    want = cv2.warpAffine(picture, matrix, (192, 256), flags=cv2.INTER_LINEAR)
    got = warp(picture, input_to_image(box, (256, 192), 1.25), (256, 192), 0)
    inside = (want > 0).any(axis=2) & (got > 0).any(axis=2)
    assert inside.mean() > 0.7
    assert np.abs(got.astype(int) - want)[inside].mean() < 2
