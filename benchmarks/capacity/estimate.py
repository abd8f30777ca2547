"""From what a shop has to what it needs: memory by index type, disk, nodes, workers, days, and the cost of a swap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from benchmarks.capacity.coefficients import ASSUMED, Coefficients
from engine.stores.milvus.plan import EXACT_KINDS, MilvusPlan, plan_for

KINDS = ("IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ")
"""Index types on servers; the first scores exactly, and so does the last, which is refined on raw embeddings."""
SERVER = "2.6.4"
EMBEDDED_ROWS = 3_000_000
"""Beyond so many one process still answers, but builds its index for hours and cannot share its work."""
DAY_S = 86_400.0
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Need:
    """What a shop has, and what it asks.

    Attributes:
        dims: how many numbers an embedding of each space has.
        images: of a product, all of which are looked at once.
        rows: of a product: garments of it that are indexed.
        qps: photos searched per second, at the busiest.
        days: in which the first ingest is to be done.
        node_memory_gb, node_cores: of a machine that holds vectors; `worker_cores` of one that ingests or answers.
    """

    products: int
    dims: Mapping[str, int]
    images: float = 3.0
    rows: float = 1.0
    qps: float = 10.0
    days: float = 3.0
    replicas: int = 1
    node_memory_gb: float = 64.0
    node_cores: int = 16
    worker_cores: int = 8


@dataclass(frozen=True, slots=True)
class IndexNeed:
    """One index type on Milvus servers.

    Attributes:
        memory_gb: of all query nodes together, one replica.
        disk_gb: of raw embeddings and the index in the object storage that Milvus has.
        scanned_gb: read for one photo; `scan_s` is that time on one core.
        nodes: query nodes, for memory (`by_memory`) and for scanning (`by_scanning`), whichever is more.
        exact: its scores are the cosines, so that no embedding travels with an answer (docs/adr/0005).
    """

    kind: str
    exact: bool
    memory_gb: float
    disk_gb: float
    scanned_gb: float
    scan_s: float
    by_memory: int
    by_scanning: int

    @property
    def nodes(self) -> int:
        """Query nodes that hold and scan it."""
        return max(self.by_memory, self.by_scanning)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is needed.

    Attributes:
        embedded_memory_gb, embedded_disk_gb, embedded_index_h: of one process with the embedded store.
        best: of the index types that score exactly the one with the fewest nodes.
        workers, ingest_days: machines that ingest, and how long they take.
        api_machines, api_p95_ms: that answer, and their slowest of twenty answers as it was measured at such a load.
        swap_days, swap_memory_gb, swap_disk_gb: a new generation beside the old one: its making with these workers,
            and what is needed on top until the old one is dropped.
    """

    need: Need
    rows: float
    pictures_gb: float
    ledger_gb: float
    embedded_memory_gb: float
    embedded_disk_gb: float
    embedded_index_h: float
    indexes: tuple[IndexNeed, ...]
    workers: int
    ingest_days: float
    api_machines: int
    api_p95_ms: float
    swap_days: float

    @property
    def fits_embedded(self) -> bool:
        """Whether one process with the embedded store is enough."""
        return self.rows <= EMBEDDED_ROWS and self.api_machines == 1

    @property
    def best(self) -> IndexNeed:
        """The exact index type that needs the fewest nodes; of equal ones the first."""
        return min((index for index in self.indexes if index.exact), key=lambda index: index.nodes)

    @property
    def swap_memory_gb(self) -> float:
        """Memory of the second generation."""
        return self.best.memory_gb * self.need.replicas

    @property
    def swap_disk_gb(self) -> float:
        """Disk of the second generation."""
        return self.best.disk_gb


def estimate(need: Need, cost: Coefficients) -> Estimate:
    """What a catalogue needs."""
    rows = need.products * need.rows
    cpu_s = need.products * (need.images * cost.picture_cpu_ms + cost.product_cpu_ms) / 1000
    workers = max(1, ceil(cpu_s / (need.days * DAY_S * need.worker_cores)))
    again_s = need.products * (cost.segment_cpu_ms + cost.product_cpu_ms) / 1000
    api_cores = need.qps * cost.query_cpu_ms / 1000 / cost.busy
    return Estimate(
        need=need,
        rows=rows,
        pictures_gb=need.products * _assumed("picture_bytes") / _GB,
        ledger_gb=need.products * _assumed("ledger_bytes") / _GB,
        embedded_memory_gb=rows * cost.resident_bytes / _GB,
        embedded_disk_gb=rows * cost.disk_bytes / _GB,
        embedded_index_h=rows * cost.index_s / 3600,
        indexes=tuple(_index(kind, need, cost, rows) for kind in KINDS),
        workers=workers,
        ingest_days=_days(cpu_s, rows, workers, need, cost),
        api_machines=max(1, ceil(api_cores / need.worker_cores)),
        api_p95_ms=cost.busy_p95_ms,
        swap_days=_days(again_s, rows, workers, need, cost),
    )


def _days(cpu_s: float, rows: float, workers: int, need: Need, cost: Coefficients) -> float:
    """Of looking or of writing, whichever takes longer: they go on beside each other."""
    looking_s = cpu_s / (workers * need.worker_cores)
    writing_s = rows * len(need.dims) / (cost.rows_per_s * workers) if cost.rows_per_s else 0.0
    return max(looking_s, writing_s) / DAY_S


def _index(kind: str, need: Need, cost: Coefficients, rows: float) -> IndexNeed:
    plan = plan_for(SERVER, kind)
    codes = {space: _code_bytes(plan, dim) for space, dim in need.dims.items()}
    raw = {space: 4.0 * dim for space, dim in need.dims.items()}
    refined = kind in plan.can.refined
    held = sum(codes.values()) + (sum(raw.values()) if refined else 0.0) + len(raw) * _assumed("scalar_bytes")
    kept = held + sum(raw.values())
    asked = rows * _assumed("largest_share")
    lists = plan.lists(int(asked))
    share = plan.probes(max(1, int(asked)), lists) / lists
    scanned = cost.garments * asked * share * sum(codes.values())
    scan_s = scanned / cost.scan_bytes_per_s
    memory_gb = rows * held / _GB
    return IndexNeed(
        kind=kind,
        exact=kind in EXACT_KINDS or refined,
        memory_gb=memory_gb,
        disk_gb=rows * kept / _GB,
        scanned_gb=scanned / _GB,
        scan_s=scan_s,
        by_memory=ceil(memory_gb * need.replicas / (need.node_memory_gb * _assumed("usable_memory"))),
        by_scanning=ceil(need.qps * scan_s / cost.busy / need.node_cores),
    )


def _code_bytes(plan: MilvusPlan, dim: int) -> float:
    """Of one embedding in the index."""
    per_number = {
        "IVF_FLAT": 4.0,
        "IVF_SQ8": 1.0,
        "IVF_PQ": plan.nbits / 8 / plan.numbers_per_code,
        "IVF_RABITQ": 1 / 8,
    }
    return dim * per_number[plan.kind]


def _assumed(name: str) -> float:
    return ASSUMED[name][0]
