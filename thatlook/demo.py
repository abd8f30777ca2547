"""The demo: a drawn catalogue, ingested; one drawn street photo, answered; then a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from api.serving import serve_forever
from api.tables import show_answer
from engine.errors import ContractBroken
from engine.forms.answers import answer_form
from engine.system.console import plain_console
from engine.system.cpus import available_cpus
from engine.system.printing import printable
from engine.system.refusals import refusal
from engine.vision.images import decode
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from ingest.progress import show_summary, shown_progress
from models.settings import Settings
from models.studio.catalogue import sample_catalogue
from models.studio.output.feed import choose_outfit, write_catalogue, write_query
from models.studio.spec import GarmentSpec
from thatlook.answer_picture import save_picture
from thatlook.demo_home import FEED, SERVERS, open_demo

HITS = 5


def run_demo(settings: Settings, *, products: int, seed: int, serve: bool, picture: Path | None = None) -> None:
    """Do the main job from a feed to an answer, in `settings.home`; with `serve`, go on answering over HTTP.

    Args:
        picture: where to write the answer as a picture, if anywhere.

    Raises:
        ContractBroken: the answer is empty, so this installation does not do its job.
    """
    console = plain_console()
    shop = settings.home / f"shop-{products}-{seed}"
    feed = _draw_shop(console, shop, products, seed)
    photo = settings.home / "look.jpg"
    worn = _draw_query(photo, products, seed)
    with open_demo(settings, console) as parts:
        console.rule("The shop's feed, ingested")
        with shown_progress(console) as progress:
            summary = ingest_feed(
                ingest_dependencies(parts), feed, settings.policy, name=FEED, prune_all=True, progress=progress
            )
        show_summary(console, summary)
        console.rule("One photo, answered")
        answer = parts.thatlook.search_image(photo.read_bytes(), k=HITS)
        if picture:
            save_picture(picture, decode(photo.read_bytes()), answer, parts.objects, HITS)
    show_answer(answer_form(answer))
    _compare(console, worn, {hit.product.product_id for garment in answer.garments for hit in garment.hits})
    if not any(garment.hits for garment in answer.garments):
        raise ContractBroken("The demo's photo got no answer; run `thatlook doctor`.")
    if serve:
        _serve(console, settings, photo)


def _draw_shop(console: Console, shop: Path, products: int, seed: int) -> Path:
    """Draw the catalogue once; a second demo finds it there, unless the first was stopped in the midst of it."""
    feed = shop / "feed.jsonl"
    if not feed.exists() or len(feed.read_bytes().splitlines()) < products:
        try:
            with console.status(f"Drawing a shop of {products} products …"):
                write_catalogue(shop, products, seed, workers=available_cpus())
        except OSError as error:
            raise refusal(error, "The shop cannot be drawn", shop) from error
    console.print(f"A shop of {products} products: {feed}")
    return feed


def _draw_query(photo: Path, products: int, seed: int) -> list[GarmentSpec]:
    """Somebody in the street who wears some of the shop's products; which ones, for comparing."""
    worn = choose_outfit(sample_catalogue(products, seed), np.random.default_rng(seed))
    write_query(photo, worn, seed)
    return worn


def _compare(console: Console, worn: list[GarmentSpec], found: set[str]) -> None:
    """Say honestly which of the worn products are among the answers."""
    for product in worn:
        mark = ("found", "green") if product.product_id in found else ("not among the first", "yellow")
        console.print(Text.assemble(printable(f"Worn: {product.title} ({product.product_id}): "), mark))


def _serve(console: Console, settings: Settings, photo: Path) -> None:
    host = settings.host.strip("[]")
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    console.rule("Serving")
    console.print(f"Open {address}, or ask from another terminal:")
    console.print(f"  curl -s -F image=@{photo} {address}/v1/search/image", soft_wrap=True)
    console.print("Ctrl-C ends it.")
    given = ("home", "host", "port", *SERVERS)
    serve_forever({name: getattr(settings, name) for name in given})
