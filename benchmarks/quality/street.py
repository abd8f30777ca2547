"""Real street photos against a real catalogue: does every visible garment get products of its kind?

Truth comes from the pixel masks of Clothing Co-Parsing (Yang, Luo, Lin, CVPR 2014), validation split.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.real_feed import write_real_feed
from engine.domain import GarmentHits, Product
from engine.errors import FeedUnreadable, NoGarmentFound
from engine.service import ThatLook
from engine.system.console import plain_console
from engine.taxonomy import Taxonomy
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from ingest.progress import shown_progress
from models.bootstrap import open_parts
from models.settings import Settings
from models.train.data.pictures import read_label_map

MIN_SHARE = 0.002
"""A garment smaller than this share of the picture (the tip of a shoe) does not count as visible."""
K = 5


@dataclass(frozen=True, slots=True)
class StreetCase:
    """One photo: the supercategories that are visible, and those that were answered.

    `answered` names supercategories that came back with K products, all of which their shop's feed puts there too,
    or where the garment may be looked for as well.
    """

    photo: str
    visible: tuple[str, ...]
    answered: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Every visible garment got products of its kind."""
        return set(self.visible) <= set(self.answered)

    @property
    def extra(self) -> tuple[str, ...]:
        """Supercategories answered though the masks show none."""
        return tuple(sorted(set(self.answered) - set(self.visible)))


def street_cases(thatlook: ThatLook, data: Path, n: int) -> Iterator[StreetCase]:
    """Ask with the first n validation photos, in the order of their ids."""
    for photo, visible in _truth(data / "ccp", thatlook.pipeline.taxonomy, n):
        yield StreetCase(photo.name, visible, _answered(thatlook, photo.read_bytes()))


def _answered(thatlook: ThatLook, image: bytes) -> tuple[str, ...]:
    try:
        answer = thatlook.search_image(image, k=K)
    except NoGarmentFound:
        return ()
    return tuple(
        garment.supercategory
        for garment in answer.garments
        if garment.supercategory
        and len(garment.hits) == K
        and all(_shop_says(hit.product, thatlook.pipeline.taxonomy) in _looked_in(garment) for hit in garment.hits)
    )


def _looked_in(garment: GarmentHits) -> tuple[str | None, ...]:
    """The kinds of product that may answer: the garment's own, and those that it may pass for."""
    return garment.garment.supercategories if garment.garment else (garment.supercategory,)


def _shop_says(product: Product, taxonomy: Taxonomy) -> str | None:
    found = taxonomy.classify(product.category or product.title)
    return found.supercategory if found else None


def _truth(ccp: Path, taxonomy: Taxonomy, n: int) -> Iterator[tuple[Path, tuple[str, ...]]]:
    try:
        splits = json.loads((ccp / "splits.json").read_text("utf-8"))
        labels = json.loads((ccp / "labels.json").read_text("utf-8"))
    except OSError as error:
        raise FeedUnreadable(f"There is no Clothing Co-Parsing set in {ccp}: {error}.") from error
    names: Sequence[str] = labels["labels"]
    kinds = {
        names.index(word): taxonomy.supercategory_of(label)
        for label, words in labels["mapping"].items()
        for word in words
    }
    for photo_id in sorted(splits["val"])[:n]:
        mask = read_label_map(ccp / "masks" / f"{photo_id}.png")
        counts = np.bincount(mask.ravel(), minlength=len(names)) / mask.size
        shares: dict[str, float] = {}
        for index, kind in kinds.items():
            shares[kind] = shares.get(kind, 0.0) + float(counts[index])
        yield ccp / "images" / f"{photo_id}.jpg", tuple(k for k, share in shares.items() if share >= MIN_SHARE)


def street_report(cases: Sequence[StreetCase]) -> dict[str, Any]:
    """The figures over all photos, and recall and precision by supercategory."""
    kinds = sorted({kind for case in cases for kind in (*case.visible, *case.answered)})
    return {
        "photos": len(cases),
        "photos_holding": sum(case.holds for case in cases),
        "supercategories": {kind: _rates(kind, cases) for kind in kinds},
        "cases": [{**asdict(case), "holds": case.holds, "extra": case.extra} for case in cases],
    }


def _rates(kind: str, cases: Sequence[StreetCase]) -> dict[str, float | int | None]:
    visible = [case for case in cases if kind in case.visible]
    answered = [case for case in cases if kind in case.answered]
    both = sum(kind in case.answered for case in visible)
    return {
        "visible": len(visible),
        "recall": both / len(visible) if visible else None,
        "precision": both / len(answered) if answered else None,
    }


def evaluate_street(settings: Settings, data: Path, photos: int) -> list[StreetCase]:
    """Bring the real catalogue into the home, then ask with every photo.

    Raises:
        FeedUnreadable: the data folder lacks a set.
    """
    feed = write_real_feed(data, settings.home / "real-feed")
    with open_parts(settings) as parts:
        with shown_progress(plain_console()) as progress:
            ingest_feed(ingest_dependencies(parts), feed, settings.policy, name="real", progress=progress)
        return list(street_cases(parts.thatlook, data, photos))
