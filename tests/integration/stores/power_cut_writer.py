"""A process that fills an embedded home, changes it and closes it, and says what was acknowledged.

Started as `python -m tests.integration.stores.power_cut_writer HOME FEEDS`; prints the name of each
feed whose products are acknowledged.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.ledger.sql import SqlLedger
from ingest.pipeline import ingest_feed
from tests.fixtures.catalogue import close_parts, open_fake_parts, row, write_feed

FEEDS = ("first", "prices", "fewer", "colors")


def write_feeds(folder: Path) -> None:
    """Twelve products; other prices for half of them; a third leaves; others come with new pictures."""
    first = [row(f"p{n}") for n in range(12)]
    prices = [row(f"p{n}", price=f"{20 + n}.00 EUR" if n % 2 else "10.00 EUR") for n in range(12)]
    colors = [row(f"p{n}", f"again{n}.png" if n % 2 else f"p{n}.png", price="30.00 EUR") for n in range(2, 14)]
    for name, rows in zip(FEEDS, (first, prices, prices[4:], colors), strict=True):
        write_feed(folder, rows, f"{name}.jsonl")


def main() -> None:
    """Two sessions of two feeds each, so that a home is opened, closed and opened again."""
    home, feeds = Path(sys.argv[1]), Path(sys.argv[2])
    home.mkdir(parents=True, exist_ok=True)
    # Made as a home's is: the copy of an empty ledger that tests take otherwise is not flushed to the disk.
    SqlLedger(f"sqlite:///{home}/ledger.db").close()
    for session in (FEEDS[:2], FEEDS[2:]):
        parts = open_fake_parts(home, lite=True)
        for name in session:
            ingest_feed(parts, feeds / f"{name}.jsonl", name="shop", prune=True)
            sys.stdout.write(f"{name}\n")
            sys.stdout.flush()
        close_parts(parts)


if __name__ == "__main__":
    main()
