"""How views are told: the cases, what counts as a detail, precision and recall by view and part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from benchmarks.quality.gate.views import (
    Told,
    tell_views,
    told_view,
    view_figures,
    view_rows,
    view_targets,
)
from benchmarks.quality.gate.views_cases import Part, Shown, ViewCase, catalogue_views
from engine.domain import GateReport, Pixels, View
from engine.vision.pipeline import VisionPipeline
from models.train.splits import is_held_out

PIXELS = np.full((120, 60, 3), 200, np.uint8)


def told(shown: Shown, view: Shown, part: Part = "tops", source: str = "venia") -> Told:
    """A picture of one view, told as another."""
    return Told(ViewCase(source, part, "x.jpg", PIXELS, shown), view)


def said(view: View, people: int = 1) -> GateReport:
    """A gate's word."""
    return GateReport(people, view, full_shot=False, keep=False, reason="because")


def test_where_no_view_can_be_told_it_is_a_detail() -> None:
    """A close-up, or nobody at all; every other view is told as it is."""
    assert told_view(said("none")) == "detail"
    assert told_view(said("none", people=0)) == "detail"
    assert [told_view(said(view)) for view in ("front", "back", "left", "right")] == ["front", "back", "left", "right"]


def test_precision_and_recall_by_view() -> None:
    """Three fronts of four found, and one of the backs taken for a front."""
    some = (
        [told("front", "front")] * 3 + [told("front", "detail")] + [told("back", "front")] + [told("back", "back")] * 3
    )
    figures = view_figures(some)["catalogue"]["tops"]
    front, back = figures["views"]["front"], figures["views"]["back"]
    assert (front["pictures"], front["precision"], front["recall"]) == (4, 0.75, 0.75)
    assert (back["pictures"], back["precision"], back["recall"]) == (4, 1.0, 0.75)
    assert figures["all"] == {"pictures": 8, "accuracy": 0.75, "balanced": 0.75, "always_the_commonest": 0.5}


def test_precision_with_views_alike_does_not_hang_on_their_numbers() -> None:
    """Nine fronts beside one back that is taken for one: 0.9, and 0.5 if there were as many backs."""
    row = view_figures([told("front", "front")] * 9 + [told("back", "front")])["catalogue"]["tops"]["views"]["front"]
    assert (row["precision"], row["precision_views_alike"]) == (0.9, 0.5)


def test_what_is_never_told_has_no_precision() -> None:
    """Nothing was said, so nothing of it was right or wrong; a view that is not shown has no row."""
    views = view_figures([told("back", "detail")])["catalogue"]["tops"]["views"]
    assert (views["back"]["precision"], views["back"]["recall"]) == (None, 0.0)
    assert list(views) == ["back"]


def test_sources_and_parts_stand_apart() -> None:
    """Catalogues together, drawn people by themselves; tops beside bottoms; fronts have targets."""
    figures = view_figures(
        [told("front", "front"), told("front", "back", "bottoms", "luma"), told("left", "left", "tops", "drawn")]
    )
    assert {source: list(parts) for source, parts in figures.items()} == {
        "catalogue": ["tops", "bottoms"],
        "drawn": ["tops"],
    }
    assert {t.name: t.met for t in view_targets(figures)} == {
        "catalogue, tops: front, precision": True,
        "catalogue, tops: front, recall": True,
        "catalogue, bottoms: front, precision": False,
        "catalogue, bottoms: front, recall": False,
    }
    assert {"catalogue, tops: front", "drawn, tops: left", "catalogue, bottoms"} <= set(view_rows(figures))


class FrontPipeline:
    """Says of every picture that it is a front."""

    def gate(self, image: Pixels) -> GateReport:
        return said("front")


def shop(root: Path) -> Path:
    """A catalogue of a learned product, a held-out one and Venia's trousers."""
    images = root / "magento_catalog/images"
    images.mkdir(parents=True)
    held = next(f"P{n}" for n in range(99) if is_held_out(f"P{n}"))
    learned = next(f"P{n}" for n in range(99) if not is_held_out(f"P{n}"))
    rows = (("luma", held, "upper_wear", "a.jpg", "front"), ("luma", learned, "upper_wear", "b.jpg", "front"))
    lines = []
    for source, product, kind, name, view in (*rows, ("venia", learned, "lower_wear", "c.jpg", "detail")):
        Image.fromarray(PIXELS).save(images / name)
        picture = {"file": name, "view": view}
        lines.append(json.dumps({"source": source, "product_id": product, "class": kind, "images": [picture]}))
    (root / "magento_catalog/products.jsonl").write_text("\n".join(lines))
    return root


def test_a_catalogue_s_views_are_those_of_its_file_names(tmp_path: Path) -> None:
    """Only what no training saw; trousers are bottoms, also their details."""
    cases = list(catalogue_views(shop(tmp_path) / "magento_catalog"))
    assert [(c.source, c.part, c.shown) for c in cases] == [("luma", "tops", "front"), ("venia", "bottoms", "detail")]
    assert [t.view for t in tell_views(cast(VisionPipeline, FrontPipeline()), cases)] == ["front", "front"]
