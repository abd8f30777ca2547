"""Values as they are compared: one form for every spelling of a word, of a stock, of a gender.

Feeds, filters and the words of a query go through the same functions, so that what one of them takes, all take.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from engine.domain import Availability
from engine.products.availability import availability_of
from engine.products.categories import category_of_id, category_paths
from engine.products.text import decoded
from engine.unicode_forms import nfc

BRAND_FACET = "~brand"
"""The facet that holds the brand's letters and digits alone, by which the words of a query name it."""
WORDS_FACET = "~words"
"""The facet that holds the words of the shop's title, category, material and pattern, for evidence by words."""
_MARKS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
        **dict.fromkeys("‘’‛′＇ʼ", "'"),
        **dict.fromkeys("“”‟″＂", '"'),
        **dict.fromkeys("\u00ad\u200b\u200c\u2060\ufeff", None),
    }
)
"""Typographic marks → the ones on a keyboard; what has no width → nothing."""
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_SLASH = re.compile(r"\s*/\s*")
_STEP = re.compile(r"\s*[>＞›»→]\s*")
_COMMA = r"\s*,\s+|(?<=[^\W\d_]),(?=[^\W\d_])"
"""A comma in a list; "38,5" is one size."""
_PARTS = re.compile(rf"\s*[/|;]\s*|{_COMMA}")
_SIZES = re.compile(rf"\s*[|;]\s*|{_COMMA}")
_SHARE = re.compile(r"[\s:]*\d+(?:[.,]\d+)?\s*%[\s:]*")
_SEVERAL = re.compile(r"\s*[,;|/]\s*|\s+(?:or|oder|ou|o)\s+", re.IGNORECASE)
_MOST_STEPS = 8

GENDERS = ("male", "female", "unisex")
AGE_GROUPS = ("newborn", "infant", "toddler", "kids", "adult")
_GENDERS = {
    "male": "male males m man men mens boy boys gentleman gentlemen masculine herren herr männer mann jungen homme"
    " hommes hombre hombres uomo uomini",
    "female": "female females f w woman women womens girl girls lady ladies feminine damen dame frauen frau mädchen"
    " femme femmes mujer mujeres donna donne",
    "unisex": "unisex all any both neutral genderneutral allgenders mixed mixte u",
}
_AGES = {
    "newborn": "newborn newborns neugeborene",
    "infant": "infant infants baby babies babys bébé",
    "toddler": "toddler toddlers kleinkind kleinkinder",
    "kids": "kids kid child children childrens kind kinder enfant enfants niños bambini",
    "adult": "adult adults erwachsene erwachsener adulte adultes adulto adultos adulti",
}
_MEANT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        facet: {word: value for value, words in table.items() for word in words.split()}
        for facet, table in (("gender", _GENDERS), ("age_group", _AGES))
    }
)
"""Words for the values of a closed list, by facet."""
CLOSED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"availability": tuple(each.value for each in Availability), "gender": GENDERS, "age_group": AGE_GROUPS}
)
"""Facets whose values are a closed list."""


def composed(text: str) -> str:
    """Unicode's composed form (NFC): "é" is one character, however it was typed."""
    return nfc(text)


def keyboard(text: str) -> str:
    """Composed, with dashes, quotes and spaces as a keyboard has them, and nothing that cannot be seen."""
    return composed(text).translate(_MARKS)


def folded(text: str) -> str:
    """The form in which values are stored and compared: case, accents' coding, marks and spaces say nothing."""
    return composed(" ".join(keyboard(text).casefold().split()))


def bare(text: str) -> str:
    """Letters and digits alone, without accents: "H&M", "h & m" and "H and M" are one name."""
    apart = unicodedata.normalize("NFKD", re.sub(r"\s+(?:and|und|et)\s+", "&", folded(text)))
    return "".join(each for each in apart if each.isalnum())


def closed_value(facet: str, text: str) -> str | None:
    """The value of a closed list that a text means; None where it means none."""
    if facet == "availability":
        stock = availability_of(text)
        return stock.value if stock else None
    return _MEANT[facet].get(_letters(text))


def closed_values(facet: str, text: str) -> frozenset[str]:
    """The values of a closed list that a text means, which may name several: "in stock, preorder"."""
    meant = [closed_value(facet, one) for one in _SEVERAL.split(" ".join(text.split()))]
    whole = closed_value(facet, text)
    return frozenset(filter(None, meant if None not in meant else [whole]))


def canonical(facet: str, text: str) -> str:
    """A facet's value as it is stored: "Navy / White" and "navy/white" are one colour, "A>B" and "A > B" one path.

    Google's id of a category is its path.
    """
    value = folded(text)
    if facet in ("color", "material", "size"):
        return _SLASH.sub("/", value)
    return " > ".join(steps_of(category_of_id(value) or value)) if facet == "category" else value


def asked_forms(facet: str, text: str) -> frozenset[str]:
    """Every stored form that a caller's value means, those of catalogues written by former versions included."""
    as_written = " ".join(text.casefold().split())
    forms = {canonical(facet, one) for one in _spellings(facet, text)}
    if as_written != folded(text) or not as_written.isascii():
        forms |= {as_written, unicodedata.normalize("NFD", as_written)}
    return frozenset(form for form in forms if form)


def _spellings(facet: str, text: str) -> set[str]:
    """A caller's value, and what a feed may have for it: entities decoded, blanks around slashes, a path's steps."""
    plain = " ".join(decoded(text).split())
    found = {text, plain, _SLASH.sub("/", plain), _SLASH.sub(" / ", plain)}
    return found | set(category_paths([plain], google=True)) if facet == "category" else found


def parts_of(facet: str, text: str) -> tuple[str, ...]:
    """What a field says exactly, and beside it the parts of a list: a colour's, a material's. A size is no list.

    "Black/White" → black/white, black, white; the size "16/34" → 16/34; the sizes "S, M" → s, m, and both together;
    the material "80% Wool, 20% Nylon" → also wool and nylon.
    """
    marks = _SIZES if facet == "size" else _PARTS if facet in ("color", "material") else None
    pieces = marks.split(text) if marks else []
    if facet == "material":
        pieces += [_SHARE.sub("", piece) for piece in pieces]
    return tuple(dict.fromkeys(value for one in (text, *pieces) if (value := canonical(facet, one))))


def steps_of(category: str) -> list[str]:
    """ "Clothing > Dresses" → its steps, as facet values."""
    return [value for part in _STEP.split(category) if (value := folded(part))]


def paths_of(category: str) -> tuple[str, ...]:
    """What finds a category: each of its steps, the whole path, and every part of the path."""
    steps = steps_of(category)[:_MOST_STEPS]
    spans = [" > ".join(steps[a:b]) for a in range(len(steps)) for b in range(a + 1, len(steps) + 1)]
    return tuple(dict.fromkeys((*steps, " > ".join(steps), *spans))) if steps else ()


def completed(facets: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Facets as they are written today, from those that a former version wrote, which kept only the parts of lists."""
    added = dict(_completions(facets))
    return {**facets, **added} if added else facets


def _completions(facets: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for facet in ("color", "material", "size"):
        values = facets.get(facet, ())
        if len(values) > 1 and not any(_PARTS.search(value) for value in values):
            whole = "/".join(values)
            yield facet, (whole,) if facet == "size" else (whole, *values)
    if BRAND_FACET not in facets and (names := [name for text in facets.get("brand", ()) if (name := bare(text))]):
        yield BRAND_FACET, tuple(names)
    paths = [value for value in facets.get("category", ()) if value.count(" > ") > 1]
    missing = [path for whole in paths for path in paths_of(whole) if path not in facets["category"]]
    if missing:
        yield "category", tuple(dict.fromkeys((*facets["category"], *missing)))
    for facet in ("gender", "age_group"):
        meant = [value for text in facets.get(facet, ()) if (value := closed_value(facet, text))]
        if not set(meant) <= set(facets.get(facet, ())):
            yield facet, tuple(dict.fromkeys((*meant, *facets[facet])))


def _letters(text: str) -> str:
    """Letters alone, of an address its last part: "https://schema.org/InStock" → "instock"."""
    return _NOT_LETTERS.sub("", folded(text).rstrip("/").rpartition("/")[2])
