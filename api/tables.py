"""An answer as tables, for people at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.forms.answers import AnswerForm, GarmentHitsForm, HitForm
from engine.system.console import plain_console, words


def show_answer(answer: AnswerForm, console: Console | None = None) -> None:
    """One table for each garment, and where the time went."""
    console = console or plain_console()
    for garment in answer.garments:
        console.print(_table(garment))
    stages = ", ".join(f"{stage} {ms:.0f}" for stage, ms in answer.timing_ms.items())
    console.print(Text(f"milliseconds: {stages}", style="dim"))
    for note in answer.notes:
        console.print(words(note))


def _table(garment: GarmentHitsForm) -> Table:
    name = garment.label or garment.supercategory or "products"
    perhaps = "".join(f", or {other.replace('_', ' ')}" for other in garment.also)
    seen = f" (seen with {garment.score:.0%}{perhaps})" if garment.score is not None else ""
    table = Table(title=f"{name}{seen}", title_justify="left", expand=True, show_lines=True)
    if not garment.hits:
        table.caption = "Nothing matches."
    table.add_column("score", justify="right", no_wrap=True)
    for heading, ratio in (("product", 5), ("price", 2), ("why", 4)):
        table.add_column(heading, overflow="fold", ratio=ratio)
    for hit in garment.hits:
        table.add_row(f"{hit.score:.2f}", *_cells(hit))
    return table


def _cells(hit: HitForm) -> tuple[Text, ...]:
    brand = f" · {hit.brand}" if hit.brand else ""
    sizes = ", ".join(each.size for each in hit.variants if each.size)
    product = [words(hit.title + brand), *([words(f"Sizes: {sizes}")] if sizes else [])]
    link = words(hit.link, "dim")
    return _lines(*product, link), _lines(*map(words, _price(hit))), _lines(*map(words, hit.why))


def _price(hit: HitForm) -> list[str]:
    """What it costs, what it did before the sale, and whether it can be bought."""
    price = "" if hit.price is None else f"{hit.price:.2f} {hit.currency or ''}".rstrip()
    on_sale = hit.list_price is not None and hit.price is not None and hit.list_price > hit.price
    stock = "" if hit.availability == "in_stock" else hit.availability.replace("_", " ")
    return [line for line in (price, f"was {hit.list_price:.2f}" if on_sale else "", stock) if line]


def _lines(*lines: Text) -> Text:
    return Text("\n").join(lines)
