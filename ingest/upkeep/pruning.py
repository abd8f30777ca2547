"""Taking out products that left their feed, with care: a short feed is more often an accident than a sale."""

from __future__ import annotations

from pathlib import Path

from engine.errors import FeedUnreadable
from engine.seams import Ledger
from ingest.run.writer import Writer

MOST_SHARE = 0.5
CHUNK = 200


def claim_feed(ledger: Ledger, name: str, here: str, *, named: bool, prune: bool) -> None:
    """Remember the folders that feeds of this name were read from, and prune by file name only where it is one.

    `here` is the folder of the feed that is read now, or another name of where it comes from.

    A name that the shop gave itself (`named`) means one feed, wherever it lies.

    Raises:
        FeedUnreadable: pruning might take out another feed's products.
    """
    known = (ledger.get_setting(_setting(name)) or "").splitlines()
    others = [folder for folder in known if folder != here]
    if prune and others and not named:
        raise FeedUnreadable(
            f"A feed {name} was also read from {others[0]}. If this is the same feed, moved, say "
            f"--name {name}; if it is another one, give it a name of its own."
        )
    wanted = [here] if named else [*others, here]
    if wanted != known:
        ledger.set_setting(_setting(name), "\n".join(wanted))


def folder_of(ledger: Ledger, name: str) -> str | None:
    """The folder that a feed of this name was last read from; None for products that came one by one or over HTTP."""
    folders = (ledger.get_setting(_setting(name)) or "").splitlines()
    return folders[-1] if folders and Path(folders[-1]).is_absolute() else None


def prune_feed(
    ledger: Ledger, writer: Writer, name: str, seen: set[str], obstacle: str | None, *, prune_all: bool
) -> tuple[int, str | None]:
    """Remove the feed's products that are not in `seen`; returns how many, and a note if there is something to say."""
    if obstacle:
        return 0, obstacle
    before = 0
    gone: list[str] = []
    for product_id in ledger.ids(feed=name):
        before += 1
        if product_id not in seen:
            gone.append(product_id)
    if len(gone) > MOST_SHARE * before and not prune_all:
        return 0, (
            f"{len(gone)} of {before} products are no longer in the feed; that is more than half, so none was removed. "
            "If this is intended, use --prune-all"
        )
    removed = sum(writer.remove(gone[start : start + CHUNK]) for start in range(0, len(gone), CHUNK))
    return removed, None


def _setting(name: str) -> str:
    return f"feed-folder:{name}"
