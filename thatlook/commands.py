"""The commands `demo` and `doctor`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from engine.system.console import plain_console, words
from engine.system.options import JSON
from engine.system.printing import print_json
from models.settings import read_settings


@click.command()
@click.option("--products", type=click.IntRange(20, 100_000), default=150, show_default=True, help="How many to draw.")
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed, another catalogue.")
@click.option("--check", is_flag=True, help="Do the same work, then end instead of serving.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer as a picture.")
@click.option("--host", default=None, help="Address to serve at; THATLOOK_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port to serve at; THATLOOK_PORT.")
@click.pass_obj
def demo(
    options: dict[str, Any],
    products: int,
    seed: int,
    check: bool,
    picture: Path | None,
    host: str | None,
    port: int | None,
) -> None:
    """Draw a catalogue, ingest it, show one query's answer, and serve.

    Works in the folder `demo` of the home, so that a shop's own catalogue is left alone.
    """
    from thatlook.demo import run_demo
    from thatlook.demo_home import demo_settings

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = demo_settings(read_settings({**options, **given}))
    run_demo(settings, products=products, seed=seed, serve=not check, picture=picture)


@click.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended first: from the rows, the index, the pictures.")
@click.option("--servers", is_flag=True, help="Also try on the servers what is counted on, with throw-away rows.")
@click.option("--deep", is_flag=True, help="Compare ledger, rows and pictures in both directions; takes long.")
@JSON
@click.pass_context
def doctor(ctx: click.Context, repair: bool, servers: bool, deep: bool, as_json: bool) -> None:
    """Look at this installation and say what is wrong and what to do."""
    from thatlook.doctor import compared_deeply, examine, repaired, tried_servers

    settings = read_settings(ctx.obj)
    findings = [*(repaired(settings) if repair and not (deep and settings.is_shared) else ()), *examine(settings)]
    findings += tried_servers(settings) if servers else ()
    findings += compared_deeply(settings, repair=repair) if deep else ()
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = Table("", "part", "what was seen", box=None)
        for finding in findings:
            table.add_row(words("ok", "green") if finding.well else words("no", "red"), finding.part, finding.detail)
        plain_console().print(table)
    ctx.exit(0 if all(finding.well for finding in findings) else 1)
