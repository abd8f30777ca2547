"""Heatmaps to keypoints, and the way from a box to the model's input and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import ContractBroken
from models.manifest import ModelSpec
from models.networks.pose import FLIPPED, HeatmapPose, both_ways, decode, input_to_image, warp

SPEC = ModelSpec(role="pose", file="p.onnx", architecture="hand", input_size=(256, 192), resize="affine")


def test_peaks_lean_towards_their_higher_neighbour() -> None:
    """A quarter of a cell, on each axis by itself, and not beyond the border."""
    maps = np.zeros((3, 6, 5), np.float32)
    maps[0, 3, 2], maps[0, 3, 3], maps[0, 2, 2] = 0.9, 0.5, 0.4
    maps[1, 0, 4] = 1.3
    maps[2, 4, 1], maps[2, 4, 0] = 0.2, 0.1
    places, scores = decode(maps)
    assert places.tolist() == [[2.25, 2.75], [4, 0], [0.75, 4]]
    assert scores.tolist() == pytest.approx([0.9, 1.0, 0.2])


def test_the_view_is_padded_and_has_the_inputs_proportions() -> None:
    """A tall box decides by its height, a wide one by its width; both stay centred."""
    tall = input_to_image((100, 200, 200, 600), (256, 192), 1.25)
    assert tall.tolist() == [[500 / 256, 0, 150 - 96 * 500 / 256], [0, 500 / 256, 400 - 250]]
    wide = input_to_image((0, 0, 400, 100), (256, 192), 1.25)
    assert wide[0, 0] == pytest.approx(500 / 192)
    assert (wide @ [96, 128, 1]).tolist() == pytest.approx([200, 50])


class Spots:
    """Takes heatmaps from the picture itself: the mean of every 4 × 4 cells, once per keypoint."""

    def __init__(self, keypoints: int = 17) -> None:
        self.batches: list[int] = []
        self._keypoints = keypoints

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """(n, 17, 64, 48)."""
        images = inputs["images"][:, 0]
        self.batches.append(len(images))
        cells = images.reshape(len(images), 64, 4, 48, 4).mean(axis=(2, 4))
        return {"heatmaps": np.repeat(cells[:, None], self._keypoints, axis=1).astype(np.float32)}


@pytest.mark.parametrize("scale", [0.4, 1.0, 7.3])
def test_a_spot_is_found_where_it_is(scale: float) -> None:
    """Through crop, shrinking and heatmap and back, within two heatmap cells' width, at every size of person."""
    side = round(400 * scale)
    image = np.zeros((side, side, 3), np.uint8)
    x, y, radius = 0.55 * side, 0.7 * side, max(2, round(0.012 * side))
    image[round(y) - radius : round(y) + radius, round(x) - radius : round(x) + radius] = 255
    box = (0.3 * side, 0.2 * side, 0.8 * side, 0.9 * side)
    (pose,) = HeatmapPose(SPEC, Spots(), "mark").estimate(image, [box])
    cell = 4 * input_to_image(box, (256, 192), 1.25)[0, 0]
    assert pose.keypoints.shape == (17, 3)
    assert pose.keypoints.dtype == np.float32
    np.testing.assert_allclose(pose.keypoints[:, :2], [[x, y]] * 17, atol=cell)
    assert pose.box == box


def test_what_lies_outside_the_picture_is_padding() -> None:
    """A person cut by the border, and a box that misses the picture altogether."""
    image = np.full((100, 100, 3), 200, np.uint8)
    view = input_to_image((-50, 0, 50, 100), (256, 192), 1.25)
    picture = warp(image, view, (256, 192), 0)
    assert (picture[128, :60] == 0).all()
    assert (picture[128, 110:180] == 200).all()
    assert (warp(image, input_to_image((500, 500, 600, 600), (256, 192), 1.0), (256, 192), 9) == 9).all()


def test_people_go_in_batches_and_come_in_order() -> None:
    """Five people, two at a time."""
    image = np.zeros((100, 500, 3), np.uint8)
    image[48:52] = 255
    session = Spots()
    boxes = [(100.0 * i, 0.0, 100.0 * i + 100, 100.0) for i in range(5)]
    poses = HeatmapPose(SPEC, session, "mark", batch=2).estimate(image, boxes)
    assert session.batches == [2, 2, 1]
    assert [p.box for p in poses] == boxes
    assert HeatmapPose(SPEC, session, "mark").estimate(image, []) == []


def test_other_outputs_than_17_heatmaps_are_named() -> None:
    """A model of another skeleton is refused."""
    with pytest.raises(ContractBroken, match="not 1 x 17 heatmaps"):
        HeatmapPose(SPEC, Spots(14), "mark").estimate(np.zeros((50, 50, 3), np.uint8), [(0, 0, 50, 50)])


class SpotsAndFacing(Spots):
    """Heatmaps, and chances that name the person: the first column counts up."""

    def __init__(self, columns: int = 4) -> None:
        super().__init__()
        self._columns = columns

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The chances of person k are k / 10 in every column."""
        outputs = super().run(inputs)
        people = np.arange(len(inputs["images"]), dtype=np.float32) / 10
        return {**outputs, "facing": np.repeat(people[:, None], self._columns, axis=1)}


def test_facing_comes_with_its_person() -> None:
    """Row by row, and none from a model that has heatmaps alone."""
    image, boxes = np.zeros((64, 64, 3), np.uint8), [(0.0, 0.0, 30.0, 60.0)] * 3
    poses = HeatmapPose(SPEC, SpotsAndFacing(), "x", batch=8).estimate(image, boxes)
    assert [pose.facing and round(pose.facing[1], 3) for pose in poses] == [0.0, 0.1, 0.2]
    assert HeatmapPose(SPEC, Spots(), "x").estimate(image, boxes[:1])[0].facing is None


def test_facing_of_another_width_is_refused() -> None:
    """A model that tells other things apart is not read wrongly."""
    with pytest.raises(ContractBroken, match="facings"):
        HeatmapPose(SPEC, SpotsAndFacing(3), "x").estimate(np.zeros((64, 64, 3), np.uint8), [(0.0, 0.0, 30.0, 60.0)])


def test_answers_to_a_picture_and_its_mirror_image_are_averaged_in_the_picture() -> None:
    """A left ankle seen in both, once as the mirror's right one, stays one peak in its place."""
    heatmaps = np.zeros((2, 17, 8, 8), np.float32)
    heatmaps[0, 15, 3, 5] = 1.0
    heatmaps[1, 16, 3, 8 - 5] = 0.5
    facing = np.array([(0.9, 0.1, 0, 0), (0.5, 0.5, 0, 0)], np.float32)
    both = both_ways({"heatmaps": heatmaps, "facing": facing})
    assert both["heatmaps"].shape == (1, 17, 8, 8)
    assert both["heatmaps"][0, 15, 3, 5] == 0.75
    assert both["heatmaps"].sum() == 0.75
    assert both["facing"][0].tolist() == pytest.approx([0.7, 0.3, 0, 0])
    assert [FLIPPED[FLIPPED[k]] for k in range(17)] == list(range(17))


def test_the_manifest_says_whether_the_mirror_image_is_asked_too() -> None:
    """One run of twice as many rows."""
    session, image = SpotsAndFacing(), np.zeros((64, 64, 3), np.uint8)
    flipping = replace(SPEC, extra={"flip": True})
    (one, two) = HeatmapPose(flipping, session, "x").estimate(image, [(0.0, 0.0, 30.0, 60.0)] * 2)
    assert session.batches == [4]
    assert one.facing == pytest.approx((0.1,) * 4)
    assert two.facing == pytest.approx((0.2,) * 4)
