"""A process that writes to an embedded store until it is killed, and says what was acknowledged.

Started as `python lite_writer.py FOLDER FIRST`; prints the number of every operation once it has returned.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from engine.domain import CollectionSpec
from engine.seams import VectorStore
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, unit

SPEC = CollectionSpec("coats_visual", 32, "f" * 64)
EAGER = IvfpqPlan(min_rows=40, exact_rows=8, growth=1.2, tail_rows=10, dead_share=0.2, fold_rows=16)
"""Rebuilds all the time, so that kills fall into rebuilding too."""


def operate(store: VectorStore, number: int) -> None:
    """The write of this number: the same rows whenever and wherever it is done."""
    rng = np.random.default_rng(number)
    if number % 5 == 4:
        store.delete_products(SPEC.name, {f"product-{n}" for n in rng.integers(0, 100, 10)})
    else:
        items = [an_item(rng, int(n)) for n in rng.choice(300, 20, replace=False)]
        store.upsert(SPEC.name, items, unit(rng.normal(size=(20, SPEC.dim))))


def main() -> None:
    """Write for ever."""
    store = LiteStore(Path(sys.argv[1]), plan=EAGER)
    store.ensure(SPEC)
    number = int(sys.argv[2])
    while True:
        operate(store, number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main()
