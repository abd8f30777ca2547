"""What the collections of a generation are called in a store. Generation 1 has the names that there were before."""

from __future__ import annotations

import re

from engine.domain import SPACES

FIRST = 1
_NUMBERED = re.compile(rf"(?P<name>.+_(?:{'|'.join(SPACES)}))_g(?P<number>[1-9]\d*)")


def stored_name(name: str, number: int) -> str:
    """The name that a collection of a generation has in the store: `upper_wear_visual_g2`."""
    return name if number == FIRST else f"{name}_g{number}"


def read_name(stored: str) -> tuple[str, int]:
    """The collection's own name, and the generation that it is of."""
    found = _NUMBERED.fullmatch(stored)
    if found is None or int(found["number"]) == FIRST:
        return stored, FIRST
    return found["name"], int(found["number"])


def alias_of(name: str) -> str:
    """The alias by which other programs find the collection that serves, on a server that has aliases."""
    return f"serving_{name}"
