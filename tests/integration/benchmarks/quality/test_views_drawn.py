"""Views of drawn people: what is shown, that all are told, and that what is told wrong is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from benchmarks.quality.gate.captioned_sheet import captioned_sheet
from benchmarks.quality.gate.views import evaluate_views, write_view_sheet
from benchmarks.quality.gate.views_cases import PARTS, VIEWS, drawn_views
from engine.vision.pipeline import VisionPipeline
from models.train.data.pictures import DatasetUnreadable
from tests.unit.benchmarks.quality.test_views import FrontPipeline, shop


def test_drawn_people_are_shown_from_every_side_and_close_by() -> None:
    """As many of each; a view is another picture, and the same picture comes again."""
    cases = list(drawn_views(1, size=(90, 120)))
    assert [(c.part, c.shown) for c in cases] == [(part, view) for part in PARTS for view in VIEWS]
    assert all(c.pixels.shape[0] == 120 for c in cases)
    again = list(drawn_views(1, size=(90, 120)))
    assert all((a.pixels == b.pixels).all() for a, b in zip(cases, again, strict=True))


def test_everything_is_told_and_what_is_wrong_drawn(tmp_path: Path) -> None:
    """Catalogue and drawn people together; without the catalogue nothing is measured."""
    seen = evaluate_views(cast(VisionPipeline, FrontPipeline()), shop(tmp_path), 1)
    assert len(seen) == 2 + len(PARTS) * len(VIEWS)
    with Image.open(write_view_sheet(seen, tmp_path / "sheet")) as sheet:
        assert sheet.size == (8 * 170, 2 * 230), "9 of 12 are wrong"
    assert captioned_sheet([], []).shape == (230, 170, 3)
    with pytest.raises(DatasetUnreadable, match="lacks magento_catalog"):
        evaluate_views(cast(VisionPipeline, FrontPipeline()), tmp_path / "sheet")
