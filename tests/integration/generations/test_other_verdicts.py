"""Models that see other garments than those before: kinds, refusals and rows follow, and come back with a rollback."""

from __future__ import annotations

from pathlib import Path

from engine.seams import IngestState
from ingest.pipeline import ingest_feed
from tests.fixtures.catalogue import picture, row, write_feed
from tests.fixtures.fake_generations import Shop, opened_shop

DARK, RED, GREEN = [f"dark{n:02}" for n in range(56)], ["red1", "red2", "red3"], ["green1"]
COLORS = {"dark": (20, 20, 60), "red": (250, 20, 20), "green": (20, 250, 20)}


def a_feed(folder: Path) -> Path:
    """Products in whose words no garment is named: what they are, the models say."""
    folder.mkdir()
    for n, product_id in enumerate([*DARK, *RED, *GREEN]):
        red, green, blue = COLORS[product_id.rstrip("0123456789")]
        (folder / f"{product_id}.png").write_bytes(picture(color=(red, green, (blue + n) % 100)))
    return write_feed(folder, [row(each, title="Thing", product_type="") for each in (*DARK, *RED, *GREEN)])


def kinds(shop: Shop) -> dict[str, set[str]]:
    """supercategory → products that the ledger says are indexed there."""
    found: dict[str, set[str]] = {}
    for entry in shop.parts().ledger.page(limit=1000):
        for supercategory, _ in entry.items:
            found.setdefault(supercategory, set()).add(entry.product.product_id.rstrip("0123456789"))
    return found


def agreed(shop: Shop) -> None:
    """The rows that serve are those that the ledger names."""
    named = {(name, i) for e in shop.parts().ledger.page(limit=1000) for name, i in e.items}
    rows = {(name.rpartition("_")[0], i) for name, i in shop.rows(shop.live.current.generation)}
    assert rows == named


def test_kinds_and_refusals_are_those_of_the_models_that_serve(tmp_path: Path) -> None:
    """What is refused is told and may be looked at again; nobody's rows stay behind in another collection."""
    feed = a_feed(tmp_path / "feed")
    with opened_shop(tmp_path / "home") as shop:
        ingest_feed(shop.parts(), feed)
        assert kinds(shop) == {"upper_wear": {"dark", "red", "green"}}
        before = shop.parts().ledger.get(["red1", "green1"])
        after = shop.swap.run(shop.swap.begin("other"))
        assert "1 of 60 indexed products show no garment to these models" in after.require(2).notes
        assert kinds(shop) == {"upper_wear": {"dark"}, "full_body": {"red"}}
        (green,) = shop.parts().ledger.get(["green1"]).values()
        assert (green.state, green.content_hash) == (IngestState.REFUSED, "")
        assert green.reason
        agreed(shop)
        again = ingest_feed(shop.parts(), feed)
        assert (again.unchanged, again.refused) == (59, 1)
        shop.intake.delete(["red3"])
        agreed(shop)
        shop.swap.run(shop.swap.back())
        agreed(shop)
        assert kinds(shop) == {"upper_wear": {"dark", "red"}}
        assert shop.parts().ledger.get(["red1"]) == {"red1": before["red1"]}
        assert "red3" not in shop.parts().ledger.get(["red3"])
        assert ingest_feed(shop.parts(), feed).indexed == 2
        assert kinds(shop) == {"upper_wear": {"dark", "red", "green"}}
        agreed(shop)


def test_a_refusal_is_taken_back_with_the_models(tmp_path: Path) -> None:
    """Where nothing was written since, going back gives exactly the entries that there were."""
    with opened_shop(tmp_path / "home") as shop:
        ingest_feed(shop.parts(), a_feed(tmp_path / "feed"))
        before = {entry.product.product_id: entry for entry in shop.parts().ledger.page(limit=1000)}
        shop.swap.run(shop.swap.begin("other"))
        shop.swap.run(shop.swap.back())
        assert {entry.product.product_id: entry for entry in shop.parts().ledger.page(limit=1000)} == before
        agreed(shop)
