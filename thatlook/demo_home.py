"""The demo's own home: always embedded, and made anew where other models made it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from engine.errors import ModelMismatch
from engine.system.own_exit import OwnExit
from engine.system.refusals import refusal
from models.bootstrap import LEDGER, Parts, hold_home, open_ledger, open_parts
from models.settings import Settings

FEED = "demo"
"""What the ledger calls the drawn feed."""
SERVERS = ("milvus_uri", "ledger_url", "s3_endpoint", "feed_url")
"""A shop's own catalogue and feed, of which the demo must not know."""


def demo_settings(settings: Settings) -> Settings:
    """The settings of the demo beside a catalogue: its own folder, and no server that holds the catalogue."""
    return settings.model_copy(update={"home": settings.home / "demo", **dict.fromkeys(SERVERS)})


@contextmanager
def open_demo(settings: Settings, console: Console) -> Iterator[Parts]:
    """The parts; a home that other models made is emptied first, if nothing but the demo's products lies in it.

    Raises:
        ModelMismatch: other products lie in it as well.
        ThatLookError: as `models.bootstrap.open_parts`.
    """
    with OwnExit() as stack:
        try:
            parts = stack.enter_context(open_parts(settings))
        except ModelMismatch:
            if not _forgotten(settings):
                raise
            console.print("The demo's home was made by other models; it is made anew.")
            parts = stack.enter_context(open_parts(settings))
        yield parts


def _forgotten(settings: Settings) -> bool:
    """Whether the home held the demo's products alone; its catalogue is gone then, the drawn shop is left."""
    with hold_home(settings.home):
        with closing(open_ledger(settings)) as ledger:
            drawn = set(ledger.ids(feed=FEED))
            if any(product_id not in drawn for product_id in ledger.ids()):
                return False
        try:
            _remove_catalogue(settings.home)
        except OSError as error:
            raise refusal(error, "The demo's home cannot be made anew", settings.home) from error
    return True


def _remove_catalogue(home: Path) -> None:
    """Moved out of the way first, the ledger before the rows: what is stopped in the midst of it is begun again."""
    with TemporaryDirectory(prefix="former-", dir=home) as former:
        for path in (*sorted(home.glob(f"{LEDGER}*"), reverse=True), home / "vectors", home / "images"):
            if path.exists():
                path.rename(Path(former, path.name))
