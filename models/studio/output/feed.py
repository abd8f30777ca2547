"""A shop's folder: pictures of every product, a Merchant-style feed, and the truth of every picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.system.durable import PART, put_in_place
from models.studio.backdrops import BACKGROUNDS
from models.studio.catalogue import sample_catalogue, sample_outfit
from models.studio.figures.people import sample_person
from models.studio.output.dataset import outlines
from models.studio.output.files import save_jpeg
from models.studio.output.spread import spread
from models.studio.render import Rendered, ShownGarment, ShownPerson, render_look, render_product
from models.studio.spec import Framing, GarmentSpec

SHOP = "https://shop.example"
STUDIO = ("white", "white", "white", "grey", "gradient")


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture of a product, by its file name's ending."""

    name: str
    picture: Rendered


def product_shots(product: GarmentSpec, seed: int, size: tuple[int, int] = (480, 640)) -> Iterator[Shot]:
    """The pictures that the shop shows of a product, the main one first.

    Clothes are worn from the front (one in eight partial), from behind, and now and
    then shown alone; one in eight comes as a flat-lay only. Shoes stand alone, some also worn.
    """
    number = int(product.product_id.rsplit("-", 1)[-1]) if product.product_id[-1].isdigit() else 0
    base = seed * 1_000_003 + number * 16
    rng = np.random.default_rng([base, 40])
    chance, scene = rng.random(3), str(rng.choice(STUDIO))
    person = sample_person(base, product.gender if product.gender != "unisex" else None)
    outfit = sample_outfit(base, person.gender, product, neutral=True)
    if product.label == "foot_wear":
        yield Shot("product", render_product(product, size, base, background=scene))
        if chance[0] < 0.4:
            yield Shot("worn", render_look(outfit, person, "front", scene, size, base + 1))
        return
    if chance[0] < 0.12:
        yield Shot("flat", render_product(product, size, base, presentation="flat", background=scene))
        return
    framing: Framing = "full"
    if chance[1] < 0.12:
        framing = "waist_down" if product.label == "lower_wear" else "knees_up"
    yield Shot("front", render_look(outfit, person, "front", scene, size, base, framing=framing))
    yield Shot("back", render_look(outfit, person, "back", scene, size, base + 1))
    if chance[2] < 0.4:
        yield Shot(
            "product", render_product(product, size, base + 2, presentation="flat" if chance[2] < 0.15 else "ghost")
        )


def write_catalogue(
    folder: Path | str, n_products: int, seed: int = 0, size: tuple[int, int] = (480, 640), *, workers: int = 1
) -> Path:
    """Write a shop: `feed.jsonl`, `truth.jsonl` and `images/`.

    The feed is there once all is drawn, or not at all. Every product is `sample_catalogue(n_products, seed)`'s, so that
    a caller can have the specs too.

    Args:
        workers: processes that draw.
    Returns:
        The path of feed.jsonl; image references in it are relative to it.
    """
    root = Path(folder)
    (root / "images").mkdir(parents=True, exist_ok=True)
    jobs = [(root, product, seed, size) for product in sample_catalogue(n_products, seed)]
    feed, truth = root / "feed.jsonl", root / "truth.jsonl"
    half_feed, half_truth = (path.with_name(path.name + PART) for path in (feed, truth))
    with half_feed.open("w", encoding="utf-8") as rows, half_truth.open("w", encoding="utf-8") as all_truths:
        for row, truths in spread(_write_product, jobs, workers):
            rows.write(json.dumps(row, ensure_ascii=False) + "\n")
            all_truths.writelines(json.dumps(t) + "\n" for t in truths)
    put_in_place(half_truth, truth)
    put_in_place(half_feed, feed)
    return feed


def _write_product(job: tuple[Path, GarmentSpec, int, tuple[int, int]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    root, product, seed, size = job
    references, truths = [], []
    for shot in product_shots(product, seed, size):
        reference = f"images/{product.product_id}_{shot.name}.jpg"
        save_jpeg(root / reference, shot.picture.pixels)
        references.append(reference)
        truths.append({"image": reference, "product_id": product.product_id, **truth_of(shot.picture)})
    return feed_row(product, references), truths


def feed_row(product: GarmentSpec, images: Sequence[str]) -> dict[str, Any]:
    """A product in Google Merchant's words."""
    two = product.pattern != "solid" or (product.label == "foot_wear" and "side_stripe" in product.cut.details)
    row: dict[str, Any] = {
        "id": product.product_id,
        "title": product.title,
        "description": product.description,
        "link": f"{SHOP}/products/{product.product_id}",
        "image_link": images[0],
        "additional_image_link": list(images[1:]),
        "price": f"{product.price:.2f} EUR",
        "availability": product.availability,
        "brand": product.brand,
        "color": f"{product.color}/{product.accent}" if two else product.color,
        "gender": product.gender,
        "age_group": "adult",
        "material": product.material,
        "pattern": product.pattern,
        "product_type": product.product_type,
        "item_group_id": product.group,
    }
    if product.sale_price is not None:
        row["sale_price"] = f"{product.sale_price:.2f} EUR"
    return row


def truth_of(picture: Rendered) -> dict[str, Any]:
    """A picture's truth as JSON: garments with product identity, people with keypoints."""
    return {
        "width": picture.pixels.shape[1],
        "height": picture.pixels.shape[0],
        "view": picture.view,
        "framing": picture.framing,
        "full_shot": picture.full_shot,
        "background": picture.background,
        "caption": picture.caption,
        "garments": [_garment(g) for g in picture.garments],
        "people": [_person(p) for p in picture.people],
    }


def _garment(shown: ShownGarment) -> dict[str, Any]:
    polygons = [np.round(p, 1).tolist() for p in outlines(shown.mask)]
    return {
        "product_id": shown.product.product_id,
        "label": shown.label,
        "box": shown.box,
        "area": int(shown.mask.sum()),
        "polygons": polygons,
    }


def _person(person: ShownPerson) -> dict[str, Any]:
    return {
        "box": person.box,
        "view": person.view,
        "full_shot": person.full_shot,
        "keypoints": np.round(person.keypoints, 1).tolist(),
    }


def write_query(
    path: Path | str,
    products: Sequence[GarmentSpec],
    seed: int = 0,
    size: tuple[int, int] = (480, 640),
    *,
    bystanders: int = 0,
) -> Path:
    """Photograph somebody in the street who wears these products; write the JPEG and its truth beside it (`.json`).

    What is missing of a complete outfit is filled with garments that no catalogue has (`other-…`).
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture = query_look(products, seed, size, bystanders=bystanders)
    save_jpeg(target, picture.pixels, 88)
    target.with_suffix(".json").write_text(json.dumps({"image": target.name, **truth_of(picture)}), "utf-8")
    return target


def query_look(
    products: Sequence[GarmentSpec], seed: int = 0, size: tuple[int, int] = (480, 640), *, bystanders: int = 0
) -> Rendered:
    """The picture of `write_query`."""
    rng = np.random.default_rng([seed, 41])
    genders = {p.gender for p in products} - {"unisex"}
    person = sample_person(seed * 31 + 5, "female" if "female" in genders else next(iter(genders), None))
    worn: Mapping[str, GarmentSpec] = {p.label: p for p in products}
    outfit = [worn.get(g.label, g) for g in sample_outfit(seed, person.gender, next(iter(worn.values()), None))]
    labels = {g.label for g in outfit}
    outfit += [p for p in worn.values() if p.label not in labels]
    if "dress" in worn:
        outfit = [g for g in outfit if g.label not in {"upper_wear", "lower_wear"} or g.label in worn]
    elif worn.keys() & {"upper_wear", "lower_wear"}:
        outfit = [g for g in outfit if g.label != "dress"]
    scene = str(rng.choice(BACKGROUNDS[3:]))
    return render_look(outfit, person, "front", scene, size, seed, bystanders=bystanders, candid=True)


def write_queries(
    folder: Path | str, products: Sequence[GarmentSpec], n: int, seed: int = 0, size: tuple[int, int] = (480, 640)
) -> Path:
    """Write `n` street photos of people in products of a catalogue, and `queries.jsonl` with their truth.

    Returns:
        The path of queries.jsonl.
    """
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    book = root / "queries.jsonl"
    with book.open("w", encoding="utf-8") as rows:
        for k in range(n):
            rng = np.random.default_rng([seed, k, 42])
            look = query_look(
                choose_outfit(products, rng), seed * 1_000_003 + k, size, bystanders=int(rng.random() < 0.25)
            )
            name = f"query_{k:04d}.jpg"
            save_jpeg(root / name, look.pixels, 88)
            rows.write(json.dumps({"image": name, **truth_of(look)}) + "\n")
    return book


def choose_outfit(products: Sequence[GarmentSpec], rng: np.random.Generator) -> list[GarmentSpec]:
    """Products that one person can wear together."""
    gender = "female" if rng.random() < 0.65 else "male"
    fitting = [p for p in products if p.gender in {gender, "unisex"}] or list(products)
    by_label: dict[str, list[GarmentSpec]] = {}
    for product in fitting:
        by_label.setdefault(product.label, []).append(product)
    labels = ["dress"] if "dress" in by_label and rng.random() < 0.35 else ["lower_wear", "upper_wear"]
    labels.append("foot_wear")
    if rng.random() < 0.3:
        labels.append("outerwear")
    return [by_label[label][int(rng.integers(len(by_label[label])))] for label in labels if label in by_label]
