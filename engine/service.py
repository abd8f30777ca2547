"""thatlook as one object: what the API, the command line and the benchmarks call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from engine.color.palette import read_palettes
from engine.domain import SPACES, Answer, Garment, GarmentHits, Hit, Item, PictureAnalysis
from engine.errors import NoGarmentFound, ProductNotFound, QueryRejected, StoreUnavailable
from engine.facets import Counted, CountMemory, FacetAsk, count_facets
from engine.filters import EVERYTHING, Filter
from engine.products.garments import garments_in
from engine.retrieval.concurrent import together
from engine.retrieval.fusion import Weights
from engine.retrieval.identity import Identities, identified_hits
from engine.retrieval.listing import BEST_FIRST, Listing
from engine.retrieval.looks import EVERY_PRODUCT, FOR_SHOPPERS, NOT_SOLD_OUT, Shown, look_of
from engine.retrieval.no_match import marked, notes_on_likeness, shows_the_best
from engine.retrieval.notes import notes_on_filters
from engine.retrieval.outfit import beside
from engine.retrieval.picking import GarmentAsk, Looked, looked_of, pick
from engine.retrieval.query_text import NO_WORDS, Words, unit_mean, words_of
from engine.retrieval.search import Ask, QueryVectors, Searcher
from engine.retrieval.text_query import MAX_TEXT, MAX_TEXTS, TextQuery
from engine.seams import LedgerEntry, ObjectStore, TextEmbedder
from engine.system.clock import Deadline, Stopwatch
from engine.taxonomy import collection_name
from engine.values import WORDS_FACET
from engine.vision.images import DEFAULT_LIMITS, ImageLimits, decode_photo
from engine.vision.photo_analysis import ImageQuery, PhotoAnalyzer, PhotoMemory
from engine.vision.pipeline import VisionPipeline
from engine.words.categories import CategoryNames
from engine.words.codes import Identified
from engine.words.vocabulary import Vocabulary

__all__ = ["MAX_TEXT", "MAX_TEXTS", "TextQuery", "ThatLook", "worded"]

SIMILAR_FACETS = ("brand", "category", "color", "material", "pattern")
_ALONE = "The product is alone in its picture: nothing that is worn with it was seen there."


@dataclass(frozen=True, slots=True)
class Options:
    """How many hits a search gives, and how they are shown, listed and counted."""

    k: int
    shown: Shown
    listing: Listing
    facets: FacetAsk | None


@dataclass(frozen=True, slots=True, eq=False)
class ThatLook:
    """Photo, words or product in, products out.

    Attributes:
        result_cache: of photos seen before; None analyses each anew.
        pictures: where the catalogue's pictures are stored; `look` alone needs it.
        vocabulary: the shop's own terms, for words with a slip in them and for the names of its categories.
        categories: compares words with those names.
    """

    pipeline: VisionPipeline
    searcher: Searcher
    limits: ImageLimits = DEFAULT_LIMITS
    result_cache: PhotoMemory | None = None
    pictures: ObjectStore | None = None
    counts: CountMemory = field(default_factory=CountMemory)
    vocabulary: Vocabulary | None = None
    categories: CategoryNames = field(default_factory=CategoryNames)

    def search_image(
        self,
        image: bytes | Sequence[bytes],
        query: ImageQuery | None = None,
        *,
        text: TextQuery | None = None,
        where: Filter = EVERYTHING,
        k: int = 10,
        weights: Weights | None = None,
        shown: Shown = FOR_SHOPPERS,
        listing: Listing = BEST_FIRST,
        facets: FacetAsk | None = None,
        garments: Sequence[GarmentAsk] = (),
        only: int | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Similar products for each garment of the photo's main person, moved by the text if there is one.

        Args:
            image: the photo; of several, garments of one kind are searched with together.
            listing, facets: how the hits are listed, and what is counted beside them.
            garments: answer for these alone, each with what is asked of it besides.
            only: answer for the garment at this place alone, for a further page.
        Raises:
            ImageUnreadable, ImageTooLarge: the photo.
            NoGarmentFound: nothing to search with in it.
            QueryRejected: parameters that do not fit together.
            DeadlineExceeded: too late already.
        """
        watch, options = Stopwatch(deadline), Options(k, shown, listing, facets)
        analyzer = PhotoAnalyzer(self.pipeline, self.limits, self.result_cache)
        picked = pick(analyzer, [image] if isinstance(image, bytes) else image, query or ImageQuery(), garments, watch)
        words = {each: self._words(each, watch, beside_a_photo=True) for each in {text, *(g.text for g in garments)}}
        kept = [each for number, each in enumerate(picked.garments) if only in (None, number)]
        asks = []
        for looked, asked in kept:
            both = Filter((*where.conditions, *asked.where.conditions))
            ask = _ask_of(looked, words[asked.text or text], both, asked.weights or weights, watch)
            asks.append((ask, replace(options, k=asked.k or k)))
        found = self._found_each(asks, watch)
        answers = [
            _of_garment(each, looked.garment, looked.photo) for (looked, _), each in zip(kept, found, strict=True)
        ]
        if shows_the_best(listing):
            judged = [(asked.text or text) is None and (asked.weights or weights) is None for _, asked in kept]
            answers = [marked(each) if plain else each for plain, each in zip(judged, answers, strict=True)]
        _check_found(answers, only)
        notes = dict.fromkeys(
            note for each in words.values() for note in self._notes(each, each.within(where), answers)
        )
        return Answer(tuple(answers), watch.timing_ms(), picked.width, picked.height, tuple(notes))

    def search_text(
        self,
        text: TextQuery,
        *,
        supercategories: Sequence[str] | None = None,
        where: Filter = EVERYTHING,
        k: int = 10,
        shown: Shown = FOR_SHOPPERS,
        listing: Listing = BEST_FIRST,
        facets: FacetAsk | None = None,
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
        where, vectors = words.within(where), words.query_vectors
        if words.alone:
            vectors, names, others = self._like_the_first(words.identified, names)
        ask = Ask(vectors, names, watch, where, None, shown, others, words.turn_away, words.identified)
        found = (self._found(ask, Options(k, shown, listing, facets)),)
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
        listing: Listing = BEST_FIRST,
        facets: FacetAsk | None = None,
        only: int | None = None,
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
        options, names = Options(k, shown, listing, facets), list(dict.fromkeys(name for name, _ in entry.items))
        chosen = [name for number, name in enumerate(names) if only is None or number == only]
        calls = [partial(self._stored_query_vectors, product_id, name, words.query_vectors, shown) for name in chosen]
        asks = [
            (Ask(vectors, [name], watch, where, weights, identified=words.identified), options)
            for name, vectors in zip(chosen, together(self.searcher.store, calls), strict=True)
        ]
        answers = self._found_each(asks, watch)
        _check_found(answers, only)
        if shows_the_best(listing) and text is None and weights is None:
            answers = [marked(each) for each in answers]
        return Answer(tuple(answers), watch.timing_ms(), notes=self._notes(words, where, answers))

    def look(
        self,
        product_id: str,
        *,
        where: Filter = EVERYTHING,
        k: int = 10,
        shown: Shown = FOR_SHOPPERS,
        listing: Listing = BEST_FIRST,
        facets: FacetAsk | None = None,
        only: int | None = None,
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
        looked, words = looked_of(seen), QueryVectors(exclude=frozenset({product_id}))
        options = Options(k, shown, listing, facets)
        places = beside([each.garment for each in looked], item.box, supercategory)
        worn = [looked[place] for number, place in enumerate(places) if only is None or number == only]
        asks = []
        for each in worn:
            names = [name for name in each.garment.supercategories if name != supercategory]
            asks.append((Ask(_query_vectors_of(each, words), names, watch, where), options))
        found = self._found_each(asks, watch)
        answers = [_of_garment(one, each.garment) for one, each in zip(found, worn, strict=True)]
        _check_found(answers, only)
        if shows_the_best(listing):
            answers = [marked(each) for each in answers]
        notes = self._notes(NO_WORDS, where, answers) if answers else (_ALONE,)
        return Answer(tuple(answers), watch.timing_ms(), seen.width, seen.height, notes, item.image)

    def analyze(self, picture: bytes, deadline: Deadline | None = None) -> PictureAnalysis:
        """What is seen in a picture: the garments, and from where and how wholly the person who wears them.

        Raises:
            ImageUnreadable, ImageTooLarge: the picture.
            DeadlineExceeded: too late already.
        """
        photo = decode_photo(picture, self.limits, deadline=deadline)
        scene = self.pipeline.scene(photo.pixels)
        garments = self.pipeline.garments(photo.pixels, scene)
        return PictureAnalysis(garments, self.pipeline.gate(photo.pixels, scene), photo.width, photo.height)

    def _indexed(self, product_id: str) -> LedgerEntry:
        entry = self.searcher.ledger.get([product_id]).get(product_id)
        if entry is None:
            raise ProductNotFound(f"There is no product {product_id!r} in this catalogue.")
        if not entry.items:
            raise ProductNotFound(f"Product {product_id!r} has no indexed picture ({entry.reason or entry.state}).")
        return entry

    def _picture(self, key: str) -> bytes:
        if self.pictures is None:
            raise StoreUnavailable("The pictures of this catalogue are not available.")
        return self.pictures.get(key)

    def stored(self, codes: Sequence[str], where: Filter = EVERYTHING) -> dict[str, tuple[Hit, ...]]:
        """Products by their ids, GTINs, SKUs and the like, as hits with their variants; unknown codes are absent."""
        searcher, names = self.searcher, list(self.pipeline.taxonomy.supercategories)
        found = Identities(searcher.store, searcher.ledger, names)(codes)
        hits = {
            code: identified_hits(searcher.store, searcher.ledger, named, names, where) for code, named in found.items()
        }
        watch = Stopwatch()
        return {code: searcher.with_variants(each, where, watch, FOR_SHOPPERS) for code, each in hits.items() if each}

    def count(self, supercategories: Sequence[str] | None, where: Filter, ask: FacetAsk) -> Counted:
        """How many products of these supercategories (None: of all) match, and how many of them have which value.

        Raises:
            QueryRejected, FilterRejected: an unknown supercategory or facet.
        """
        searcher, names = self.searcher, self._supercategories(supercategories)
        return count_facets(searcher.store, searcher.ledger, names, where, ask, self.counts)

    def _found_each(self, asks: Sequence[tuple[Ask, Options]], watch: Stopwatch) -> list[GarmentHits]:
        """The garments' pages; a store on servers is asked for all of them at once."""
        parts = [Stopwatch(watch.deadline) for _ in asks]
        calls = [
            partial(self._found, replace(ask, watch=part), options)
            for (ask, options), part in zip(asks, parts, strict=True)
        ]
        with watch.side_by_side(parts):
            return together(self.searcher.store, calls)

    def _found(self, ask: Ask, options: Options) -> GarmentHits:
        """One garment's page of hits, with what was counted beside them."""
        shown = options.shown
        where = Filter((*ask.where.conditions, NOT_SOLD_OUT)) if shown.sold_out_left_out else ask.where
        ask = replace(ask, where=where, shown=shown)
        page = self.searcher.page(ask, options.k, options.listing)
        names = [*ask.supercategories, *ask.others]
        counted = None
        if options.facets:
            with ask.watch.stage("facets"):
                counted = self.count(names, where, options.facets)
        one = len(ask.supercategories) == 1 or ask.query_vectors.query_kind != "words"
        kind = ask.supercategories[0] if one and ask.supercategories else None
        return GarmentHits(None, kind, page.hits, page.seen, page.total, counted)

    def _words(self, text: TextQuery | None, watch: Stopwatch, *, beside_a_photo: bool = False) -> Words:
        if text is None:
            return NO_WORDS
        with watch.stage("embed"):
            store, taxonomy = self.searcher.store, self.pipeline.taxonomy
            return words_of(
                text.positive,
                text.negative,
                self.pipeline.texts,
                store,
                taxonomy,
                beside_a_photo=beside_a_photo,
                codes=Identities(store, self.searcher.ledger, list(taxonomy.supercategories)),
                vocabulary=self.vocabulary,
                categories=self.categories,
            )

    def _like_the_first(
        self, identified: Sequence[Identified], names: Sequence[str]
    ) -> tuple[QueryVectors, list[str], list[str]]:
        """What to search with where words are nothing but codes: the first product, and so where."""
        first = identified[0].product_id
        supercategory, _ = self._indexed(first).items[0]
        vectors = self._stored_query_vectors(first, supercategory, QueryVectors(), EVERY_PRODUCT)
        own = [name for name in names if name == supercategory]
        return replace(vectors, exclude=frozenset()), own or list(names), [n for n in names if own and n not in own]

    def _notes(self, words: Words, where: Filter, found: Sequence[GarmentHits]) -> tuple[str, ...]:
        own = Filter(where.conditions[: len(where.conditions) - (words.read.price is not None)])
        on_filters = notes_on_filters(own, found, self.searcher.store, self.pipeline.taxonomy)
        return (*words.notes(found), *on_filters, *notes_on_likeness(found))

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
            titled=garments_in(items[0].facets.get(WORDS_FACET, ())),
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


def _query_vectors_of(looked: Looked, words: QueryVectors) -> QueryVectors:
    """What a garment is searched with."""
    return replace(words, visual=looked.visual, semantic=looked.semantic, palette=looked.palette, color=looked.color)


def _ask_of(looked: Looked, read: Words, where: Filter, weights: Weights | None, watch: Stopwatch) -> Ask:
    """What is asked for a garment, moved by the words that go with it."""
    vectors, kinds = _query_vectors_of(looked, read.query_vectors), looked.garment.supercategories
    return Ask(vectors, kinds, watch, read.within(where), weights, identified=read.identified)


def _check_found(found: Sequence[GarmentHits], only: int | None) -> None:
    """Refuse a page of a garment that is not there.

    Raises:
        QueryRejected: the cursor is of another search.
    """
    if only is not None and not found:
        raise QueryRejected("The cursor is of another search: this one has no such garment. Begin again without it.")


def _of_garment(found: GarmentHits, garment: Garment, photo: int = 0) -> GarmentHits:
    """The hits of a garment of the photo."""
    hits = tuple(_told(hit, garment) for hit in found.hits)
    return replace(found, garment=garment, supercategory=garment.supercategory, hits=hits, photo=photo)


def _told(hit: Hit, garment: Garment) -> Hit:
    """A hit that says so where it comes from another supercategory than the garment's likeliest."""
    if hit.item.supercategory == garment.supercategory:
        return hit
    words = f"Listed under {hit.item.supercategory.replace('_', ' ')}, which this garment may also be."
    return replace(hit, why=(*hit.why, words))
