"""What `thatlook detect` and `thatlook pose` do with each picture, and how they tell it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PIL import Image
from rich.table import Table

from engine.domain import Accessory, Garment, GateReport, Pixels
from engine.errors import ImageTooLarge, InputRejected
from engine.forms.answers import DetectionForm, detection_form
from engine.system.printing import say
from engine.vision.images import ImageLimits, decode


class PoseForm(msgspec.Struct, frozen=True):
    """The gate's word on one image, as `thatlook pose --json` prints it; no keypoints where nobody is seen."""

    image: str
    people: int
    view: str
    full_shot: bool
    keep: bool
    reason: str
    keypoints: list[tuple[float, float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """One picture and its name."""

    name: str
    pixels: Pixels


class Pictures:
    """Reads pictures one by one; one that cannot be read is told on stderr and the rest goes on."""

    def __init__(self, paths: Iterable[Path], limits: ImageLimits) -> None:
        self._paths = list(paths)
        self._limits = limits
        self.refused = 0

    def each(self, look: Callable[[Looked], None]) -> None:
        """Call `look` with every picture that can be read."""
        for path in self._paths:
            try:
                look(Looked(str(path), decode(_read(path, self._limits.max_bytes), self._limits)))
            except InputRejected as error:
                self.refused += 1
                say(f"thatlook: {path}: {error.message}")


def _read(path: Path, max_bytes: int) -> bytes:
    size = path.stat().st_size
    if size > max_bytes:
        raise ImageTooLarge(f"The image has {size:,} bytes; the most is {max_bytes:,}.")
    return path.read_bytes()


def detected(picture: Looked, garments: Iterable[Garment], accessories: Iterable[Accessory] = ()) -> DetectionForm:
    """One picture's garments, and what was set aside, in their JSON form."""
    height, width = picture.pixels.shape[:2]
    return detection_form(picture.name, width, height, garments, accessories)


def posed(picture: Looked, report: GateReport) -> PoseForm:
    """One picture's gate report in its JSON form."""
    points = report.pose.keypoints.tolist() if report.pose is not None else []
    return PoseForm(
        picture.name,
        report.people,
        report.view,
        report.full_shot,
        report.keep,
        report.reason,
        [(round(x, 2), round(y, 2), round(score, 4)) for x, y, score in points],
    )


def detection_table(forms: Iterable[DetectionForm]) -> Table:
    """Garments for people to read."""
    table = Table("image", "garment", "supercategory", "score", "box")
    for form in forms:
        for garment in form.garments:
            box = " ".join(f"{v:.0f}" for v in garment.box)
            table.add_row(form.image, garment.label, garment.supercategory, f"{garment.score:.2f}", box)
        if not form.garments:
            table.add_row(form.image, "none", "", "", "")
        for thing in form.set_aside:
            box = " ".join(f"{v:.0f}" for v in thing.box)
            table.add_row(form.image, thing.label, "set aside", f"{thing.score:.2f}", box)
    return table


def pose_table(forms: Iterable[PoseForm]) -> Table:
    """Gate reports for people to read."""
    table = Table("image", "people", "view", "full shot", "keep", "reason")
    for form in forms:
        words = [("no", "yes")[flag] for flag in (form.full_shot, form.keep)]
        table.add_row(form.image, str(form.people), form.view, *words, form.reason)
    return table


def save_drawing(folder: Path, name: str, pixels: Pixels) -> Path:
    """Write a drawn picture as PNG under the picture's own name, numbered where that is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = Path(name).stem, 1
    path = folder / f"{stem}.png"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.png"
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    path.write_bytes(data.getvalue())
    return path
