"""The taxonomy: garment class → supercategory, and the words that mean a class. Data, not code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from engine.domain import Space
from engine.errors import ContractBroken, QueryRejected

_WORD = re.compile(r"[a-z][a-z\-]*")


@dataclass(frozen=True)
class GarmentClass:
    """One class the segmenter knows."""

    name: str
    supercategory: str
    merge: bool = True
    synonyms: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Taxonomy:
    """Classes by name, supercategories with a sentence each."""

    classes: Mapping[str, GarmentClass]
    supercategories: Mapping[str, str]

    def supercategory_of(self, label: str) -> str:
        """The supercategory of a class.

        Raises:
            ContractBroken: a label that this taxonomy does not know.
        """
        try:
            return self.classes[label].supercategory
        except KeyError:
            known = ", ".join(self.classes)
            raise ContractBroken(f"The taxonomy has no class {label!r}; it has {known}.") from None

    def require_supercategory(self, name: str) -> str:
        """The name itself, if it is one of ours.

        Raises:
            QueryRejected: an unknown supercategory.
        """
        if name not in self.supercategories:
            known = ", ".join(self.supercategories)
            raise QueryRejected(f"There is no supercategory {name!r}; use one of {known}.")
        return name

    def classify(self, text: str) -> GarmentClass | None:
        """The class that a feed's category or title speaks of, or None.

        The last word that means a class decides, as in English the head noun comes
        last ("denim shirt dress" is a dress); two words are read together first.
        """
        words = _WORD.findall(text.casefold())
        for end in range(len(words), 0, -1):
            for start in (end - 2, end - 1):
                if start >= 0 and (found := self._by_synonym.get(" ".join(words[start:end]))):
                    return found
        return None

    def meaning(self, phrase: str) -> GarmentClass | None:
        """The class that a casefolded word, or two, stands for, or None."""
        return self._by_synonym.get(phrase)

    @cached_property
    def _by_synonym(self) -> dict[str, GarmentClass]:
        return {word: c for c in self.classes.values() for word in (*c.synonyms, c.name.replace("_", " "), c.name)}


def collection_name(supercategory: str, space: Space) -> str:
    """The paired collection of a supercategory for one embedding space."""
    return f"{supercategory}_{space}"


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """Read a taxonomy file; without a path, the one that comes with thatlook.

    Raises:
        ContractBroken: the file cannot be read or contradicts itself.
    """
    try:
        text = path.read_text("utf-8") if path else files("engine").joinpath("taxonomy.toml").read_text("utf-8")
        data = tomllib.loads(text)
        supercategories = dict(data["supercategories"])
        classes = {
            name: GarmentClass(
                name, str(row["supercategory"]), bool(row.get("merge", True)), frozenset(row.get("synonyms", ()))
            )
            for name, row in data["classes"].items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ContractBroken(f"The taxonomy {path or 'of the package'} cannot be read: {error}.") from error
    for row in classes.values():
        if row.supercategory not in supercategories:
            raise ContractBroken(f"Class {row.name!r} names {row.supercategory!r}, which is not a supercategory.")
    return Taxonomy(classes, supercategories)
