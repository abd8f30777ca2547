"""Categories of a product: a shop's own paths and Google's, by id or in words, and what each says of the garment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from engine.products.garments import NOTHING, Said, read_step, said_of
from engine.taxonomy import Taxonomy

_ID = re.compile(r"\s*(\d{1,7})(?:\.0+)?\s*(?:-\s*\S.*)?", re.DOTALL)
_STEP = re.compile(r"\s*(?:[-=]?>+|＞|›|»|→|::|\\|/{2})\s*")
_SLASHES = re.compile(r"(?:[^/>]+/){2,}[^/>]+")
"""A path that is written with slashes; one slash alone may join two names ("Shirts/Tops")."""
_APART = re.compile(r"\s*[;|\n]\s*")
_NEXT_PATH = re.compile(r",\s*(?=[^,>]+>)")
Google = tuple[str, str]
"""A category's path, and what it says: a word of the taxonomy, "?" or "-bag"."""


def category_paths(values: Iterable[str], *, google: bool = False) -> tuple[str, ...]:
    """The paths that texts name, each once, as "Women > Dresses"; Google's ids become their paths.

    Several paths in one text are parted by semicolon or bar, or by a comma where a path with the same first step
    follows; a comma may also be part of a name ("Handbags, Wallets & Cases").

    Args:
        google: the texts are `google_product_category`, where a number is an id.
    """
    paths = (path for text in values for one in _APART.split(text) for path in _several(one, google))
    return tuple(dict.fromkeys(path for path in paths if path))


def category_of_id(text: str) -> str | None:
    """The path of one of Google's ids, as "1604" or "1604 - Apparel & Accessories > Clothing"; None for others."""
    found = _ID.fullmatch(text)
    row = google_categories().get(found[1].lstrip("0")) if found else None
    return row[0] if row else None


def said_by_category(path: str, taxonomy: Taxonomy) -> Said:
    """What a path says of the garment: Google's by its table, others by the words of their last steps."""
    if (kind := _kinds_by_path().get(path.casefold())) is not None:
        return said_of(kind, taxonomy)
    for step in reversed(_steps(path)):
        if said := read_step(step, taxonomy):
            return said
    return NOTHING


def is_googles(path: str) -> bool:
    """Whether a path is one of the table's."""
    return path.casefold() in _kinds_by_path()


@lru_cache(maxsize=4096)
def _several(text: str, google: bool) -> tuple[str, ...]:
    if google and (path := category_of_id(text)):
        return (path,)
    steps = _steps(text)
    whole = " > ".join(steps)
    parts = _NEXT_PATH.split(text)
    roots = {_root(part) for part in parts}
    if is_googles(whole) or len(parts) == 1 or len(roots) > 1:
        return (_without_id(whole),)
    return tuple(_without_id(" > ".join(_steps(part))) for part in parts)


def _steps(text: str) -> list[str]:
    plain = text.replace("/", ">") if _SLASHES.fullmatch(text) else text
    return [step for step in _STEP.split(plain.strip()) if step]


def _root(path: str) -> str:
    return next(iter(_steps(path)), "").casefold()


def _without_id(path: str) -> str:
    """ "204 - Apparel > Pants" in a language whose words are not known here keeps its words."""
    return re.sub(r"^\d{1,7}\s*-\s+(?=\S)", "", path)


@lru_cache(maxsize=1)
def google_categories() -> Mapping[str, Google]:
    """Google's categories of what is worn, by id."""
    rows: dict[str, Google] = {}
    above: list[tuple[str, str]] = []
    for line in files("engine.products").joinpath("google_categories.tsv").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            number, name, *said = line.split("\t")
            depth = (len(name) - len(name.lstrip(" "))) // 2
            above = [*above[:depth], (name.strip(), said[0] if said else above[depth - 1][1])]
            rows[number] = (" > ".join(step for step, _ in above), above[-1][1])
    return MappingProxyType(rows)


@lru_cache(maxsize=1)
def _kinds_by_path() -> Mapping[str, str]:
    return MappingProxyType({path.casefold(): kind for path, kind in google_categories().values()})
