"""Which pictures of a product are indexed, and which garment in them the product is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.color.palette import palettes_of, share_of
from engine.color.words import color_anchors
from engine.domain import Crop, Garment, GateReport, Pixels, Rejection, Scene
from engine.retrieval.metadata_scores import OF_COLOR
from engine.seams import ImageRefusal
from engine.taxonomy import GarmentClass
from engine.vision.crops import box_area, cut, outer_box, whole
from engine.vision.gate import Policy
from engine.words.parsed_text import colors_in
from ingest.images.foreground import foreground_garment, whole_garment
from ingest.run.dependencies import ImageAnalysis

MIN_SIDE = 16
"""A garment of fewer pixels shows nothing that an embedding could hold."""
CLOSE_UP = 0.9
"""A garment that fills so much of its picture, side to side, is a detail of itself."""
_KIN = {
    "upper_wear": ("outerwear", "full_body"),
    "outerwear": ("upper_wear", "full_body"),
    "full_body": ("outerwear", "upper_wear", "lower_wear"),
    "lower_wear": ("full_body",),
}
"""Where the segmenter and the shop disagree, the shop's word stands and the likeliest garment is taken."""
_FULL_FRONT, _FRONT, _PRODUCT_ONLY, _UNCLEAR, _OTHER_SIDE = range(5)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One fetched picture of a product, no larger than it is stored; or why there is none."""

    reference: str
    pixels: Pixels | None = None
    rejection: Rejection | None = None
    transient: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SelectedImage:
    """The garment that a product is, cut out."""

    reference: str
    pixels: Pixels
    garment: Garment
    crop: Crop


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    rank: int
    position: int
    reference: str
    pixels: Pixels
    scene: Scene
    report: GateReport


def select_image(
    pipeline: ImageAnalysis,
    pictures: Sequence[Picture],
    wanted: GarmentClass | None,
    policy: Policy,
    color: str | None = None,
) -> tuple[SelectedImage | None, tuple[ImageRefusal, ...]]:
    """The best picture's garment, and every other picture with the reason why it is not indexed.

    Under `strict` a full-shot front view alone will do; under `prefer` the best there is: that,
    else a partial front view, else the product without a person, else a picture where a person
    cannot be made out. Back and side views, groups and close-ups never.

    Args:
        color: the shop's words for the product's colour. They tell a cardigan from the top under it.
    """
    chosen, refusals = select_images(pipeline, pictures, wanted, policy, color)
    return (chosen[0] if chosen else None), refusals


def select_images(
    pipeline: ImageAnalysis,
    pictures: Sequence[Picture],
    wanted: GarmentClass | None,
    policy: Policy,
    color: str | None = None,
    most: int = 1,
) -> tuple[tuple[SelectedImage, ...], tuple[ImageRefusal, ...]]:
    """The best picture's garment as `select_image` has it, and behind it the same garment in up to `most` - 1 others.

    Those may show it from behind, from the side or without a person; groups, close-ups and pictures in which no such
    garment is seen are left out. Under `strict` no other picture is taken.
    """
    refusals: dict[str, Rejection] = {}
    candidates: list[_Candidate] = []
    others: list[_Candidate] = []
    for position, picture in enumerate(pictures):
        if picture.pixels is None:
            refusals[picture.reference] = picture.rejection or Rejection("fetch", "The picture was not fetched.")
            continue
        scene = pipeline.scene(picture.pixels)
        report = pipeline.gate(picture.pixels, scene)
        rank = _rank(report, policy)
        if rank is None:
            refusals[picture.reference] = Rejection("gate", report.reason)
            if report.people == 1:
                others.append(_Candidate(_OTHER_SIDE, position, picture.reference, picture.pixels, scene, report))
        else:
            candidates.append(_Candidate(rank, position, picture.reference, picture.pixels, scene, report))
    order = sorted(candidates, key=lambda c: (c.rank, c.position))
    chosen = _first_garment(pipeline, order, wanted, colors_in(color or ""), refusals)
    for candidate in candidates:
        if chosen is None or candidate.reference != chosen.reference:
            better = Rejection("gate", "Another picture of this product shows it better.")
            refusals.setdefault(candidate.reference, better)
    further = _further(pipeline, chosen, [*order, *others], most - 1) if chosen and policy != "strict" else ()
    taken = (chosen, *further) if chosen else ()
    for each in taken:
        refusals.pop(each.reference, None)
    names = [picture.reference for picture in pictures]
    return taken, tuple(ImageRefusal(name, refusals[name]) for name in names if name in refusals)


def _further(
    pipeline: ImageAnalysis, chosen: SelectedImage, candidates: Sequence[_Candidate], most: int
) -> tuple[SelectedImage, ...]:
    """The garment that was chosen in up to so many other pictures."""
    found: list[SelectedImage] = []
    for candidate in candidates if most > 0 else ():
        height, width = candidate.pixels.shape[:2]
        same = any(np.array_equal(candidate.pixels, taken.pixels) for taken in (chosen, *found))
        if same or len(found) == most:
            continue
        alike = [
            garment
            for garment in pipeline.garments(candidate.pixels, candidate.scene)
            if garment.supercategory == chosen.garment.supercategory
            and _problem(garment, candidate, width, height) is None
        ]
        if alike:
            best = max(alike, key=lambda g: (g.label == chosen.garment.label, g.score * box_area(g.box)))
            found.append(_chosen(candidate, replace(best, label=chosen.garment.label)))
    return tuple(found)


def _rank(report: GateReport, policy: Policy) -> int | None:
    """How good a view is, 0 the best; None where the gate refuses it."""
    if report.keep:
        return _FULL_FRONT
    if policy == "strict" or report.people > 1:
        return None
    if report.people == 0:
        return _PRODUCT_ONLY
    return {"front": _FRONT, "none": _UNCLEAR}.get(report.view)


def _first_garment(
    pipeline: ImageAnalysis,
    candidates: Sequence[_Candidate],
    wanted: GarmentClass | None,
    colors: Sequence[str],
    refusals: dict[str, Rejection],
) -> SelectedImage | None:
    """The first garment that serves: seen by the segmenter, else cut from its background, else the whole picture."""
    for candidate in candidates:
        for garment in _seen(pipeline, candidate, wanted, colors):
            height, width = candidate.pixels.shape[:2]
            if (problem := _problem(garment, candidate, width, height)) is None:
                return _chosen(candidate, garment)
            refusals.setdefault(candidate.reference, problem)
        refusals.setdefault(candidate.reference, _nothing_seen(wanted))
    alone = [c for c in candidates if c.rank in (_PRODUCT_ONLY, _UNCLEAR)]
    for candidate in alone if wanted else []:
        if refusals[candidate.reference].stage == "segment" and wanted:
            garment_cut = foreground_garment(candidate.pixels, wanted.name, wanted.supercategory)
            if garment_cut is not None:
                return _chosen(candidate, garment_cut)
    for candidate in alone if wanted else []:
        if candidate.rank == _PRODUCT_ONLY and refusals[candidate.reference].stage == "segment" and wanted:
            garment = whole_garment(candidate.pixels, wanted.name, wanted.supercategory)
            return SelectedImage(candidate.reference, candidate.pixels, garment, whole(candidate.pixels))
    return None


def _chosen(candidate: _Candidate, garment: Garment) -> SelectedImage:
    return SelectedImage(candidate.reference, candidate.pixels, garment, cut(candidate.pixels, garment))


def _seen(
    pipeline: ImageAnalysis, candidate: _Candidate, wanted: GarmentClass | None, colors: Sequence[str]
) -> Iterator[Garment]:
    """Garments that the product may be, likeliest first, under the shop's class.

    Of several that it may be, those come first that have the colour which the shop names.
    """
    garments = sorted(pipeline.garments(candidate.pixels, candidate.scene), key=lambda g: -g.score * box_area(g.box))
    if wanted is None:
        yield from garments
        return
    kin = _KIN.get(wanted.supercategory, ())
    groups = [
        [g for g in garments if g.label == wanted.name],
        [g for g in garments if g.label != wanted.name and g.supercategory == wanted.supercategory],
        *([g for g in garments if g.supercategory == name] for name in kin),
    ]
    groups = [_of_color_first(candidate.pixels, [g for group in groups for g in group], colors)]
    if candidate.rank in (_PRODUCT_ONLY, _UNCLEAR):  # The picture is of the product, whatever it looks like.
        groups.append(garments)
    for garment in (g for group in groups for g in group):
        yield replace(garment, label=wanted.name, supercategory=wanted.supercategory)


def _of_color_first(pixels: Pixels, garments: list[Garment], colors: Sequence[str]) -> list[Garment]:
    anchors = [found for name in colors if (found := color_anchors(name)) is not None]
    if len(garments) < 2 or not anchors:
        return garments
    palettes = palettes_of([cut(pixels, garment) for garment in garments])
    share = np.max([share_of(palettes, each) for each in anchors], axis=0)
    return [garments[i] for i in np.argsort(~(share >= OF_COLOR.midpoint), kind="stable")]


def _problem(garment: Garment, candidate: _Candidate, width: int, height: int) -> Rejection | None:
    x0, y0, x1, y1 = outer_box(garment.box, width, height)
    if min(x1 - x0, y1 - y0) < MIN_SIDE:
        return Rejection("crop", "The garment is too small in the picture.")
    fills = garment.mask.sum() / (width * height)
    if candidate.rank != _FULL_FRONT and fills >= CLOSE_UP:
        return Rejection("gate", "The picture is a close-up of a detail.")
    return None


def _nothing_seen(wanted: GarmentClass | None) -> Rejection:
    if wanted is None:
        return Rejection("segment", "No garment was found, and neither category nor title names one.")
    return Rejection("segment", f"No {wanted.supercategory} was found in the picture.")
