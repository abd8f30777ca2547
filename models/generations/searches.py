"""Searches by the generation that serves: each is answered wholly by one, chosen when it begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.domain import Answer, Hit, PictureAnalysis
from engine.facets import Counted
from engine.service import ThatLook
from models.generations.live import LiveParts

_MODELS = ("segmenter", "pose", "visual", "semantic")


class LiveSearches:
    """Asks `engine.service.ThatLook` of whichever generation serves."""

    def __init__(self, live: LiveParts) -> None:
        self._live = live

    def pinned(self, number: int | None = None) -> tuple[ThatLook, int]:
        """One generation's searches and its number; of the one that serves where none is named.

        Raises:
            QueryRejected: that one is not held any more.
        """
        parts = self._live.current if number is None else self._live.held(number)
        return parts.thatlook, parts.generation

    def search_image(self, *asked: Any, **options: Any) -> Answer:
        """Similar products for each garment of a photo."""
        return self._live.current.thatlook.search_image(*asked, **options)

    def search_text(self, *asked: Any, **options: Any) -> Answer:
        """Products that fit the words."""
        return self._live.current.thatlook.search_text(*asked, **options)

    def similar(self, *asked: Any, **options: Any) -> Answer:
        """Other products like a stored one."""
        return self._live.current.thatlook.similar(*asked, **options)

    def look(self, *asked: Any, **options: Any) -> Answer:
        """What a stored product is worn with."""
        return self._live.current.thatlook.look(*asked, **options)

    def analyze(self, *asked: Any, **options: Any) -> PictureAnalysis:
        """What is seen in a picture."""
        return self._live.current.thatlook.analyze(*asked, **options)

    def stored(self, *asked: Any, **options: Any) -> Mapping[str, tuple[Hit, ...]]:
        """Products by their ids, SKUs and the like."""
        return self._live.current.thatlook.stored(*asked, **options)

    def count(self, *asked: Any, **options: Any) -> Counted:
        """How many products match."""
        return self._live.current.thatlook.count(*asked, **options)


class LiveFingerprints(Mapping[str, str]):
    """The fingerprints of the models that answer at present, by what they do."""

    def __init__(self, live: LiveParts) -> None:
        self._live = live

    def __getitem__(self, name: str) -> str:
        fingerprint: str = getattr(self._live.current.pipeline, name).fingerprint
        return fingerprint

    def __iter__(self) -> Iterator[str]:
        return iter(_MODELS)

    def __len__(self) -> int:
        return len(_MODELS)
