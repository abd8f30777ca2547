"""The command `keys`: make, list and revoke the keys by which callers are known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from engine.errors import NotFound, QueryRejected
from engine.system.options import JSON

if TYPE_CHECKING:
    from engine.keys import ApiKey, KeyBook

_SPAN = re.compile(r"(\d{1,5})\s*([hdwy])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "y": 24 * 365}


class KeyNotFound(NotFound):
    """No such key."""


@click.group()
def keys() -> None:
    """Create, list and revoke the keys of the HTTP API."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("search",),
    show_default=True,
    help="What it may do: search, catalogue or admin; may be repeated.",
)
@click.option("--expires", help="How long it opens anything: 12h, 90d, 6w, 1y. Without it, until it is revoked.")
@JSON
@click.pass_obj
def create(settings: Mapping[str, Any], name: str, scopes: tuple[str, ...], expires: str | None, as_json: bool) -> None:
    """Make a key named NAME. It is shown once, and cannot be read again."""
    from engine.keys import new_key
    from engine.system.printing import print_json

    now = datetime.now(UTC)
    text, kept = new_key(name, scopes, now, None if expires is None else now + span_of(expires))
    with _book(settings) as book:
        book.add(kept)
    if as_json:
        print_json({"key": text, **_told(kept, now)})
        return
    click.echo(text)
    click.echo(
        f"The key {kept.name!r} ({kept.key_id}) is shown this once; send it as `Authorization: Bearer …`.", err=True
    )


@keys.command("list")
@JSON
@click.pass_obj
def list_keys(settings: Mapping[str, Any], as_json: bool) -> None:
    """All keys with what they may do, when they end and when they were last used; never the keys themselves."""
    from engine.system.printing import print_json

    with _book(settings) as book:
        rows = [_told(key, datetime.now(UTC)) for key in book.all_keys()]
    if as_json:
        print_json({"keys": rows})
        return
    for row in rows:
        state = "" if row["active"] else "  (revoked)" if row["revoked"] else "  (expired)"
        click.echo(f"{row['id']}  {', '.join(row['scopes']):24}  {_day(row['used']):>10}  {row['name']}{state}")
    if not rows:
        click.echo("There are no keys; `thatlook keys create NAME` makes one.", err=True)


@keys.command()
@click.argument("key_id")
@JSON
@click.pass_obj
def revoke(settings: Mapping[str, Any], key_id: str, as_json: bool) -> None:
    """Let the key KEY_ID open nothing any more; a running server obeys within five seconds."""
    from engine.system.printing import print_json

    with _book(settings) as book:
        if not book.revoke(key_id, datetime.now(UTC)):
            raise KeyNotFound(f"There is no key {key_id!r} that is not revoked; `thatlook keys list` shows all.")
    if as_json:
        print_json({"revoked": key_id})
    else:
        click.echo(f"The key {key_id} is revoked.", err=True)


def span_of(text: str) -> timedelta:
    """ "90d" → that long.

    Raises:
        QueryRejected: it is not of this form.
    """
    found = _SPAN.fullmatch(text.strip().casefold())
    if not found or not int(found[1]):
        raise QueryRejected(f"{text[:40]!r} is no span of time; write 12h, 90d, 6w or 1y.")
    return timedelta(hours=int(found[1]) * _HOURS[found[2]])


@contextmanager
def _book(settings: Mapping[str, Any]) -> Iterator[KeyBook]:
    from models.bootstrap import open_keys
    from models.settings import read_settings

    book = open_keys(read_settings(settings))
    try:
        yield book
    finally:
        book.close()


def _told(key: ApiKey, now: datetime) -> dict[str, Any]:
    moments = {"created": key.created, "expires": key.expires, "revoked": key.revoked, "used": key.used}
    told = {name: None if when is None else when.isoformat(timespec="seconds") for name, when in moments.items()}
    return {"id": key.key_id, "name": key.name, "scopes": sorted(key.scopes), "active": key.is_active(now), **told}


def _day(moment: str | None) -> str:
    return moment[:10] if moment else "never used"
