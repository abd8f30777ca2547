"""thatlook as one object: what the API, the command line and the benchmarks call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.clock import Deadline, Stopwatch
from engine.color.palette import read_palettes
from engine.domain import SPACES, Answer, Garment, GarmentHits, Hit, Item
from engine.errors import NoGarmentFound, ProductNotFound, QueryRejected, StoreUnavailable, TextRejected
from engine.filters import EVERYTHING, Filter
from engine.fusion import Weights
from engine.images import DEFAULT_LIMITS, ImageLimits
from engine.looks import FOR_SHOPPERS, Shown, look_of, sold_out
from engine.notes import notes_on_filters
from engine.outfit import beside
from engine.photo_analysis import ImageQuery, PhotoAnalyzer, PhotoFeatures, ResultCache
from engine.pipeline import VisionPipeline
from engine.query_text import NO_WORDS, Words, unit_mean, words_of
from engine.seams import LedgerEntry, ObjectStore, TextEmbedder
from engine.search import QueryVectors, Searcher
from engine.taxonomy import collection_name

MAX_TEXT = 1_000
MAX_TEXTS = 16
SIMILAR_FACETS = ("brand", "color", "material", "pattern")
_ALONE = "The product is alone in its picture: nothing that is worn with it was seen there."


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Wanted and unwanted words."""

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        texts = (*self.positive, *self.negative)
        if not texts:
            raise TextRejected("The text is empty; say what is wanted.")
        if len(texts) > MAX_TEXTS:
            raise TextRejected(f"There are {len(texts)} texts; the most is {MAX_TEXTS}.")
        for text in texts:
            if not text.strip():
                raise TextRejected("The text is empty; say what is wanted.")
            if len(text) > MAX_TEXT:
                raise TextRejected(f"The text has {len(text):,} characters; the most is {MAX_TEXT:,}.")


@dataclass(frozen=True, slots=True, eq=False)
class ThatLook:
    """Photo, words or product in, products out; `memory`, where there is one, knows photos again.

    `pictures`: where the catalogue's pictures are stored; `look` alone needs it.
    """

    pipeline: VisionPipeline
    searcher: Searcher
    limits: ImageLimits = DEFAULT_LIMITS
    result_cache: ResultCache | None = None
    pictures: ObjectStore | None = None

    def search_image(
        self,
        image: bytes,
        query: ImageQuery | None = None,
        *,
        text: TextQuery | None = None,
        where: Filter = EVERYTHING,
        k: int = 10,
        weights: Weights | None = None,
        shown: Shown = FOR_SHOPPERS,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Similar products for each garment of the photo's main person, moved by the text if there is one.

        Raises:
            ImageUnreadable, ImageTooLarge: the photo.
            NoGarmentFound: nothing to search with in it.
            QueryRejected: parameters that do not fit together.
            DeadlineExceeded: too late already.
        """
        watch = Stopwatch(deadline)
        seen = PhotoAnalyzer(self.pipeline, self.limits, self.result_cache).look(image, query or ImageQuery(), watch)
        words = self._words(text, watch, beside_a_photo=True)
        queries, where = _all_query_vectors(seen, words.query_vectors), words.within(where)
        garments = seen.upright()
        asked = [(vectors, garment.supercategories) for garment, vectors in zip(garments, queries, strict=True)]
        found = self.searcher.search_each(asked, k, where, weights, watch, shown)
        answers = [
            GarmentHits(garment, garment.supercategory, tuple(_told(hit, garment) for hit in hits))
            for garment, hits in zip(garments, found, strict=True)
        ]
        return Answer(tuple(answers), watch.timing_ms(), seen.width, seen.height, self._notes(words, where, answers))

    def search_text(
        self,
        text: TextQuery,
        *,
        supercategories: Sequence[str] | None = None,
        where: Filter = EVERYTHING,
        k: int = 10,
        shown: Shown = FOR_SHOPPERS,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Products that fit the words.

        Raises:
            QueryRejected: no wanted words, or an unknown supercategory.
        """
        if not text.positive:
            raise QueryRejected("A search by text alone needs wanted words, not only unwanted ones.")
        watch = Stopwatch(deadline)
        words = self._words(text, watch)
        names, others = self._asked_for(words.read.kinds, supercategories)
        query_vectors, where = words.query_vectors, words.within(where)
        hits = self.searcher.search(query_vectors, names, k, where, None, watch, shown)
        if others and len(hits) < k:  # The kind that the words name has no more; what else fits them comes after it.
            hits += self.searcher.search(query_vectors, others, k - len(hits), where, None, watch, shown)
            last = shown.under(where).sold_out_last
            hits = tuple(sorted(hits, key=lambda hit: (last and sold_out(hit.item), words.turn_away(hit))))
        found = (GarmentHits(None, names[0] if len(names) == 1 else None, hits),)
        return Answer(found, watch.timing_ms(), notes=self._notes(words, where, found))

    def similar(
        self,
        product_id: str,
        *,
        text: TextQuery | None = None,
        where: Filter = EVERYTHING,
        k: int = 10,
        weights: Weights | None = None,
        shown: Shown = FOR_SHOPPERS,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Other products like a stored one ("because you looked at …"), not itself in other sizes.

        Raises:
            ProductNotFound: unknown, or with nothing indexed.
        """
        watch = Stopwatch(deadline)
        entry = self._indexed(product_id)
        words = self._words(text, watch, beside_a_photo=True)
        where = words.within(where)
        answers = []
        for supercategory in dict.fromkeys(name for name, _ in entry.items):
            query_vectors = self._stored_query_vectors(product_id, supercategory, words.query_vectors, shown)
            hits = self.searcher.search(query_vectors, [supercategory], k, where, weights, watch, shown)
            answers.append(GarmentHits(None, supercategory, hits))
        return Answer(tuple(answers), watch.timing_ms(), notes=self._notes(words, where, answers))

    def look(
        self,
        product_id: str,
        *,
        where: Filter = EVERYTHING,
        k: int = 10,
        shown: Shown = FOR_SHOPPERS,
        deadline: Deadline | None = None,
    ) -> Answer:
        """The rest of the look: what a stored product's own picture shows beside it, each with products like it.

        Raises:
            ProductNotFound: unknown, or with nothing indexed.
            ObjectNotFound, StoreUnavailable: its picture cannot be had.
            QueryRejected: parameters that do not fit together.
        """
        watch = Stopwatch(deadline)
        (supercategory, item_id), *_ = self._indexed(product_id).items
        with watch.stage("fetch"):
            (item,) = self._items(product_id, supercategory, only=item_id)
            picture = self._picture(item.image)
        try:
            seen = PhotoAnalyzer(self.pipeline, self.limits, self.result_cache).look(picture, ImageQuery(), watch)
        except NoGarmentFound:
            return Answer((), watch.timing_ms(), notes=(_ALONE,), image=item.image)
        garments, queries = seen.upright(), _all_query_vectors(seen, QueryVectors(exclude=frozenset({product_id})))
        answers = []
        for number in beside(garments, item.box, supercategory):
            names = [name for name in garments[number].supercategories if name != supercategory]
            hits = self.searcher.search(queries[number], names, k, where, None, watch, shown)
            told = tuple(_told(hit, garments[number]) for hit in hits)
            answers.append(GarmentHits(garments[number], garments[number].supercategory, told))
        notes = self._notes(NO_WORDS, where, answers) if answers else (_ALONE,)
        return Answer(tuple(answers), watch.timing_ms(), seen.width, seen.height, notes, item.image)

    def _indexed(self, product_id: str) -> LedgerEntry:
        entry = self.searcher.ledger.get([product_id]).get(product_id)
        if entry is None:
            raise ProductNotFound(f"There is no product {product_id!r} in this catalogue.")
        if not entry.items:
            raise ProductNotFound(f"Product {product_id!r} has no indexed picture ({entry.reason or entry.state}).")
        return entry

    def _picture(self, key: str) -> bytes:
        if self.pictures is None:
            raise StoreUnavailable("The pictures of this catalogue are not at hand.")
        return self.pictures.get(key)

    def _words(self, text: TextQuery | None, watch: Stopwatch, *, beside_a_photo: bool = False) -> Words:
        if text is None:
            return NO_WORDS
        with watch.stage("embed"):
            store, taxonomy = self.searcher.store, self.pipeline.taxonomy
            return words_of(
                text.positive, text.negative, self.pipeline.texts, store, taxonomy, beside_a_photo=beside_a_photo
            )

    def _notes(self, words: Words, where: Filter, found: Sequence[GarmentHits]) -> tuple[str, ...]:
        own = Filter(where.conditions[: len(where.conditions) - (words.read.price is not None)])
        return (*words.notes(found), *notes_on_filters(own, found, self.searcher.store, self.pipeline.taxonomy))

    def _stored_query_vectors(
        self, product_id: str, supercategory: str, words: QueryVectors, shown: Shown
    ) -> QueryVectors:
        store, items = self.searcher.store, self._items(product_id, supercategory)
        ids = [item.item_id for item in items]
        rows = {space: store.embeddings(collection_name(supercategory, space), ids)[0] for space in SPACES}
        facets = {name: items[0].facets[name] for name in SIMILAR_FACETS if name in items[0].facets}
        return replace(
            words,
            visual=unit_mean(rows["visual"]),
            semantic=unit_mean(rows["semantic"]),
            palette=read_palettes([items[0].facets]),
            facets=facets,
            exclude=frozenset({product_id}),
            own=frozenset().union(*map(look_of, items)) if shown.one_per_look else frozenset(),
        )

    def _items(self, product_id: str, supercategory: str, only: str | None = None) -> list[Item]:
        items = self.searcher.store.items_of(collection_name(supercategory, "semantic"), product_id)
        found = [item for item in items if only in (None, item.item_id)]
        if not found:
            raise ProductNotFound(f"Product {product_id!r} has no indexed picture at present.")
        return found

    def _asked_for(self, texts: Sequence[str], names: Sequence[str] | None) -> tuple[list[str], list[str]]:
        """The supercategories to search first, and those to turn to if they hold too little.

        "a navy dress with pockets" is a dress: the kind that words name comes before all others.
        """
        every = self._supercategories(names)
        kinds = [self.pipeline.taxonomy.classify(one.split(" with ")[0]) for one in texts]
        named = {kind.supercategory for kind in kinds if kind}
        if names or not named:
            return every, []
        return [n for n in every if n in named], [n for n in every if n not in named]

    def _supercategories(self, names: Sequence[str] | None) -> list[str]:
        taxonomy = self.pipeline.taxonomy
        return [taxonomy.require_supercategory(n) for n in names] if names else list(taxonomy.supercategories)


def worded(text: TextQuery | None, texts: TextEmbedder) -> QueryVectors:
    """The part of the query vectors that words make, understood without a catalogue."""
    return words_of(text.positive, text.negative, texts).query_vectors if text else QueryVectors()


def _all_query_vectors(seen: PhotoFeatures, words: QueryVectors) -> list[QueryVectors]:
    return [
        replace(
            words,
            visual=seen.visual[i],
            semantic=seen.semantic[i],
            palette=seen.palettes.row(i),
            color=seen.colors[i],
        )
        for i in range(len(seen.garments))
    ]


def _told(hit: Hit, garment: Garment) -> Hit:
    """A hit that says so where it comes from another supercategory than the garment's likeliest."""
    if hit.item.supercategory == garment.supercategory:
        return hit
    words = f"Filed under {hit.item.supercategory.replace('_', ' ')}, as which this garment may pass too."
    return replace(hit, why=(*hit.why, words))
