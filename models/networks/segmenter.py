"""Garments and people by a YOLO segmenter (ultralytics' raw heads): boxes, masks, outlines.

Source: heads as in Bolya et al. 2019, arXiv:1904.02689 (prototypes and coefficients).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Accessory, Box, Garment, Person, Pixels, Scene
from engine.errors import ContractBroken
from engine.taxonomy import Taxonomy
from models.manifest import ModelSpec
from models.networks.detections import Detections, greedy, named_here, suppress
from models.networks.faint import is_worn, uncovered
from models.networks.masks import MaskReader, Patch, rivals
from models.networks.preprocess import place, to_input
from models.runtime import Session

PERSON = "person"
SET_ASIDE = "set_aside"
"""The manifest's `extra` names so the classes that are no garments: bags and headwear."""
SAME_PLACE = 0.6
"""Boxes that overlap more are looked upon as one thing when its possible names are gathered."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as seen; the manifest's `extra` sets them.

    Attributes:
        score: least confidence; `scores` says otherwise for single classes.
        nms_iou: boxes of one class that overlap more are one thing.
        same_iou: masks of two classes that overlap more are one garment under two names.
        pieces: at most so many detections per picture.
        least_area: share of the picture that a garment covers at least.
        doubt: a class that scores this share of the best one in the same place may be right as well,
            from a score of `least_doubt` on.
        faint: class → lower least confidence where a person wears nothing else in that place.
    """

    score: float = 0.25
    scores: Mapping[str, float] | None = None
    nms_iou: float = 0.6
    same_iou: float = 0.7
    pieces: int = 60
    least_area: float = 0.0002
    doubt: float = 0.2
    least_doubt: float = 0.05
    faint: Mapping[str, float] | None = None

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Thresholds:
        """Read them; what is not given keeps its default."""
        return cls(**{name: extra[name] for name in cls.__dataclass_fields__ if name in extra})

    def by_class(self, classes: tuple[str, ...]) -> NDArray[np.float32]:
        """The least confidence of each class, in the model's order."""
        return np.array([(self.scores or {}).get(name, self.score) for name in classes], np.float32)

    def faintest(self, classes: tuple[str, ...]) -> NDArray[np.float32]:
        """The same, lowered to what may do where a person wears nothing else in that place."""
        faint = [(self.faint or {}).get(name, np.inf) for name in classes]
        return np.minimum(self.by_class(classes), np.array(faint, np.float32))


class YoloSegmenter:
    """Finds garment pieces and people in one picture."""

    def __init__(self, spec: ModelSpec, session: Session, fingerprint: str, taxonomy: Taxonomy) -> None:
        self._spec = spec
        self._session = session
        self._fingerprint = fingerprint
        self._aside = frozenset(spec.extra.get(SET_ASIDE, ())) - set(taxonomy.classes)  # A shop may sell them.
        worn = [name for name in spec.classes if name != PERSON and name not in self._aside]
        self._supercategories = {name: taxonomy.supercategory_of(name) for name in worn}
        self._thresholds = Thresholds.of(spec.extra)
        self._least_scores = self._thresholds.by_class(spec.classes)
        self._faintest = self._thresholds.faintest(spec.classes)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        return self._fingerprint

    def segment(self, image: Pixels) -> Scene:
        """Everything seen in one image, in its pixels, best score first.

        Raises:
            ContractBroken: the model's outputs are not those of a YOLO segmenter with the manifest's classes.
            ModelUnavailable: the runtime failed.
        """
        spec = self._spec
        picture, placement = place(image, spec.input_size, spec.resize, spec.pad_value)
        outputs = self._session.run({"images": to_input(picture[None], spec.mean, spec.std)})
        found = self._detections(outputs["output0"])
        height, width = image.shape[:2]
        boxes = clip(placement.to_image(found.boxes), width, height)
        names = [spec.classes[i] for i in found.classes]
        people = tuple(
            Person(as_box(box), float(score))
            for name, box, score in zip(names, boxes, found.scores, strict=True)
            if name == PERSON
        )
        reader = MaskReader(outputs["output1"][0], placement, spec.input_size, (height, width))
        things = self._things(reader, found, boxes, people)
        accessories = tuple(
            Accessory(names[i], float(found.scores[i]), as_box(boxes[i])) for i, _ in things if names[i] in self._aside
        )
        garments = tuple(
            self._garment(names[i], found.take(np.array([i])), reader, patch)
            for i, patch in things
            if names[i] not in self._aside
        )
        return Scene(garments, people, accessories)

    def _detections(self, raw: NDArray[np.float32]) -> Detections:
        """Rows above their class's lowest threshold, one per thing, best first; boxes in the input's pixels."""
        count = len(self._spec.classes)
        if raw.ndim != 3 or raw.shape[1] <= 4 + count:
            raise ContractBroken(
                f"The segmenter gave {raw.shape}, which is no raw YOLO head for {count} classes; "
                "export it without built-in NMS and with the classes of the manifest."
            )
        rows = raw[0].T
        scores = rows[:, 4 : 4 + count]
        classes = scores.argmax(axis=1)
        best = scores[np.arange(len(rows)), classes]
        some = np.flatnonzero(best >= min(self._thresholds.least_doubt, self._faintest.min()))
        centre, half = rows[some, :2], rows[some, 2:4] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        near = Detections(boxes, best[some], classes[some], rows[some, 4 + count :], scores[some])
        found = near.take(np.flatnonzero(near.scores >= self._faintest[near.classes]))
        return named_here(suppress(found, self._thresholds.nms_iou, self._thresholds.pieces), near, SAME_PLACE)

    def _also(self, label: str, score: float, names: NDArray[np.float32]) -> tuple[str, ...]:
        """Other supercategories that a garment may belong to, by what its possible names score, likeliest first."""
        least = max(self._thresholds.least_doubt, self._thresholds.doubt * score)
        order = [self._spec.classes[i] for i in np.argsort(-names, kind="stable") if names[i] >= least]
        likely = dict.fromkeys(self._supercategories[name] for name in order if name in self._supercategories)
        return tuple(name for name in likely if name != self._supercategories[label])

    def _things(
        self, reader: MaskReader, found: Detections, boxes: NDArray[np.float32], people: Sequence[Person]
    ) -> list[tuple[int, Patch]]:
        """Rows of what is no person, with their masks; of two names for one thing the better one."""
        least = self._thresholds.least_area * reader.size[0] * reader.size[1]

        def read(rows: Iterable[int]) -> list[tuple[int, Patch]]:
            patches = ((row, reader.read(found.coefficients[row], boxes[row])) for row in rows)
            return [(row, patch) for row, patch in patches if patch and patch.area >= least]

        things = [row for row, number in enumerate(found.classes) if self._spec.classes[number] != PERSON]
        sure = found.scores >= self._least_scores[found.classes]
        worn = read(row for row in things if sure[row])
        classes = [int(found.classes[row]) for row, _ in worn]
        kept = greedy(rivals([patch for _, patch in worn], classes, self._thresholds.same_iou))
        taken = [worn[k] for k in kept]
        faint = read(row for row in things if not sure[row] and is_worn(as_box(boxes[row]), people))
        return [*taken, *uncovered(faint, taken, found.classes)]

    def _garment(self, label: str, one: Detections, reader: MaskReader, patch: Patch) -> Garment:
        whole = reader.to_image(patch)
        height, width = whole.mask.shape
        box = (float(whole.left), float(whole.top), float(whole.left + width), float(whole.top + height))
        score = float(one.scores[0])
        also = self._also(label, score, one.names[0])
        return Garment(label, self._supercategories[label], score, box, whole.mask, reader.outlines(patch), also)


def clip(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Boxes (n, 4) cut at the picture's borders."""
    return np.asarray(np.clip(boxes, 0, [width, height, width, height]), np.float32)


def as_box(row: NDArray[np.float32]) -> Box:
    """A row of an array as the domain's box."""
    x0, y0, x1, y1 = (float(v) for v in row)
    return x0, y0, x1, y1
