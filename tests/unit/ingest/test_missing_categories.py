"""Rows whose words name no kind, beside rows of the same group or picture that do."""

from __future__ import annotations

import pytest

from engine.domain import Product
from engine.products.kinds import kind_of
from engine.taxonomy import load_taxonomy
from ingest.feeds import missing_categories
from ingest.feeds.missing_categories import with_missing_categories

TAXONOMY = load_taxonomy()
BY_PICTURE, BY_GROUP = (
    "category: taken from another row with the same picture",
    "category: taken from another row of the same group",
)


def product(
    product_id: str, picture: str, *, title: str = "Model 3000", group: str | None = None, categories: str = ""
) -> Product:
    paths = tuple(categories.split("|")) if categories else ()
    images = (picture, "look.jpg")
    return Product(
        product_id,
        title,
        "https://shop.example/1",
        images,
        item_group_id=group,
        category=paths[0] if paths else None,
        categories=paths,
    )


def completed(*products: Product) -> tuple[dict[str, Product], list[str]]:
    notes: list[str] = []
    found = with_missing_categories(products, TAXONOMY, notes.extend)
    return {each.product_id: each for each in found}, notes


def kind(one: Product) -> str | None:
    said = kind_of(one, TAXONOMY)
    return said.garment.name if said.garment else said.other


@pytest.mark.parametrize("first", [True, False])
def test_a_row_without_words_has_the_kind_of_the_row_with_its_picture(first: bool) -> None:
    """Wherever in the feed that row stands; where it came from is told."""
    silent, telling = product("silent", "1.jpg"), product("telling", "1.jpg", categories="Bottoms > Trousers")
    found, notes = completed(*((silent, telling) if first else (telling, silent)))
    assert (found["silent"].category, found["silent"].categories) == ("Bottoms > Trousers", ("Bottoms > Trousers",))
    assert kind(found["silent"]) == "lower_wear"
    assert notes == [BY_PICTURE]
    assert found["telling"] is telling


def test_a_group_tells_before_a_picture() -> None:
    """Variants of one product are one kind, whatever else is sold with their picture."""
    rows = (
        product("shirt", "1.jpg", title="Linen shirt", group="g"),
        product("jeans", "2.jpg", title="Blue jeans"),
        product("silent", "2.jpg", group="g"),
    )
    found, notes = completed(*rows)
    assert (kind(found["silent"]), notes) == ("upper_wear", [BY_GROUP])


def test_its_own_category_stays_the_one_shown() -> None:
    """What the shop wrote is kept; what was taken comes behind it."""
    rows = (product("a", "1.jpg", categories="Skirts"), product("b", "1.jpg", categories="Home > New In"))
    found, _ = completed(*rows)
    assert (found["b"].category, found["b"].categories) == ("Home > New In", ("Home > New In", "Skirts"))
    assert kind(found["b"]) == "lower_wear"


def test_nothing_is_taken_from_rows_that_disagree_or_from_a_second_picture() -> None:
    """A look that is sold piece by piece tells nothing of one piece; neither does a picture of what goes with it."""
    look = (product("top", "1.jpg", title="Red top"), product("jeans", "1.jpg", title="Jeans"), product("x", "1.jpg"))
    found, notes = completed(*look, product("y", "2.jpg"))
    assert (kind(found["x"]), kind(found["y"]), notes) == (None, None, [])


def test_a_row_with_the_picture_of_a_bag_is_a_bag() -> None:
    """What is no garment in one row is none in the other, so that it is refused and not guessed."""
    found, _ = completed(product("a", "1.jpg", categories="Bags > Handbags"), product("b", "1.jpg"))
    assert kind(found["b"]) == kind(found["a"]) == "bag"


def test_of_very_many_rows_without_words_most_go_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No feed is held whole, and none loses a row."""
    monkeypatch.setattr(missing_categories, "MOST_HELD", 2)
    rows = [*(product(str(n), f"{n % 2}.jpg") for n in range(6)), product("t", "0.jpg", title="Jeans")]
    found, notes = completed(*rows)
    assert set(found) == {*"012345", "t"}
    assert [n for n in found if kind(found[n])] == ["t", "0"]
    assert notes == [BY_PICTURE]
