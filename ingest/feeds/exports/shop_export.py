"""What the exports of shop programs have in common: no links, no currency, options by free names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import FeedUnreadable
from ingest.feeds.columns import column_name
from ingest.feeds.delimited import Cells, plain_cell
from ingest.feeds.rows import Feed

_OPTIONS = {
    "color": "color colour colors colours shade farbe farben couleur couleurs kleur kleuren colore colori cor cores"
    " kolor farg färg farve farge väri",
    "size": "size sizes größe größen grösse groesse taille tailles maat maten taglia talla tamanho rozmiar storlek"
    " størrelse koko eu-size uk-size us-size",
    "material": "material materials fabric stoff matière matiere tissu materiaal stof materiale tessuto tejido tecido",
    "pattern": "pattern muster motif patroon motivo",
    "gender": "gender geschlecht genre geslacht genere género target-gender",
    "age_group": "age-group altersgruppe",
    "brand": "brand marke marque merk marca märke",
}
_FIELDS = {name: field for field, names in _OPTIONS.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Record:
    """One row's cells that hold something, by their keys, at its line."""

    line: int
    cells: Mapping[str, str]
    problem: str | None = None

    def __getitem__(self, key: str) -> str:
        return self.cells.get(key, "")


def header_key(cell: str) -> str:
    """A header in small letters, single blanks between its words."""
    return " ".join(cell.replace("\ufeff", "").strip().strip('"').casefold().split())


def records(rows: Iterator[Cells], keys: Sequence[str]) -> Iterator[Record]:
    """Rows by the header's keys; of columns with one key the first that holds something."""
    for row in rows:
        cells: dict[str, str] = {}
        for key, cell in zip(keys, row.cells, strict=False):
            if key and (text := plain_cell(cell).strip()):
                cells.setdefault(key, text)
        yield Record(row.line, cells, row.problem)


def option_field(name: str) -> str:
    """The field that an option is ("Colour", "Größe", "pa_size"), or its own name as an attribute."""
    bare = name.strip()
    return _FIELDS.get(re.sub(r"[\s_]+", "-", bare.casefold().removeprefix("pa_")).strip("-"), "") or column_name(bare)


def price_fields(price: str, before: str) -> dict[str, object]:
    """The price, and the sale price where it was higher `before`."""
    return {"price": before, "sale_price": price} if before else {"price": price}


def shop_url(feed: Feed, program: str) -> str:
    """The shop's address.

    Raises:
        FeedUnreadable: it was not said.
    """
    if feed.options.shop_url is None:
        raise FeedUnreadable(
            f"The feed {feed.name} is an export of {program}, which has no links to its products; say "
            "--shop-url https://YOUR-SHOP, and they are made from it."
        )
    return feed.options.shop_url
