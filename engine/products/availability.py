"""What shops, their programs and schema.org call stock → Google Merchant's four words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from types import MappingProxyType
from unicodedata import combining, normalize

from engine.domain import Availability

_IN = """
    in stock | instock | available | only left | left in stock | left | pieces | pcs | stück | noch stück |
    few left | last one | last ones | last items | last pieces | nur noch wenige | letzte stücke |
    derniers articles | is in stock | limited availability | limited | low stock | in store only | online only |
    available for order | available now | immediately available | ready to ship | active | published | continue |
    true | yes | y | on | verfügbar | lieferbar | auf lager | lagernd | vorrätig | sofort lieferbar |
    sofort verfügbar | ja | en stock | disponible | disponibles | oui | disponibile | disponibili | in magazzino |
    si | op voorraad | leverbaar | beschikbaar | disponível | em estoque | em stock | sim | dostępny | w magazynie |
    skladem | i lager | på lager | på lager nu | varastossa | в наличии | есть в наличии | var | stokta |
    stokta var | mevcut | am lager | ab lager | na sklade | na lageru | na zalogi | raktáron | készleten | în stoc |
    in stoc | в наявності | на склад | налично | σε απόθεμα | διαθέσιμο | άμεσα διαθέσιμο | laos | sandėlyje |
    noliktavā | finns i lager | tersedia | stok tersedia | còn hàng | มีสินค้า | 有库存 | 有貨 | 有货 | 现货 | 現貨 |
    在庫あり | 在庫有り | 재고 있음 | 구매 가능 | متوفر | متاح | במלאי | да | items left | item left | elérhető |
    saatavilla | k dispozici | dostupné | dostupný | dostupná | dostupno | skladom | dostępne | dostępna | na stanie |
    disponibilità immediata | almost sold out | nearly sold out | fast ausverkauft | presque épuisé |
    bientôt épuisé | casi agotado | quasi esaurito | bijna uitverkocht | 품절임박
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
    ej i lager | slut | slut på lager | нет в наличии | stokta yok | yok | tükendi | loppu | loppunut |
    ei varastossa | není skladem | vyprodané | vypredané | nie je na sklade | rasprodano | nema na zalihi |
    razprodano | elfogyott | nincs raktáron | stoc epuizat | indisponibil | немає в наявності | няма в наличност |
    изчерпан | изчерпано | εξαντλήθηκε | εξαντλημένο | μη διαθέσιμο | läbi müüdud | išparduota | izpārdots | habis |
    stok habis | hết hàng | สินค้าหมด | 缺货 | 缺貨 | 无货 | 無貨 | 售罄 | 在庫なし | 在庫切れ | 売り切れ |
    품절 | 일시품절 | 재고 없음 |
    غير متوفر | نفدت الكمية | אזל | אזל מהמלאי | לא במלאי | нет | sold | end of life | eol | not for sale |
    plus disponible | plus disponibles | plus en stock | plus en vente | épuisée | épuisés | épuisées | agotada |
    agotados | agotadas | no hay stock | no hay existencias | esaurita | esauriti | nincs készleten | nem elérhető |
    ei saatavilla | brak | brak towaru | niedostępne | niedostępna | není k dispozici | nedostupné | nedostupný |
    nedostupno | nie je skladom | 下架
"""
_PREORDER = """
    preorder | pre order | preorders | presale | pre sale | coming soon | available for pre order |
    available for preorder | vorbestellbar | vorbestellung | vorverkauf | bald verfügbar | précommande |
    en précommande | pré commande | preventa | reserva | preordine | in prevendita | prenotabile | voorverkoop |
    pre order mogelijk | pré venda | przedsprzedaż | available soon | available from | verfügbar ab | lieferbar ab |
    back in stock soon | available again soon | bald wieder verfügbar | bald wieder lieferbar | bald lieferbar |
    bientôt disponible | de nouveau disponible bientôt | disponible prochainement | disponible pronto |
    próximamente disponible | disponible en breve | presto disponibile | binnenkort beschikbaar | ожидается |
    disponible bientôt | disponible à partir | disponible a partir | disponibile dal | próximamente | предзаказ |
    预售 | 預購 | 予約受付中 | 予約商品 | 예약판매
"""
_BACKORDER = """
    backorder | back order | backordered | on backorder | on back order | available on backorder | made to order |
    built to order | special order | nachbestellt | nachbestellbar | auf bestellung | auf nachbestellung |
    bestellbar | lieferrückstand | sur commande | disponible sur commande | available to order |
    en réapprovisionnement | en attente de réapprovisionnement | bajo pedido | pedido pendiente | su ordinazione |
    in riordino | op bestelling | nabestelling | in nabestelling | sob encomenda | por encomenda | na zamówienie |
    на заказ | под заказ | on order | 补货中 | 入荷待ち
"""
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_COUNT = re.compile(r"(?:[<>]=?\s?)?[-+]?\d{1,9}(?:[.,]0+)?\+?")
_NAMED_COUNT = re.compile(
    r"(?:in stock|stock|qty|quantity|inventory|bestand|lager|lagerbestand|menge|anzahl|quantité|cantidad|quantità"
    r"|voorraad)"
    r"\s?[:=]?\s?(?P<count>[-+]?\d{1,9})",
    re.IGNORECASE,
)
"""In "stock: 5"."""
_LONGEST, _SHORT = 120, 6
"""Characters of a sentence that are read, and of words that say nothing in the midst of one, such as "left"."""
_ALONE = frozenset(
    {"published", "continue", "limited", "inactive", "archived", "disabled", "expired", "reserved", "reserva"}
)
"""Words that mean stock where nothing else is said."""
_NOT = re.compile(r" (?:not|\w+n t|no|non|nicht|kein|keine|pas|niet|nao|ne|neni|ikke|inte|ei|nie|nem|nincs)(?: \w+)? $")
_NONE_LEFT = re.compile(r"(?<![\d.,])0(?![\d.,])")
"""In "0 in stock"."""
_MORE = re.compile(r"[,;(]")
"""What follows says how long it takes ("sofort verfügbar, Lieferzeit 1-3 Tage")."""


_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_STOCK_FROM = re.compile(
    r"\b(?:stock|available|lager|lieferbar|verfügbar|disponibles?|disponibili?|voorraad|leverbaar|skladem|наличии)"
    r"(?: again)?[\s:(]+(?:(?:on|from|by|ab|am|dem|le|el|il|dal|du|desde|dès|vanaf|op|od|från|fra|с|the)\s+)*"
    r"(?:(?P<iso>\d{4}-\d{2}-\d{2})|(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.(?P<year>\d{4})|\d{1,2}/\d{1,2}/\d{2,4}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?\s+{_MONTH}\b|{_MONTH}\s+\d)",
    re.IGNORECASE,
)
"""In "in stock on 2026-12-01"; a day that is written otherwise is taken to lie ahead."""


def availability_of(text: str) -> Availability | None:
    """What a word for stock means, None for others: "In Stock", `instock`, "https://schema.org/InStock", "épuisé".

    A number is how many there are, as Zen Cart's 1 and 0. What is in stock only from a day on can be ordered before.
    """
    meant = _meaning(text)
    return Availability.PREORDER if meant is Availability.IN_STOCK and _lies_ahead(text) else meant


def _lies_ahead(text: str) -> bool:
    """Whether stock is promised for a day that has not come yet."""
    if len(text) > _LONGEST or not (said := _STOCK_FROM.search(text)):
        return False
    try:
        day = date.fromisoformat(said["iso"] or f"{said['year']}-{said['month']:0>2}-{said['day']:0>2}")
    except (ValueError, TypeError):
        return True
    return day > datetime.now(UTC).date()


@lru_cache(maxsize=1024)
def _meaning(text: str) -> Availability | None:
    bare = text.strip()
    if named := _NAMED_COUNT.fullmatch(bare):
        bare = named["count"]
    if _COUNT.fullmatch(bare):
        return (
            Availability.OUT_OF_STOCK if bare.startswith("-") or not bare.strip("<>=+0., ") else Availability.IN_STOCK
        )
    for words in (re.split(r"[/#:=]", bare.rstrip("/#"))[-1], _MORE.split(bare)[0]):
        if meant := _STOCK.get(_letters(words)):
            return _counted(meant, bare)
    meant = _in_sentence(bare[:_LONGEST])
    return meant and _counted(meant, bare)


def _counted(meant: Availability, text: str) -> Availability:
    """What a word means beside a count."""
    none_left = meant is Availability.IN_STOCK and _NONE_LEFT.search(text)
    return Availability.OUT_OF_STOCK if none_left else meant


def _in_sentence(text: str) -> Availability | None:
    """What words among others mean: "Temporarily sold out", "In stock and ready to ship", "not in stock"."""
    words = f" {_words(text)} "
    for meant, phrases in _PHRASES.items():
        if hit := phrases.search(words):
            if not _NOT.search(words[: hit.start()]):
                return meant
            return Availability.OUT_OF_STOCK if meant is Availability.IN_STOCK else None
    return None


def _letters(text: str) -> str:
    """Letters alone, without case and accents."""
    return _words(text).replace(" ", "")


def _words(text: str) -> str:
    """The same with a space between words."""
    apart = normalize("NFKD", text.casefold().replace("ł", "l"))
    return _NOT_LETTERS.sub(" ", "".join(each for each in apart if not combining(each))).strip()


def _table() -> Mapping[str, Availability]:
    return MappingProxyType({_letters(word): meant for meant, words in _SAID.items() for word in words})


def _phrases() -> Mapping[Availability, re.Pattern[str]]:
    """By meaning, what is looked for in a sentence: the more special meanings first, of each the longest words."""
    found = {}
    for meant in (Availability.PREORDER, Availability.BACKORDER, Availability.OUT_OF_STOCK, Availability.IN_STOCK):
        plain = {_words(word) for word in _SAID[meant] if word not in _ALONE}
        long = sorted((word for word in plain if word.isascii() and len(word) > _SHORT), key=len, reverse=True)
        found[meant] = re.compile(rf"(?<= )(?:{'|'.join(long)})(?= )")
    return MappingProxyType(found)


_SAID = {
    meant: tuple(word for each in words.split("|") if (word := " ".join(each.split())))
    for meant, words in (
        (Availability.IN_STOCK, _IN),
        (Availability.OUT_OF_STOCK, _OUT),
        (Availability.PREORDER, _PREORDER),
        (Availability.BACKORDER, _BACKORDER),
    )
}
_STOCK = _table()
_PHRASES = _phrases()
