"""What one row, one picture and one query cost: read from the benchmarks' own records, each with where it comes from.

What no benchmark records is an assumption, and is told as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.speed.results import Line, newest_lines
from engine.errors import QueryRejected

ASSUMED = {
    "scalar_bytes": (900.0, "bytes of a row's words, facets and ids on a Milvus server, in memory"),
    "picture_bytes": (40_000.0, "bytes of a stored picture"),
    "ledger_bytes": (3_000.0, "bytes of a product in the ledger, its indexes included"),
    "largest_share": (0.4, "of the rows lie in the supercategory that is asked most"),
    "usable_memory": (0.7, "of a node's memory; the rest is for growing segments, compaction and the system"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a coefficient comes from: a benchmark's case in a run of a commit, or an assumption."""

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Costs of single things.

    Attributes:
        query_cpu_ms: of the API's processors for a photo of `garments` garments, models included.
        busy: the share of its capacity at which a service still answers in time; `busy_p95_ms` does it then.
        picture_cpu_ms: of ingest for every picture that is looked at (segment, gate, decode).
        product_cpu_ms: of ingest for the picture that is kept (both embeddings, writing).
        segment_cpu_ms: of `picture_cpu_ms`, what a new generation made of stored pictures needs, too.
        resident_bytes, disk_bytes: of the embedded store for a row in both spaces.
        index_s: of building the embedded index, for a row.
        scan_bytes_per_s: that one core reads while it compares embeddings.
        rows_per_s: that one writer brings into a Milvus server; None where that was not recorded.
        server_ms: of one garment's search on a Milvus server, with 10,000 rows; None where that was not recorded.
        sources: by the names of these.
    """

    garments: float
    query_cpu_ms: float
    busy: float
    busy_p95_ms: float
    picture_cpu_ms: float
    product_cpu_ms: float
    segment_cpu_ms: float
    resident_bytes: float
    disk_bytes: float
    index_s: float
    scan_bytes_per_s: float
    rows_per_s: float | None
    server_ms: float | None
    sources: dict[str, Source] = field(default_factory=dict)


def read_coefficients(lines: Sequence[Line]) -> Coefficients:
    """Coefficients of the newest runs on the newest run's kind of machine.

    Raises:
        QueryRejected: a case was never recorded there.
    """
    book = _Book(newest_lines(lines))
    pictures = book.figure("ingest", "starter", "pictures_per_s") / book.figure("ingest", "starter", "products_per_s")
    looks = {name: book.stage("starter", name) / pictures for name in ("segment", "gate", "pictures")}
    kept = [book.stage("starter", name) for name in ("visual", "semantic", "write")]
    picture_cpu_ms = book.told("picture_cpu_ms", sum(looks.values()))
    segment_cpu_ms = book.told("segment_cpu_ms", looks["segment"] + looks["pictures"])
    product_cpu_ms = book.told("product_cpu_ms", sum(kept))
    machine = book.line("scale", "embedded-1000000").run.machine
    if machine.read_gb_s is None:
        raise QueryRejected("The newest benchmark did not record how fast its machine reads memory.")
    rows = float(str(book.line("scale", "embedded-1000000").result.parameters["rows"]))
    return Coefficients(
        garments=book.parameter("latency", "photo-starter", "garments"),
        query_cpu_ms=book.figure("latency", "photo-starter", "cpu_ms_per_answer"),
        busy=book.parameter("latency", "load-70", "of_capacity"),
        busy_p95_ms=book.figure("latency", "load-70", "p95_ms"),
        picture_cpu_ms=picture_cpu_ms,
        product_cpu_ms=product_cpu_ms,
        segment_cpu_ms=segment_cpu_ms,
        resident_bytes=book.figure("recall", "embedded-1m", "resident_bytes_per_row"),
        disk_bytes=book.figure("scale", "embedded-1000000", "disk_bytes_per_row"),
        index_s=book.told("index_s", book.figure("scale", "embedded-1000000", "index_s") / rows),
        scan_bytes_per_s=book.told("scan_bytes_per_s", machine.read_gb_s * 1e9 / machine.cores),
        rows_per_s=book.maybe("scale", "queue-writes", "rows_per_s"),
        server_ms=book.maybe("scale", "server-10000", "p50_ms"),
        sources=book.sources,
    )


class _Book:
    """The recorded lines, and which of them was read for what."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = {(line.result.suite, line.result.case): line for line in lines}
        self._last = ""
        self.sources: dict[str, Source] = {}

    def line(self, suite: str, case: str) -> Line:
        found = self._lines.get((suite, case))
        if found is None:
            raise QueryRejected(
                f"No `bench {suite}` recorded the case {case}; run `thatlook bench {suite} --case {case}`, "
                "or name another history with --history."
            )
        self._last = f"bench {suite}, {case}, commit {(found.run.commit or 'unknown')[:7]}"
        return found

    def figure(self, suite: str, case: str, name: str) -> float:
        value = self.line(suite, case).result.value(name)
        if value is None:
            raise QueryRejected(f"The case {case} of `bench {suite}` recorded no {name}.")
        return self.told(name, value)

    def maybe(self, suite: str, case: str, name: str) -> float | None:
        return self.figure(suite, case, name) if (suite, case) in self._lines else None

    def parameter(self, suite: str, case: str, name: str) -> float:
        return self.told(name, float(str(self.line(suite, case).result.parameters[name])))

    def stage(self, case: str, name: str) -> float:
        return self.line("ingest", case).result.stages_ms[name]

    def told(self, name: str, value: float) -> float:
        self.sources[name] = Source(value, self._last)
        return value
