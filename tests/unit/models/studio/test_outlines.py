"""What the studio writes without drawing: titles of products, outlines of masks."""

from __future__ import annotations

import cv2
import numpy as np

from engine.taxonomy import load_taxonomy
from models.studio.catalogue import sample_catalogue
from models.studio.output.dataset import outlines


def test_titles_name_the_class_that_the_garment_has() -> None:
    """The taxonomy reads the right class from title and product type of every product."""
    taxonomy = load_taxonomy()
    for product in sample_catalogue(120, 2):
        for text in (product.title, product.product_type):
            found = taxonomy.classify(text)
            assert found is not None, text
            assert found.name == product.label, text


def test_outlines_give_back_the_mask() -> None:
    """Filling the outlines of a two-piece mask gives the mask, joined or not."""
    mask = np.zeros((60, 60), bool)
    mask[5:25, 5:50] = True
    mask[35:55, 20:40] = True
    for joined, count in ((False, 2), (True, 1)):
        found = outlines(mask, joined=joined)
        assert len(found) == count
        drawn = np.zeros(mask.shape, np.uint8)
        for outline in found:
            cv2.fillPoly(drawn, [np.round(outline - 0.5).astype(np.int32)], 1)
        wrong = (drawn.astype(bool) != mask).sum()
        assert wrong <= 15 * joined
