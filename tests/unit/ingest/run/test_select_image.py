"""Which of several garments in one picture the product is."""

from __future__ import annotations

import numpy as np
import pytest

from engine.domain import GateReport, Person, Pixels, Scene
from engine.taxonomy import load_taxonomy
from engine.vision.crops import box_garment
from ingest.run.select_image import Picture, select_image
from tests.fixtures.catalogue import FakePipeline

GREEN, WHITE = (40, 150, 60), (240, 240, 240)


class CardiganPipeline(FakePipeline):
    """A green cardigan, taken for outerwear, open over a white top; a full front view."""

    def scene(self, image: Pixels) -> Scene:
        cardigan = box_garment("outerwear", "outerwear", (0, 0, 60, 90), 90, 90)
        top = box_garment("upper_wear", "upper_wear", (60, 0, 90, 90), 90, 90)
        return Scene((cardigan, top), (Person((0, 0, 90, 90), 0.9),))

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:
        return GateReport(1, "front", True, True, "Full-shot and front-facing.")


@pytest.mark.parametrize(
    ("color", "left"),
    [
        ("Bright Green", 0),  # The shop sells the cardigan, and calls it a top.
        ("White", 60),
        (None, 60),
        ("Seashell Whisper 7", 60),  # No colour that is known.
        ("Purple", 60),  # Nothing here has it: the shop's class decides.
        ("Green/White", 60),  # Both have it: likewise.
    ],
)
def test_the_shops_color_tells_a_cardigan_from_the_top_under_it(color: str | None, left: int) -> None:
    """Among garments that the product may be, the one of the shop's colour; whatever it was taken for."""
    pixels = np.full((90, 90, 3), WHITE, np.uint8)
    pixels[:, :60] = GREEN
    wanted = load_taxonomy().classes["upper_wear"]
    chosen, refusals = select_image(CardiganPipeline(), [Picture("front.jpg", pixels)], wanted, "strict", color)
    assert refusals == ()
    assert chosen is not None
    assert chosen.garment.box[0] == left
    assert (chosen.garment.label, chosen.garment.supercategory) == ("upper_wear", "upper_wear")
