"""What a photo shows: coordinates of reduced photos, and photos that are known again."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Box, Crop, Person, Pixels, Pose, Scene
from engine.errors import NoGarmentFound, QueryRejected
from engine.seams import Calibration
from engine.system.clock import Stopwatch
from engine.taxonomy import load_taxonomy
from engine.vision.crops import MARGIN, box_garment
from engine.vision.photo_analysis import ENOUGH_SIDE, ImageQuery, PhotoAnalyzer, PhotoFeatures, ResultCache, enlarged
from engine.vision.pipeline import VisionPipeline


class Models:
    """Sees a top on the left half of any picture, and counts how often it was asked."""

    fingerprint, dim, calibration = "fake", 3, Calibration(0.5, 0.1)

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.crops: list[tuple[int, ...]] = []

    def segment(self, image: Pixels) -> Scene:
        self.shapes.append(image.shape)
        height, width = image.shape[:2]
        box: Box = (0, 0, width / 2, height)
        top = box_garment("upper_wear", "upper_wear", box, width, height)
        return Scene((top,), (Person((0, 0, width, height), 0.9),))

    def estimate(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
        return []

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        self.crops = [crop.pixels.shape for crop in crops]
        means = np.array([crop.pixels[crop.mask].mean(axis=0) + 1e-3 for crop in crops], np.float32)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.zeros((len(texts), 3), np.float32)


@pytest.fixture
def models() -> Models:
    return Models()


def analyzer(models: Models, result_cache: ResultCache | None = None) -> PhotoAnalyzer:
    return PhotoAnalyzer(
        VisionPipeline(models, models, models, models, models, load_taxonomy()), result_cache=result_cache
    )


def photo(size: tuple[int, int] = (64, 128), color: str = "red") -> bytes:
    image = Image.new("RGB", size, "blue")
    image.paste(color, (0, 0, size[0] // 2, size[1]))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def look(eye: PhotoAnalyzer, data: bytes, query: ImageQuery | None = None) -> PhotoFeatures:
    return eye.look(data, query or ImageQuery(), Stopwatch())


def test_a_large_photo_is_seen_small_and_told_large(models: Models) -> None:
    """The models see half the pixels; box, outline and mask are told in the file's own."""
    seen = look(analyzer(models), photo((2 * ENOUGH_SIDE, 600)))
    assert models.shapes == [(300, ENOUGH_SIDE, 3)]
    assert (seen.width, seen.height) == (2 * ENOUGH_SIDE, 600)
    (garment,) = seen.upright()
    assert garment.box == (0, 0, ENOUGH_SIDE, 600)
    assert garment.mask.shape == (600, ENOUGH_SIDE)
    assert garment.mask.all()
    assert garment.polygons[0].max(axis=0).tolist() == [ENOUGH_SIDE, 600]
    assert seen.colors == ("red",)


def test_a_callers_box_is_in_the_files_pixels(models: Models) -> None:
    """On a photo that is decoded at half scale the box still cuts what the caller meant: the blue half."""
    query = ImageQuery(("upper_wear",), box=(ENOUGH_SIDE + 200, 0, 2 * ENOUGH_SIDE, 600))
    seen = look(analyzer(models), photo((2 * ENOUGH_SIDE, 600)), query)
    assert seen.upright()[0].box == query.box
    assert seen.colors == ("blue",)
    width = 2 * ENOUGH_SIDE
    with pytest.raises(QueryRejected, match=f"{width} × 600"):
        look(analyzer(models), photo((width, 600)), ImageQuery(("upper_wear",), box=(width, 0, width + 40, 90)))


@pytest.mark.parametrize(("times", "width", "seen"), [(2, 240, 120), (2, 220, 220), (4, 440, 220), (4, 200, 200)])
def test_a_small_garment_is_cut_out_of_a_larger_photo(models: Models, times: int, width: int, seen: int) -> None:
    """Cut at the least scale that shows enough of it: the reduced one, one between, or the file's own."""
    start = times * ENOUGH_SIDE // 2
    query = ImageQuery(("upper_wear",), box=(start, 100, start + width, 160))
    answer = look(analyzer(models), photo((times * ENOUGH_SIDE, 600), "green"), query)
    ((_, cut_width, _),) = models.crops
    margin = 2 * MARGIN * seen
    assert seen <= cut_width <= seen + margin + 2
    assert answer.upright()[0].box == query.box
    assert answer.colors == ("blue",)


def test_a_garment_grows_with_its_outline(models: Models) -> None:
    """A mask that is half set stays half set; a scale of 1 changes nothing."""
    garment = box_garment("dress", "full_body", (10, 20, 30, 60), 100, 100)
    garment.mask[:20] = False
    grown = enlarged(garment, (3.0, 2.0))
    assert grown.box == (30, 40, 90, 120)
    assert grown.mask.shape == (80, 60)
    assert grown.mask[40:].all()
    assert not grown.mask[:40].any()
    assert enlarged(garment, (1.0, 1.0)) is garment


def test_a_photo_is_known_again(models: Models) -> None:
    """The models are asked once, and what comes back is what they saw, masks too."""
    memory = ResultCache(1_000_000)
    eye = analyzer(models, memory)
    first, again = look(eye, photo()), look(eye, photo())
    assert len(models.shapes) == 1
    np.testing.assert_array_equal(first.visual, again.visual)
    np.testing.assert_array_equal(first.garments[0].mask, again.garments[0].mask)
    assert first.garments[0].box == again.garments[0].box
    assert (memory.hits, memory.misses) == (1, 1)


def test_another_question_about_the_same_photo_is_looked_at_anew(models: Models) -> None:
    """A box of the caller's is another picture part; it must not get the embedding of the detected garment."""
    eye = analyzer(models, ResultCache(1_000_000))
    look(eye, photo())
    assert look(eye, photo(), ImageQuery(("upper_wear",), box=(40, 0, 64, 128))).colors == ("blue",)
    with pytest.raises(NoGarmentFound):
        look(eye, photo(), ImageQuery(("foot_wear",)))
    assert look(eye, photo(color="green")).colors == ("green",)


def test_memory_is_bounded_by_bytes_and_forgets_the_longest_unasked(models: Models) -> None:
    """Room for two: the one asked for again stays, the other goes."""
    one_photo = ResultCache(1_000_000)
    look(analyzer(models, one_photo), photo())
    result_cache = ResultCache(2 * one_photo.size_bytes + 100)
    eye = analyzer(models, result_cache)
    for color in ("red", "green", "red", "white"):
        look(eye, photo(color=color))
    asked = len(models.shapes)
    look(eye, photo(color="red"))
    assert len(models.shapes) == asked
    look(eye, photo(color="green"))
    assert len(models.shapes) == asked + 1
    assert result_cache.size_bytes <= 2 * one_photo.size_bytes + 100


def test_a_memory_without_room_remembers_nothing(models: Models) -> None:
    """And loses nothing by it."""
    eye = analyzer(models, ResultCache(10))
    assert look(eye, photo()).colors == look(eye, photo()).colors
    assert len(models.shapes) == 2
