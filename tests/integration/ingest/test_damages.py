"""One damaged file of a home: answers are the same as before, or there is a clear error; and it is found.

Every file of a small ingested home, damaged in every way; see `tests.fixtures.damages`.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.domain import CollectionSpec
from engine.errors import ThatLookError
from engine.filters import parse_filter
from engine.ledger.sql import SqlLedger
from engine.objects.folder import FolderObjectStore
from engine.stores.ivfpq.plan import IvfpqPlan
from engine.stores.lite.store import LiteStore
from engine.taxonomy import collection_name
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from models.agreement import check_agreement
from models.examination import examine_catalogue
from tests.fixtures.catalogue import DIM, FakePipeline, picture, row, write_feed
from tests.fixtures.damages import Damage, copied, damages, inflict

PLAN = IvfpqPlan(min_rows=24, exact_rows=4, growth=1.5, tail_rows=6, dead_share=0.9, fold_rows=8)
"""So that a small home has an IVFPQ index too."""
SUPERCATEGORIES = ("upper_wear",)


@contextmanager
def opened(home: Path) -> Iterator[IngestDependencies]:
    """The parts of an ingest over a home, opened as the programs do, with fake models."""
    with ExitStack() as stack:
        ledger = SqlLedger(f"sqlite:///{home}/ledger.sqlite")
        stack.callback(ledger.close)
        objects = FolderObjectStore(home / "images")
        store = LiteStore(home / "vectors", plan=PLAN)
        stack.callback(store.close)
        for supercategory in SUPERCATEGORIES:
            for space, dim in DIM.items():
                store.ensure(CollectionSpec(collection_name(supercategory, space), dim, "fake"))  # type: ignore[arg-type]
        check_agreement(store, ledger)
        yield IngestDependencies(FakePipeline(), store, objects, ledger, "fake", threads=1)


def answers(home: Path) -> list[Any]:
    """What several searches give, words and stored embeddings included."""
    found: list[Any] = []
    with opened(home) as parts:
        rng = np.random.default_rng(7)
        for supercategory in SUPERCATEGORIES:
            for space, dim in DIM.items():
                name = collection_name(supercategory, space)  # type: ignore[arg-type]
                queries = rng.normal(size=(3, dim)).astype(np.float32)
                for where in (parse_filter([]), parse_filter(["brand=Acme"]), parse_filter(["price<=20"])):
                    for answer in parts.store.search(name, queries, 8, where):
                        products = parts.ledger.products(answer.product_ids)
                        items = parts.store.items(name, answer.item_ids)
                        found.append((answer.item_ids, answer.scores.tobytes(), items, sorted(products.items())))
                found.append((name, parts.store.count(name)))
    return found


def found_by_doctor(home: Path) -> list[str]:
    """What an examination of the whole home says."""
    found = examine_catalogue(
        home / "ledger.sqlite",
        lambda: SqlLedger(f"sqlite:///{home}/ledger.sqlite"),
        lambda: LiteStore(home / "vectors", plan=PLAN),
        FolderObjectStore(home / "images"),
    )
    return [said for part in found.values() for said in part]


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """No power is cut here: waiting for the disk thousands of times would only take minutes."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home, and the same at an earlier time: half as many products, other words."""
    folder = tmp_path_factory.mktemp("damages")
    home, older, shop = folder / "home", folder / "older", folder / "shop"
    home.mkdir()
    shop.mkdir()
    for count, price in ((30, "10.00 EUR"), (56, "12.00 EUR")):
        for n in range(count):
            (shop / f"{n}.png").write_bytes(picture(color=(n, 90, 200)))
        rows = [row(f"p{n}", f"{n}.png", price=price) for n in range(count)]
        with opened(home) as parts:
            summary = ingest_feed(parts, write_feed(shop, rows), limit=None)
            assert summary.failed == summary.refused == 0
            for name in parts.store.collections():
                if parts.store.count(name) > PLAN.min_rows:
                    parts.store.rebuild(name)  # type: ignore[attr-defined]
        if not older.exists():
            shutil.copytree(home, older)
    return home, older


def test_every_damage_to_one_file_is_harmless_or_said_and_always_found(
    homes: tuple[Path, Path], tmp_path: Path
) -> None:
    """For each file and each damage: the same answers or a clear error, twice; and the doctor finds it beforehand."""
    home, older = homes
    right = answers(home)
    assert found_by_doctor(home) == []
    assert len(right[0][0]) == 8
    wrong: list[str] = []
    told: Counter[str] = Counter()
    cases = list(damages(home, older))
    for number, damage in enumerate(cases):
        for look in (found_by_doctor, answers):
            copy = copied(home, tmp_path / f"{number}", damage)
            inflict(copy, older, damage)
            if look is found_by_doctor:
                if not found_by_doctor(copy):
                    wrong.append(f"{damage}: not found")
            else:
                said = _answer(copy, right, damage, wrong)
                told[said] += 1
                if said == "same" and _answer(copy, right, damage, wrong) != "same":
                    wrong.append(f"{damage}: refused the second time")
            shutil.rmtree(copy)
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong)
    assert len(cases) > 128
    assert told["same"] > 50
    assert told["refused"] > 50


def _answer(home: Path, right: list[Any], damage: Damage, wrong: list[str]) -> str:
    try:
        got = answers(home)
    except ThatLookError as error:
        if len(error.message) < 30 or not error.message.endswith("."):
            wrong.append(f"{damage}: says {error.message!r}")
        return "refused"
    except Exception as error:
        wrong.append(f"{damage}: {type(error).__name__}: {error}")
        return "failed"
    if got != right:
        wrong.append(f"{damage}: other answers without a word")
        return "other"
    return "same"
