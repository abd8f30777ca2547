"""The commands `serve` and `search`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.system.options import JSON, typed

if TYPE_CHECKING:
    from engine.service import ThatLook

FILTER_HELP = (
    "name=value[,value], name!=value or price<=50; all must hold. Quotes or a backslash keep a comma: "
    """'brand="Barneys, New York"'."""
)


@click.command()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless THATLOOK_HOST says otherwise.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; 8080 unless THATLOOK_PORT says otherwise."
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option(
    "--require-keys/--without-keys",
    "require_keys",
    default=None,
    help="Whether callers need a key; they do where other machines can reach the server, unless told otherwise.",
)
@click.pass_obj
def serve(
    settings: Mapping[str, Any], host: str | None, port: int | None, workers: int, require_keys: bool | None
) -> None:
    """Serve the HTTP API and the web page."""
    from api.serving import serve_forever

    options = {"host": host, "port": port, "require_keys": require_keys}
    given = {name: value for name, value in options.items() if value is not None}
    serve_forever({**settings, **given}, workers)


@click.command()
@click.argument("image", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), required=False)
@click.option("--text", "texts", multiple=True, help="Wanted words; may be repeated.")
@click.option("--not-text", "not_texts", multiple=True, help="Unwanted words; may be repeated.")
@click.option("--filter", "filters", multiple=True, help=FILTER_HELP)
@click.option("-k", "k", type=click.IntRange(1, 100), default=10, show_default=True, help="Products for each garment.")
@click.option("--supercategory", "names", multiple=True, help="Only garments of this kind; may be repeated.")
@click.option("--whole-image", is_flag=True, help="Take the picture as one garment of the one --supercategory.")
@click.option("--all-variants", is_flag=True, help="Every size of a product as a hit, not one hit for each look.")
@click.option(
    "--unavailable",
    type=click.Choice(["last", "mixed"]),
    default="last",
    show_default=True,
    help="What is out of stock comes after what can be bought, or wherever it fits.",
)
@JSON
@click.pass_obj
def search(
    settings: Mapping[str, Any],
    image: Path | None,
    texts: tuple[str, ...],
    not_texts: tuple[str, ...],
    filters: tuple[str, ...],
    k: int,
    names: tuple[str, ...],
    whole_image: bool,
    all_variants: bool,
    unavailable: str,
    as_json: bool,
) -> None:
    """Find products for each garment of IMAGE, moved by words if there are any; or by words alone."""
    from api.requests.queries import text_query
    from engine.filters import parse_filter
    from engine.forms.answers import answer_form, to_json
    from engine.retrieval.looks import Shown
    from engine.vision.photo_analysis import ImageQuery

    if image is None and whole_image:
        raise click.UsageError("--whole-image needs an IMAGE.")
    shown = Shown(one_per_look=not all_variants, sold_out_last=unavailable == "last")
    text = text_query([typed(one) for one in texts], [typed(one) for one in not_texts])
    where = parse_filter([typed(one) for one in filters])
    if image is None and text is None:
        raise click.UsageError("Give an IMAGE, or --text to search by words alone.")
    data = None if image is None else _read(image)
    with _working(quiet=as_json), _open(settings) as thatlook:
        if data is None and text is not None:
            answer = thatlook.search_text(text, supercategories=names or None, where=where, k=k, shown=shown)
        else:
            looking = ImageQuery(names or None, None, whole_image)
            answer = thatlook.search_image(data or b"", looking, text=text, where=where, k=k, shown=shown)
    form = answer_form(answer)
    if as_json:
        from engine.system.printing import print_json

        print_json(to_json(form))
    else:
        from api.tables import show_answer

        show_answer(form)


def _read(image: Path) -> bytes:
    return sys.stdin.buffer.read() if str(image) == "-" else image.read_bytes()


@contextmanager
def _open(settings: Mapping[str, Any]) -> Iterator[ThatLook]:
    """The engine on this home, for one search."""
    from models.bootstrap import open_parts
    from models.settings import read_settings

    with open_parts(read_settings(settings)) as parts:
        yield parts.thatlook


def _working(*, quiet: bool) -> AbstractContextManager[object]:
    """A sign of life while models load."""
    if quiet:
        return nullcontext()

    from engine.system.console import plain_console

    return plain_console().status("Looking …")
