"""The demo's home: its own, embedded, and made anew where other models made it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.domain import Product
from engine.errors import ModelMismatch
from engine.seams import IngestState, LedgerEntry
from engine.system.console import plain_console
from models.bootstrap import KEYS, open_ledger, open_parts
from models.settings import Settings
from tests.fixtures.catalogue import row, write_feed
from tests.fixtures.generations import home_of
from thatlook import demo
from thatlook.demo_home import SERVERS, demo_settings

PRODUCTS = 20


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A demo that was made with the models of one profile; the settings name another one since."""
    settings = home_of(tmp_path_factory.mktemp("home") / "demo")
    rows = [row(f"p{number}", "shirt.png") for number in range(PRODUCTS)]
    write_feed(settings.home / f"shop-{PRODUCTS}-7", rows)
    demo.run_demo(settings, products=PRODUCTS, seed=7, serve=False)
    return settings.model_copy(update={"profile": "other"})


def test_a_shops_own_product_keeps_the_home(older: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not the demo's is not the demo's to forget: the refusal stays, and everything with it."""
    ledger = open_ledger(older)
    shirt = Product("shirt-1", "Red shirt", "https://shop.example/shirt-1", ())
    ledger.put([LedgerEntry(shirt, IngestState.INDEXED, "shop", "", "", datetime.now(UTC))])
    try:
        with pytest.raises(ModelMismatch, match="Use that model"):
            demo.run_demo(older, products=PRODUCTS, seed=7, serve=False)
        assert ledger.counts()[IngestState.INDEXED] == PRODUCTS + 1
    finally:
        ledger.delete(["shirt-1"])
        ledger.close()
    assert "anew" not in capsys.readouterr().err


def test_a_demo_of_other_models_is_made_anew(older: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line; the drawn shop and what is not of the catalogue stay."""
    feed = older.home / f"shop-{PRODUCTS}-7" / "feed.jsonl"
    drawn = feed.stat().st_mtime_ns
    (older.home / KEYS).write_bytes(b"kept")
    demo.run_demo(older, products=PRODUCTS, seed=7, serve=False)
    told = capsys.readouterr()
    assert (told.out + told.err).count("The demo's home was made by other models; it is made anew.") == 1
    assert feed.stat().st_mtime_ns == drawn
    assert (older.home / KEYS).read_bytes() == b"kept"
    with open_parts(older) as parts:
        assert parts.ledger.counts()[IngestState.INDEXED] == PRODUCTS
        assert parts.thatlook.search_image((older.home / "look.jpg").read_bytes(), k=3).garments[0].hits


def test_the_demo_knows_no_catalogue_in_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a production catalogue, drawn products would be written into it and sold."""
    for name in SERVERS:
        monkeypatch.setenv(f"THATLOOK_{name.upper()}", "http://shop.example")
    settings = demo_settings(Settings(home=tmp_path))
    assert settings.home == tmp_path / "demo"
    assert not any(getattr(settings, name) for name in SERVERS)
    served: list[Settings] = []
    monkeypatch.setattr(demo, "serve_forever", lambda overrides: served.append(Settings(**overrides)))
    demo._serve(plain_console(), settings, tmp_path / "look.jpg")
    assert not any(getattr(served[0], name) for name in SERVERS)
