"""What shops, their programs and schema.org call stock → Google Merchant's four words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from unicodedata import combining, normalize

from engine.domain import Availability

_IN = """
    in stock | instock | available | only left | left in stock | left | pieces | pcs | stück | noch stück |
    is in stock | limited availability | limited | low stock | in store only | online only | available for order |
    available now | immediately available | ready to ship | active | published | continue | true | yes | y | on |
    verfügbar | lieferbar | auf lager | lagernd | vorrätig | sofort lieferbar | sofort verfügbar | ja | en stock |
    disponible | disponibles | oui | disponibile | disponibili | in magazzino | si | op voorraad | leverbaar |
    beschikbaar | disponível | em estoque | em stock | sim | dostępny | w magazynie | skladem | i lager | på lager |
    på lager nu | varastossa | в наличии | var | stokta var
"""
_OUT = """
    out of stock | outofstock | sold out | soldout | unavailable | not available | no stock | discontinued |
    reserved | oos | inactive | draft | archived | disabled | deny | false | no | n | off | none | out | ended |
    expired | temporarily out of stock | temporarily unavailable | currently unavailable | no longer available |
    nicht verfügbar | nicht lieferbar | nicht auf lager | nicht vorrätig | ausverkauft | vergriffen |
    derzeit nicht verfügbar | zur zeit nicht lieferbar | nein | rupture de stock | en rupture de stock | rupture |
    épuisé | indisponible | non disponible | non | agotado | no disponible | sin stock | sin existencias |
    fuera de stock | esaurito | non disponibile | terminato | niet op voorraad | uitverkocht | niet leverbaar |
    niet beschikbaar | nee | esgotado | indisponível | fora de estoque | sem estoque | sem stock | não disponível |
    niedostępny | brak w magazynie | vyprodáno | slutsåld | slut i lager | udsolgt | utsolgt | ikke på lager |
    ej i lager | нет в наличии | stokta yok | yok | tükendi
"""
_PREORDER = """
    preorder | pre order | preorders | presale | pre sale | coming soon | available for pre order |
    available for preorder | vorbestellbar | vorbestellung | vorverkauf | bald verfügbar | précommande |
    en précommande | pré commande | preventa | reserva | preordine | in prevendita | prenotabile | voorverkoop |
    pre order mogelijk | pré venda | przedsprzedaż
"""
_BACKORDER = """
    backorder | back order | backordered | on backorder | on back order | available on backorder | made to order |
    built to order | special order | nachbestellt | nachbestellbar | auf bestellung | auf nachbestellung |
    bestellbar | lieferrückstand | sur commande | disponible sur commande | available to order |
    en réapprovisionnement | en attente de réapprovisionnement | bajo pedido | pedido pendiente | su ordinazione |
    in riordino | op bestelling | nabestelling | in nabestelling | sob encomenda | por encomenda | na zamówienie |
    на заказ
"""
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_COUNT = re.compile(r"(?:[<>]=?\s?)?[-+]?\d{1,9}(?:[.,]0+)?\+?")
_NONE_LEFT = re.compile(r"(?<![\d.,])0(?![\d.,])")
"""In "0 in stock"."""
_MORE = re.compile(r"[,;(]")
"""What follows says how long it takes ("sofort verfügbar, Lieferzeit 1-3 Tage")."""


@lru_cache(maxsize=1024)
def availability_of(text: str) -> Availability | None:
    """What a word for stock means, None for others: "In Stock", `instock`, "https://schema.org/InStock", "épuisé".

    A number is how many there are, as Zen Cart's 1 and 0.
    """
    bare = text.strip()
    if _COUNT.fullmatch(bare):
        return (
            Availability.OUT_OF_STOCK if bare.startswith("-") or not bare.strip("<>=+0., ") else Availability.IN_STOCK
        )
    for words in (re.split(r"[/#:]", bare.rstrip("/#"))[-1], _MORE.split(bare)[0]):
        if meant := _STOCK.get(_letters(words)):
            none_left = meant is Availability.IN_STOCK and _NONE_LEFT.search(bare)
            return Availability.OUT_OF_STOCK if none_left else meant
    return None


def _letters(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    apart = normalize("NFKD", text.casefold().replace("ł", "l"))
    return _NOT_LETTERS.sub("", "".join(each for each in apart if not combining(each)))


def _table() -> Mapping[str, Availability]:
    rows = {
        Availability.IN_STOCK: _IN,
        Availability.OUT_OF_STOCK: _OUT,
        Availability.PREORDER: _PREORDER,
        Availability.BACKORDER: _BACKORDER,
    }
    return MappingProxyType(
        {_letters(word): meant for meant, words in rows.items() for word in words.split("|") if word.strip()}
    )


_STOCK = _table()
