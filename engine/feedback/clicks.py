"""Clicks against what was shown: how often each rank is clicked, and what clicks say of a product for a query.

People click what stands first, whatever it is. COEC (clicks over expected clicks; Zhang & Jones 2007, "Comparing click
logs and editorial labels for training query rewriting") holds a product's clicks against those that any product would
have had at the ranks where it was shown. CTR is clicks by times shown, with no such correction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.feedback.events import CLICKS, AnsweredQuery, Event

DEPTH = 10
"""Ranks that a person is taken to have seen, beside those that were clicked."""
_GRADES = (0.25, 0.75, 1.5)
"""COEC from which a product is graded 1, 2, 3: 1.5 is half as many clicks again as its ranks explain."""
_CTR_GRADES = (0.02, 0.1, 0.3)
_SMOOTHING = 10.0
"""Times shown of which each rank is taken to have the mean of all ranks: few data say little of a rank."""


@dataclass(frozen=True, slots=True)
class RankClicks:
    """One rank: how often a hit was shown there, and clicked."""

    rank: int
    shown: int
    clicked: int

    @property
    def ctr(self) -> float:
        """Clicks by times shown."""
        return self.clicked / self.shown if self.shown else 0.0


@dataclass(frozen=True, slots=True)
class ClickReport:
    """What people did with the answers.

    Attributes:
        queries: answers with hits; clicked: those of them with a click.
        mrr: mean over all of 1 / rank of the first click, 0 without one.
        actions: events by action.
    """

    queries: int
    clicked: int
    mrr: float
    ranks: tuple[RankClicks, ...]
    actions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a product answers a query, by what people did."""

    query: str
    product_id: str
    grade: int
    value: float
    shown: int
    clicked: int


@dataclass(slots=True)
class Clicks:
    """Who was shown what, at which rank, and what was clicked."""

    wanted: Mapping[str, Collection[str]]
    actions: Mapping[str, int]
    depth: int = DEPTH
    ranks: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    pairs: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    queries: int = 0
    clicked: int = 0
    reciprocal: float = 0.0

    def add(self, query: AnsweredQuery) -> None:
        """One answer."""
        clicked = self.wanted.get(query.query_id, ())
        seen = self._seen(query, clicked)
        ranks = [rank for rank, product_id in seen if self._count(query, rank, product_id, was=product_id in clicked)]
        if query.shown:
            self.queries += 1
        if ranks:
            self.clicked += 1
            self.reciprocal += 1 / min(ranks)

    def _seen(self, query: AnsweredQuery, clicked: Collection[str]) -> Iterator[tuple[int, str]]:
        for shown in query.shown:
            for rank, product_id in enumerate(shown, query.offset + 1):
                if rank <= query.offset + self.depth or product_id in clicked:
                    yield rank, product_id

    def _count(self, query: AnsweredQuery, rank: int, product_id: str, *, was: bool) -> bool:
        self.ranks[rank][0] += 1
        self.ranks[rank][1] += was
        if query.kind == "text" and query.text:
            self.pairs[query.text, product_id][rank] += 1
            self.hits[query.text, product_id] += was
        return was

    def report(self) -> ClickReport:
        """The figures by rank."""
        ranks = tuple(RankClicks(rank, *self.ranks[rank]) for rank in sorted(self.ranks))
        return ClickReport(self.queries, self.clicked, self.reciprocal / max(1, self.queries), ranks, self.actions)

    def expected(self) -> dict[int, float]:
        """The share of clicks that each rank gets, whatever stands there."""
        shown, clicked = (sum(pair[at] for pair in self.ranks.values()) for at in (0, 1))
        mean = clicked / shown if shown else 0.0
        return {r: (n[1] + _SMOOTHING * mean) / (n[0] + _SMOOTHING) for r, n in self.ranks.items()}

    def judgements(self, model: str = "coec", least_shown: int = 10) -> list[Judgement]:
        """A grade of 0 to 3 for each product that a query's words showed often enough.

        Args:
            model: `coec` or `ctr`.
            least_shown: how often a product must have been shown to be graded.
        """
        expected, found = self.expected(), list[Judgement]()
        for (query, product_id), ranks in self.pairs.items():
            shown, clicked = ranks.total(), self.hits[query, product_id]
            if shown < least_shown:
                continue
            due = sum(times * expected[rank] for rank, times in ranks.items()) if model == "coec" else shown
            value = clicked / due if due else 0.0
            steps = _GRADES if model == "coec" else _CTR_GRADES
            found.append(Judgement(query, product_id, sum(value >= step for step in steps), value, shown, clicked))
        return sorted(found, key=lambda each: (each.query, -each.grade, -each.value, each.product_id))


def read_clicks(queries: Iterable[AnsweredQuery], events: Iterable[Event], depth: int = DEPTH) -> Clicks:
    """Put events to the answers that they are of; what names no answer that is kept is left out."""
    wanted: dict[str, set[str]] = defaultdict(set)
    actions: Counter[str] = Counter()
    for event in events:
        actions[event.action] += 1
        if event.action in CLICKS and event.object_id is not None:
            wanted[event.query_id].add(event.object_id)
    clicks = Clicks(wanted, dict(actions.most_common()), depth)
    for query in queries:
        clicks.add(query)
    return clicks


def as_trec(judgements: Sequence[Judgement]) -> tuple[list[str], list[str]]:
    """Lines of a TREC qrels file (`topic 0 document grade`), and of its topics (`topic<TAB>query`)."""
    topics = {query: number for number, query in enumerate(dict.fromkeys(each.query for each in judgements), 1)}
    lines = [f"{topics[each.query]} 0 {_document(each.product_id)} {each.grade}" for each in judgements]
    return lines, [f"{number}\t{query}" for query, number in topics.items()]


def _document(product_id: str) -> str:
    """A name without spaces, which part the columns."""
    return "".join(f"%{ord(each):02X}" if each.isspace() or each == "%" else each for each in product_id)
