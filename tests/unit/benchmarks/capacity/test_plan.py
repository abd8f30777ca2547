"""`thatlook plan`: its arithmetic by hand, its coefficients from recorded lines, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.capacity.coefficients import ASSUMED, Coefficients, read_coefficients
from benchmarks.capacity.commands import plan
from benchmarks.capacity.estimate import Need, estimate
from benchmarks.speed.commands import RELEASES
from benchmarks.speed.results import Line, Machine, Result, Run, read_lines
from engine.errors import QueryRejected

COST = Coefficients(
    garments=2.0, query_cpu_ms=100.0, busy=0.5, busy_p95_ms=300.0, picture_cpu_ms=50.0, product_cpu_ms=25.0,
    segment_cpu_ms=35.0, resident_bytes=200.0, disk_bytes=5000.0, index_s=0.0001, scan_bytes_per_s=10e9,
    rows_per_s=None, server_ms=None,
)  # fmt: skip
DIMS = {"visual": 1024, "semantic": 512}
MILLION = Need(products=1_000_000, dims=DIMS, images=3.0, qps=10.0, days=1.0, worker_cores=1, node_cores=2)


def lines(machine: str = "a", **changes: Result) -> list[Line]:
    """A run in which everything was recorded that is read."""
    run = Run(
        id="20261130T000000000Z-1", utc="", commit="abcdef0123", dirty=False, size="full",
        machine=Machine(cpu=machine, cores=2, memory_bytes=1, read_gb_s=30.0), versions={},
    )  # fmt: skip
    results = {
        "photo": Result(suite="latency", case="photo-starter", parameters={"garments": 3},
                        figures={"cpu_ms_per_answer": 80.0}),
        "load": Result(suite="latency", case="load-70", parameters={"of_capacity": 0.7}, p95_ms=640.0),
        "ingest": Result(suite="ingest", case="starter", figures={"pictures_per_s": 20.0, "products_per_s": 10.0},
                         stages_ms={"segment": 60.0, "gate": 30.0, "pictures": 2.0, "visual": 9.0, "semantic": 3.0,
                                    "write": 4.0}),
        "scale": Result(suite="scale", case="embedded-1000000", parameters={"rows": 1_000_000},
                        figures={"disk_bytes_per_row": 4667.0, "index_s": 80.0}),
        "recall": Result(suite="recall", case="embedded-1m", figures={"resident_bytes_per_row": 154.0}),
    } | changes  # fmt: skip
    return [Line(run, result) for result in results.values()]


def test_coefficients_are_what_was_recorded() -> None:
    """Two pictures a product: what a picture costs is half of the stages that look at pictures."""
    cost = read_coefficients(lines())
    assert (cost.query_cpu_ms, cost.garments, cost.busy, cost.busy_p95_ms) == (80.0, 3.0, 0.7, 640.0)
    assert (cost.picture_cpu_ms, cost.segment_cpu_ms, cost.product_cpu_ms) == (46.0, 31.0, 16.0)
    assert (cost.resident_bytes, cost.disk_bytes, cost.index_s) == (154.0, 4667.0, 80e-6)
    assert (cost.scan_bytes_per_s, cost.rows_per_s) == (15e9, None)
    assert cost.sources["cpu_ms_per_answer"].text == "bench latency, photo-starter, commit abcdef0"
    assert cost.sources["picture_cpu_ms"].text == "bench ingest, starter, commit abcdef0"
    writes = Result(suite="scale", case="queue-writes", figures={"rows_per_s": 440.0})
    assert read_coefficients(lines(writes=writes)).rows_per_s == 440.0


def test_what_was_never_recorded_is_asked_for() -> None:
    """The message names the command that records it."""
    some = [line for line in lines() if line.result.suite != "ingest"]
    with pytest.raises(QueryRejected, match="thatlook bench ingest --case starter"):
        read_coefficients(some)


def test_the_released_history_is_enough() -> None:
    """What comes with thatlook has every coefficient, of sane size."""
    cost = read_coefficients(read_lines(RELEASES))
    assert 5 < cost.query_cpu_ms < 1000
    assert 5 < cost.picture_cpu_ms < 500
    assert 1e9 < cost.scan_bytes_per_s < 1e11


def test_ingest_by_hand() -> None:
    """1 M × (3 · 50 + 25) ms = 175,000 s: three one-core workers need a day, and a swap 1 M × 60 ms."""
    found = estimate(MILLION, COST)
    assert found.workers == 3
    assert found.ingest_days == pytest.approx(175_000 / 3 / 86_400)
    assert found.swap_days == pytest.approx(60_000 / 3 / 86_400)
    slow_writer = estimate(MILLION, replace(COST, rows_per_s=10.0))
    assert slow_writer.ingest_days == pytest.approx(2_000_000 / (10 * 3) / 86_400)


def test_memory_and_disk_by_hand() -> None:
    """1024 + 512 numbers: 6,144 bytes raw, 1,536 in a byte each, 192 in a bit each; the words in both collections."""
    found = {index.kind: index for index in estimate(MILLION, COST).indexes}
    words = 2 * ASSUMED["scalar_bytes"][0]
    memory = {kind: index.memory_gb for kind, index in found.items()}
    assert memory == pytest.approx(
        {
            "IVF_FLAT": (6144 + words) / 1000,
            "IVF_SQ8": (1536 + words) / 1000,
            "IVF_PQ": (192 + words) / 1000,
            "IVF_RABITQ": (192 + 6144 + words) / 1000,
        }
    )
    disk = {kind: index.disk_gb - index.memory_gb for kind, index in found.items()}
    assert disk == pytest.approx(dict.fromkeys(memory, 6.144))
    assert [kind for kind, index in found.items() if index.exact] == ["IVF_FLAT", "IVF_RABITQ"]


def test_scanning_by_hand() -> None:
    """400,000 rows in 512 lists of which 32 are read: 25,000 rows of 6,144 bytes for each of two garments."""
    flat = estimate(MILLION, COST).indexes[0]
    assert flat.scanned_gb == pytest.approx(2 * 400_000 * 32 / 512 * 6144 / 1e9)
    assert flat.scan_s == pytest.approx(flat.scanned_gb / 10)
    busy = estimate(replace(MILLION, qps=1000.0), COST).indexes[0]
    assert busy.by_scanning == 31  # 1,000 · 0.03072 s / 0.5 / 2 cores = 30.7
    assert busy.nodes == 31


def test_machines_grow_with_what_is_asked() -> None:
    """Replicas multiply memory, queries the API and the nodes that scan; told is the exact index with the fewest."""
    found = estimate(replace(MILLION, qps=100.0, worker_cores=4), COST)
    assert found.api_machines == 5  # 100 · 0.1 s / 0.5 / 4 cores
    assert (found.indexes[0].nodes, found.best.kind) == (4, "IVF_RABITQ")
    assert estimate(MILLION, COST).best.kind == "IVF_FLAT"
    assert not found.fits_embedded
    assert estimate(replace(MILLION, qps=1.0), COST).fits_embedded
    large = replace(MILLION, products=10_000_000)
    one, three = (estimate(replace(large, replicas=n), COST).indexes[0].by_memory for n in (1, 3))
    assert (one, three) == (2, 6)  # 79.4 GB in 44.8 of 64 GB


def test_the_command(tmp_path: Path) -> None:
    """JSON has every coefficient with its source; people read the same in tables."""
    history = tmp_path / "history.jsonl"
    history.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines()))
    arguments = ["--products", "10000000", "--images-per-product", "3", "--qps", "50", "--history", str(history)]
    told = CliRunner().invoke(plan, [*arguments, "--json"], catch_exceptions=False)
    document = json.loads(told.stdout)
    assert (document["rows"], document["best"], document["fits_embedded"]) == (10_000_000, "IVF_FLAT", False)
    assert document["coefficients"]["cpu_ms_per_answer"]["value"] == 80.0
    assert set(document["assumed"]) == set(ASSUMED)
    shown = CliRunner().invoke(plan, arguments, catch_exceptions=False).output
    assert "10,000,000 rows" in shown
    assert "IVF_RABITQ" in shown
    few = CliRunner().invoke(plan, ["--products", "5000", "--qps", "1", "--history", str(history)])
    assert "One process with the embedded store is enough" in few.output
