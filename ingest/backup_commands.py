"""The commands `backup` and `restore` of an embedded home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.errors import HomeInUse, QueryRejected
from engine.system.options import JSON
from engine.system.printing import print_json, say
from ingest.upkeep.backup import Backup, back_up, no_writes, restore
from models.bootstrap import LEDGER, hold_home
from models.settings import Settings, read_settings


@click.command("backup")
@click.argument("folder", type=click.Path(path_type=Path))
@JSON
@click.pass_obj
def backup_command(options: dict[str, Any], folder: Path, as_json: bool) -> None:
    """Copy the home into FOLDER, with checksums; a server that holds it goes on answering meanwhile."""
    settings = _embedded(options)
    target = folder.absolute()
    try:
        with hold_home(settings.home):
            done = back_up(settings.home, target, lambda: no_writes(settings.home / LEDGER))
    except HomeInUse as error:
        done = _by_server(error, settings, target)
    _show(done, f"backed up to {target}", as_json)


@click.command("restore")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@JSON
@click.pass_obj
def restore_command(options: dict[str, Any], folder: Path, as_json: bool) -> None:
    """Make the home of the backup in FOLDER, compared with its checksums; the home must be empty."""
    settings = _embedded(options)
    done = restore(folder, settings.home)
    _show(done, f"restored to {settings.home}, as of {done.created}", as_json)


def _embedded(options: dict[str, Any]) -> Settings:
    settings = read_settings(options)
    if settings.is_shared:
        raise QueryRejected(
            "This catalogue lies in servers; docs/operating.md tells in which order they are backed up."
        )
    return settings


def _by_server(error: HomeInUse, settings: Settings, target: Path) -> Backup:
    from ingest.jobs.handover import backed_up_by
    from models.holder import in_use

    return backed_up_by(in_use(error, settings.home), target)


def _show(done: Backup, what: str, as_json: bool) -> None:
    if as_json:
        print_json({"files": done.files, "size_bytes": done.size_bytes, "created": done.created})
    else:
        say(f"{done.files:,} files, {done.size_bytes / 1e6:,.1f} MB {what}")
