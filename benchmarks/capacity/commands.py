"""`thatlook plan`: how many machines a catalogue needs, told as tables or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.capacity.coefficients import ASSUMED, Coefficients, read_coefficients
from benchmarks.capacity.estimate import Estimate, Need, estimate
from benchmarks.speed.commands import RELEASES
from benchmarks.speed.results import read_lines
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json
from models.manifest import load_manifest
from models.registry import profile_folder
from models.settings import read_settings


@click.command()
@click.option("--products", type=click.IntRange(min=1), required=True, help="Products of the catalogue.")
@click.option("--images-per-product", type=click.FloatRange(min=1), default=3.0, show_default=True)
@click.option("--rows-per-product", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Crops of it.")
@click.option(
    "--qps", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Photos per second, at most."
)
@click.option("--days", type=click.FloatRange(min=0.01), default=3.0, show_default=True, help="For the first ingest.")
@click.option(
    "--replicas", type=click.IntRange(min=1), default=1, show_default=True, help="Copies of every row in memory."
)
@click.option("--node-memory-gb", type=click.FloatRange(min=1), default=64.0, show_default=True)
@click.option("--node-cores", type=click.IntRange(min=1), default=16, show_default=True)
@click.option(
    "--worker-cores",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Cores of each machine of workers and the API.",
)
@click.option(
    "--history", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Result lines measured elsewhere."
)
@JSON
def plan(history: Path | None, as_json: bool, **given: Any) -> None:
    """Say what a catalogue needs: memory by index type, disk, nodes, workers, days, the cost of a swap.

    Reckoned from what `thatlook bench` recorded, of the machine that measured releases, or of yours with --history. The
    machine's processors are taken as fast as those that were measured, embeddings as long as THATLOOK_PROFILE's.
    """
    settings = read_settings()
    manifest = load_manifest(profile_folder(settings.profile, settings.home))
    need = Need(
        products=given["products"],
        dims={"visual": manifest.models["visual"].dim or 0, "semantic": manifest.models["semantic_image"].dim or 0},
        images=given["images_per_product"],
        rows=given["rows_per_product"],
        qps=given["qps"],
        days=given["days"],
        replicas=given["replicas"],
        node_memory_gb=given["node_memory_gb"],
        node_cores=given["node_cores"],
        worker_cores=given["worker_cores"],
    )
    cost = read_coefficients(read_lines(history or RELEASES))
    found = estimate(need, cost)
    if as_json:
        print_json(document(found, cost))
    else:
        show(plain_console(), found, cost)


def document(found: Estimate, cost: Coefficients) -> dict[str, Any]:
    """The estimate as JSON, with every coefficient's source."""
    told = asdict(found)
    told["indexes"] = [{**asdict(index), "nodes": index.nodes} for index in found.indexes]
    told |= {
        "best": found.best.kind,
        "fits_embedded": found.fits_embedded,
        "swap_memory_gb": found.swap_memory_gb,
        "swap_disk_gb": found.swap_disk_gb,
        "coefficients": {name: asdict(source) for name, source in cost.sources.items()},
        "assumed": {name: {"value": value, "text": text} for name, (value, text) in ASSUMED.items()},
    }
    return told


def show(console: Console, found: Estimate, cost: Coefficients) -> None:
    """The estimate as tables, for people."""
    need = found.need
    console.print(
        f"{found.rows:,.0f} rows of {need.products:,} products, {need.images:g} pictures each; {need.qps:g} photos/s"
    )
    if found.fits_embedded:
        console.print(
            f"One process with the embedded store is enough: {_gb(found.embedded_memory_gb)} of memory beside models, "
            f"{_gb(found.embedded_disk_gb + found.pictures_gb)} of disk with pictures, "
            f"{_time(found.embedded_index_h)} to build the index."
        )
    console.print(_indexes(found))
    console.print(
        "* of the types that score exactly the one with the fewest nodes. Under the others embeddings travel with "
        "every answer, and their recall is to be measured first (`thatlook bench recall --full --case 'server-*'`)."
    )
    console.print(_machines(found))
    sources = Table("coefficient", "value", "from", title="Reckoned from")
    for name, source in cost.sources.items():
        sources.add_row(name, f"{source.value:.4g}", source.text)
    for name, (value, text) in ASSUMED.items():
        sources.add_row(name, f"{value:g}", f"assumed: {text}")
    console.print(sources)


def _indexes(found: Estimate) -> Table:
    table = Table("index", "memory", "disk", "read per photo", "on one core", "nodes", title="Milvus, by index type")
    for index in found.indexes:
        mark = " *" if index is found.best else ""
        why = "memory" if index.by_memory >= index.by_scanning else "scanning"
        table.add_row(
            index.kind + mark, _gb(index.memory_gb), _gb(index.disk_gb), _gb(index.scanned_gb),
            f"{max(1, round(index.scan_s * 1000)):,} ms", f"{index.nodes} ({why})",
        )  # fmt: skip
    return table


def _machines(found: Estimate) -> Table:
    need, table = found.need, Table("what", "how much", title="Machines, disk and time")
    table.add_row("query nodes", f"{found.best.nodes} of {need.node_cores} cores, {need.node_memory_gb:g} GB")
    table.add_row("API", f"{found.api_machines} of {need.worker_cores} cores; p95 {found.api_p95_ms:.0f} ms when busy")
    table.add_row("workers", f"{found.workers} of {need.worker_cores} cores")
    table.add_row("first ingest", _time(24 * found.ingest_days))
    table.add_row("pictures in S3", _gb(found.pictures_gb))
    table.add_row("ledger in PostgreSQL", _gb(found.ledger_gb))
    table.add_row("a swap of models", f"{_time(24 * found.swap_days)} with these workers")
    table.add_row("… beside the old", f"{_gb(found.swap_memory_gb)} of memory, {_gb(found.swap_disk_gb)} of disk more")
    return table


def _gb(value: float) -> str:
    return (
        f"{value / 1000:,.1f} TB" if value >= 1000 else f"{value:,.1f} GB" if value >= 1 else f"{value * 1000:,.0f} MB"
    )


def _time(hours: float) -> str:
    if hours >= 48:
        return f"{hours / 24:,.1f} days"
    return f"{hours:,.1f} hours" if hours >= 1 else f"{max(1, round(hours * 60))} min"
