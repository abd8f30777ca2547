"""What people see of an ingest: a bar with rate and ETA, and tables at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from engine.system.printing import printable
from ingest.run.summary import OnProgress, Progress, Summary

REASONS_SHOWN = 15
ROWS_SHOWN = 20


@contextmanager
def shown_progress(console: Console) -> Iterator[OnProgress]:
    """A progress bar for as long as the run lasts."""
    columns = (
        TextColumn("ingest"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}", markup=False),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("ingest", total=None, rate="", counts="")

        def show(progress: Progress) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                rate=f"{speed:.1f}/s" if speed else "",
                counts=_in_words(progress.counts),
            )

        yield show


def _in_words(counts: Mapping[str, int]) -> str:
    named = ("queued", "indexed", "updated", "unchanged", "refused", "failed", "bad_rows")
    return " · ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in named if counts.get(name))


def show_summary(console: Console, summary: Summary) -> None:
    """The run in tables."""
    table = Table("product", "count", title=f"{summary.feed}: {summary.read} rows in {summary.seconds:.1f} s")
    for name in ("queued", "indexed", "updated", "unchanged", "refused", "failed", "bad_rows", "pruned"):
        if name == "queued" and not summary.queued:
            continue
        table.add_row(name.replace("_", " "), str(getattr(summary, name)))
    console.print(table)
    _show_reasons(console, "Products not indexed", summary.products_refused)
    _show_reasons(console, "Pictures not indexed", summary.images_refused)
    _show_reasons(console, "Changed in rows that were accepted", summary.changed)
    if summary.errors:
        rows = Table("line", "id", "reason", title="Rows that were rejected")
        for error in summary.errors[:ROWS_SHOWN]:
            rows.add_row(str(error.line), error.product_id or "", error.reason)
        console.print(rows)
    if summary.guessed:
        named = ", ".join(summary.guessed_ids[:ROWS_SHOWN]) + (" …" if summary.guessed > ROWS_SHOWN else "")
        console.print(
            f"{summary.guessed} products name no garment in category or title; their kind was told from the picture "
            f"alone and may be wrong: {named}"
        )
    if summary.queued and not (summary.indexed + summary.updated + summary.refused + summary.failed):
        console.print("Workers (`thatlook worker`) take it from here; `thatlook queue` shows how far they are.")
    if summary.note:
        console.print(f"Note: {summary.note}.")


def _show_reasons(console: Console, title: str, reasons: Mapping[str, int]) -> None:
    if not reasons:
        return
    table = Table("reason", "count", title=title)
    for reason, count in list(reasons.items())[:REASONS_SHOWN]:
        table.add_row(reason, str(count))
    if len(reasons) > REASONS_SHOWN:
        table.add_row(f"{len(reasons) - REASONS_SHOWN} more reasons", str(sum(list(reasons.values())[REASONS_SHOWN:])))
    console.print(table)


def summary_json(summary: Summary) -> dict[str, Any]:
    """The run as one JSON document."""
    return {
        "feed": summary.feed,
        "run_id": summary.run_id,
        "complete": summary.complete,
        "seconds": summary.seconds,
        "products_per_s": round(summary.products_per_s, 2),
        "products": {
            name: getattr(summary, name)
            for name in ("read", "indexed", "updated", "unchanged", "refused", "failed", "pruned")
        },
        "products_refused": dict(summary.products_refused),
        "images_refused": dict(summary.images_refused),
        "bad_rows": summary.bad_rows,
        "errors": [{"line": e.line, "id": e.product_id, "reason": e.reason} for e in summary.errors],
        "note": summary.note,
        "guessed": {"count": summary.guessed, "ids": list(summary.guessed_ids)},
        "changed": dict(summary.changed),
        "taken": summary.taken,
        "queued": summary.queued,
        "error": {"code": "feed-unreadable", "message": printable(summary.error)} if summary.error else None,
    }
