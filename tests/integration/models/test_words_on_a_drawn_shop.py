"""What is turned away stays away, measured: the starter models over a shop that the studio draws."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.domain import Hit
from engine.service import TextQuery, ThatLook
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from models.bootstrap import open_parts
from models.settings import read_settings
from models.studio.output.feed import write_catalogue

pytestmark = pytest.mark.integration
PRODUCTS = 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThatLook]:
    """Some drawn products, ingested."""
    folder: Path = tmp_path_factory.mktemp("drawn")
    feed = write_catalogue(folder / "shop", PRODUCTS, 7, (240, 320))
    with open_parts(read_settings({"home": folder / "home"})) as parts:
        ingest_feed(ingest_dependencies(parts), feed, "prefer")
        yield parts.thatlook


def found(shop: ThatLook, text: str, k: int = 5) -> tuple[Hit, ...]:
    hits = shop.search_text(TextQuery((text,)), k=k).garments[0].hits
    assert len(hits) == k
    return hits


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("anything but black", "black"),
        ("trousers other than black", "black"),
        ("trousers that aren't black", "black"),
        ("alles außer schwarz", "black"),
        ("a top, not white", "white"),
        ("shoes -brown", "brown"),
    ],
)
def test_no_product_of_an_unwanted_color_is_among_the_first(shop: ThatLook, text: str, color: str) -> None:
    """Of five, where there are enough others."""
    assert not [hit.product.title for hit in found(shop, text) if color in (hit.product.color or "").split("/")]


@pytest.mark.parametrize("text", ["dress without stripes", "dress that isn't striped", "Kleid ohne Streifen"])
def test_no_striped_one_is_among_the_first(shop: ThatLook, text: str) -> None:
    """They come behind every dress that is not, and score next to nothing."""
    hits = found(shop, text, 10)
    striped = ["stripe" in hit.product.attributes.get("pattern", "") for hit in hits]
    assert not any(striped[:3])
    assert all(hit.score < 0.1 for hit, is_striped in zip(hits, striped, strict=True) if is_striped)


def test_every_spelling_is_one_query(shop: ThatLook) -> None:
    """Hyphens, typographic dashes, no-break spaces; other languages and slips too."""
    for one, others in {
        "off white shirt": ("off-white shirt", "off\u2011white shirt", "off\u2013white\u00a0shirt"),
        "black dress": ("schwarzes Kleid", "robe noire", "vestido negro", "balck dress"),
    }.items():
        first = [hit.product.product_id for hit in found(shop, one)]
        for other in others:
            assert [hit.product.product_id for hit in found(shop, other)] == first


def test_what_is_not_understood_scores_low(shop: ThatLook) -> None:
    """A quarter at most, where a garment scores close to 1."""
    assert max(hit.score for hit in found(shop, "refrigerator")) <= 0.25
    assert (
        max(hit.score for hit in found(shop, "\u0445\u043e\u043b\u043e\u0434\u0438\u043b\u044c\u043d\u0438\u043a"))
        <= 0.25
    )
    assert max(hit.score for hit in found(shop, "dress")) > 0.9
