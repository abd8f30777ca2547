"""The command `settings`: every setting with its default and meaning, as docs/settings.md has them too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from engine.system.options import JSON
from engine.system.printing import print_json
from engine.system.redaction import redacted
from models.settings import Settings, read_settings

EVERYWHERE, SERVER, INTAKE = "every program", "`serve`", "`serve`, `ingest`, `worker`"
GROUPS: tuple[tuple[str, str, str], ...] = (
    ("The catalogue and the models", EVERYWHERE, r"home|profile|runtime|threads|streams|model_cache|taxonomy"),
    ("Pictures", EVERYWHERE, r"max_image_.*|allow_private_hosts"),
    ("Taking products in", INTAKE, r"policy|views"),
    ("A feed on a schedule", SERVER, r"feed_.*|max_feed_bytes"),
    ("Listening", SERVER, r"host|port|catalogue_port|allowed_hosts|cors_origins"),
    ("Who may ask, and how much", SERVER, r"require_keys|rate_limit|redis_url|concurrent_requests|allow_image_urls"),
    ("What people did with the answers", SERVER, r"events.*"),
    ("Agents", SERVER, r"mcp|ucp"),
    ("Time and memory of a request", SERVER, r"budget_s|upload_.*|photo_memory_bytes"),
    ("Milvus, PostgreSQL and S3", EVERYWHERE, r"milvus_.*|ledger_url|s3_.*"),
    ("Signals", "`serve`, `worker`", r"drain_s|metrics_port|otel"),
)
"""Headings, the programs that read what stands below them, and which names these are."""
HEAD = """# Settings

Everything that can be set, as `THATLOOK_…` in the environment; options of a command go before it. This page is made by
`thatlook settings --markdown` from the code; `thatlook settings` shows what is set where it runs.
"""
_KIBI = 1024
_LARGEST_PORT = 65_535
"""Numbers above it are written with commas."""


@click.command()
@JSON
@click.option("--markdown", is_flag=True, help="The page docs/settings.md.")
@click.pass_obj
def settings(options: dict[str, Any], as_json: bool, markdown: bool) -> None:
    """Show every setting: its name, what it is here, its default, and what it means.

    Secrets are never shown, only whether they are set.
    """
    if markdown:
        click.echo(page(), nl=False)
        return
    now = read_settings(options)
    rows = [_row(name, field, now) for name, field in Settings.model_fields.items()]
    if as_json:
        print_json({"settings": rows})
        return
    for row in rows:
        click.echo(_told(row))


def _told(row: dict[str, Any]) -> str:
    """A setting in two lines, one that is set with what it is here."""
    here = f"(default: {row['default']})" if row["is_default"] else f"= {row['value']}   (default: {row['default']})"
    return f"{row['name']} {here}\n    {row['meaning']}"


def page() -> str:
    """The page docs/settings.md."""
    return HEAD + "".join(_group(*group) for group in GROUPS)


def _group(heading: str, programs: str, names: str) -> str:
    rows = [
        f"| `THATLOOK_{name.upper()}` | {default_of(name, field)} | {values_of(field)} | {meaning_of(field)} |\n"
        for name, field in Settings.model_fields.items()
        if re.fullmatch(names, name)
    ]
    head = f"\n## {heading}\n\nRead by {programs}.\n\n| name | default | values | meaning |\n|---|---|---|---|\n"
    return head + "".join(rows)


def _row(name: str, field: FieldInfo, now: Settings) -> dict[str, Any]:
    value = getattr(now, name)
    plain = value if isinstance(value, bool | int | float) else redacted(str(value))
    shown = "***" if isinstance(value, SecretStr) else plain
    return {
        "name": f"THATLOOK_{name.upper()}",
        "value": None if value is None else shown,
        "default": default_of(name, field).replace("`", ""),
        "is_default": name not in now.model_fields_set,
        "meaning": meaning_of(field),
    }


def default_of(name: str, field: FieldInfo) -> str:
    """What holds where nothing is set."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == "":
        return "not set"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if name.endswith("_bytes"):
        return _bytes(value)
    if isinstance(value, int) and value > _LARGEST_PORT:
        return f"`{value:,}`"
    return f"`{value:g}`" if isinstance(value, int | float) else f"`{value}`"


def _bytes(value: int) -> str:
    for unit, size in (("GiB", _KIBI**3), ("MiB", _KIBI**2)):
        if value % size == 0:
            return f"`{value}` ({value // size} {unit})"
    return f"`{value}`"


def values_of(field: FieldInfo) -> str:
    """What may be said: a kind, its bounds, or the words there are."""
    kind = next(_kinds(field.annotation))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    words = {bool: "true or false", int: "a whole number", float: "a number", SecretStr: "a secret"}.get(kind, "text")
    limits = {
        name: getattr(each, name) for each in field.metadata for name in ("ge", "gt", "le") if hasattr(each, name)
    }
    signs = {"ge": "≥", "gt": ">", "le": "≤"}
    bounds = " and ".join(f"{signs[name]} {value}" for name, value in limits.items())
    return f"{words} {bounds}".strip()


def _kinds(annotation: Any) -> Iterator[Any]:
    """The kinds of a setting, None apart."""
    if get_origin(annotation) in (Union, UnionType):
        yield from (kind for kind in get_args(annotation) if kind is not type(None))
    else:
        yield annotation


def meaning_of(field: FieldInfo) -> str:
    """The sentence that the setting has in the code."""
    return " ".join((field.description or "").split())
