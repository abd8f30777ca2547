"""The commands `judge` and `report`: what clicks say of answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.system.options import JSON

if TYPE_CHECKING:
    from engine.feedback.clicks import Clicks, Judgement
    from engine.feedback.events import EventBook

_DAYS = click.option(
    "--days", type=click.IntRange(1, 3_650), default=30, show_default=True, help="Look back so many days."
)
_DEPTH = click.option(
    "--depth", type=click.IntRange(1, 100), default=10, show_default=True, help="Ranks that people are taken to see."
)


@click.command()
@click.option("--model", type=click.Choice(["coec", "ctr"]), default="coec", show_default=True,
              help="Clicks over those that the ranks explain (coec), or over times shown (ctr).")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["trec", "quepid", "json"]), default="trec", show_default=True,
              help="TREC qrels, Quepid's CSV, or JSON with all figures.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="A file instead of stdout; TREC's topics lie beside it, in FILE.topics.tsv.")  # fmt: skip
@click.option("--least-shown", type=click.IntRange(1), default=10, show_default=True,
              help="How often a product must have been shown for a query to be judged.")  # fmt: skip
@_DAYS
@_DEPTH
@JSON
@click.pass_obj
def judge(
    settings: Mapping[str, Any], model: str, form: str, output: Path | None, least_shown: int, days: int, depth: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Turn clicks on answers to words into judgements, 0 (not relevant) to 3, for a search's evaluation."""
    from engine.system.printing import say

    with _book(settings) as book:
        found = _clicks(book, days, depth).judgements(model, least_shown)
    text, topics = _written(found, "json" if as_json else form)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
        if topics:
            output.with_name(f"{output.name}.topics.tsv").write_text(topics, "utf-8")
    say(f"{len(found):,} judgements of {len({each.query for each in found}):,} queries.")


@click.group()
def report() -> None:
    """What the queries of the last days say: those without a good match, and clicks by rank."""


@report.command("no-match")
@_DAYS
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Show at most so many queries."
)
@JSON
@click.pass_obj
def no_match(settings: Mapping[str, Any], days: int, limit: int, as_json: bool) -> None:
    """Queries that found nothing good, the most frequent first."""
    from engine.forms.feedback import weak_queries_form
    from engine.system.printing import print_json, printable

    with _book(settings) as book:
        found = book.weak(_since(days), limit)
    if as_json:
        print_json(weak_queries_form(found))
        return
    for each in found:
        best = "no hit" if each.best is None else f"best {each.best:.2f}"
        click.echo(f"{each.count:6,}  {best:>9}  {each.last:%Y-%m-%d}  {each.kind:7} {printable(each.query)}")
    if not found:
        click.echo("No query of these days was without a good match.", err=True)


@report.command("clicks")
@_DAYS
@_DEPTH
@JSON
@click.pass_obj
def clicks(settings: Mapping[str, Any], days: int, depth: int, as_json: bool) -> None:
    """How often hits were shown and clicked at each rank."""
    from engine.forms.feedback import clicks_form
    from engine.system.printing import print_json, printable

    with _book(settings) as book:
        told = _clicks(book, days, depth).report()
    if as_json:
        print_json(clicks_form(told))
        return
    click.echo(f"{told.queries:,} answers with hits, {told.clicked:,} of them with a click; MRR {told.mrr:.3f}")
    for rank in told.ranks:
        click.echo(f"rank {rank.rank:3}  shown {rank.shown:8,}  clicked {rank.clicked:8,}  {rank.ctr:6.1%}")
    click.echo("".join(f"{printable(name)}: {n:,}\n" for name, n in told.actions.items()), nl=False)


def _clicks(book: EventBook, days: int, depth: int) -> Clicks:
    from engine.feedback.clicks import read_clicks

    return read_clicks(book.queries(_since(days)), book.events(_since(days)), depth)


def _since(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def _written(found: Sequence[Judgement], form: str) -> tuple[str, str]:
    """Judgements in a form, and the topics that it names by number."""
    from engine.feedback.clicks import as_trec
    from engine.system.printing import encoded

    if form == "json":
        return encoded({"judgements": [asdict(each) for each in found]}).decode() + "\n", ""
    if form == "trec":
        lines, topics = as_trec(found)
        return "".join(f"{line}\n" for line in lines), "".join(f"{line}\n" for line in topics)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("query", "docid", "rating"))
    writer.writerows((each.query, each.product_id, each.grade) for each in found)
    return table.getvalue(), ""


@contextmanager
def _book(settings: Mapping[str, Any]) -> Iterator[EventBook]:
    """The queries and events of this home, also while it is served.

    Raises:
        QueryRejected: none were ever kept.
    """
    from engine.errors import QueryRejected
    from models.bootstrap import events_are_kept, open_events
    from models.settings import read_settings

    read = read_settings(settings)
    if not events_are_kept(read):
        raise QueryRejected(
            "No queries or events were kept here yet: serve with THATLOOK_EVENTS=1, and send what people do to "
            "POST /v1/events."
        )
    book = open_events(read)
    try:
        yield book
    finally:
        book.close()
