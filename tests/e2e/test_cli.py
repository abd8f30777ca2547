"""The console program on a home of its own: a drawn shop ingested, photos asked about, and all that can go wrong.

A tiny profile of hand-made networks stands in for the weights, so that answers are known.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.manifest import load_manifest, register
from models.studio.output.feed import write_catalogue
from tests.fixtures.program import PROGRAM, environment, start, stop
from tests.fixtures.tiny_models import write_tiny_profile

PRODUCTS = 16


def thatlook(home: Path, *arguments: object, profile: str = "tiny") -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "--home", str(home), *map(str, arguments)]
    env = environment(home) | {"THATLOOK_PROFILE": profile, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=env, check=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("shop"), PRODUCTS, seed=3, size=(120, 160))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_tiny_profile(home / "models" / "tiny")
    done = thatlook(home, "ingest", shop, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    return home


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "look.jpg"
    pixels = np.full((160, 120, 3), (200, 30, 40), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_search_prints_one_json_document_as_agreed(home: Path, photo: Path) -> None:
    """stdout is the document alone; every hit has the agreed fields, and scores fall, those of the sold-out last."""
    done = thatlook(home, "search", photo, "-k", 3, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) >= {"garments", "timing_ms"}
    assert {g["supercategory"] for g in document["garments"]} == {"upper_wear", "lower_wear"}
    for garment in document["garments"]:
        assert set(garment) >= {"class", "supercategory", "score", "box", "polygons", "hits"}
        order = [(hit["availability"] == "out_of_stock", -hit["score"]) for hit in garment["hits"]]
        assert order == sorted(order)
        for hit in garment["hits"]:
            assert set(hit) >= {
                "product_id", "title", "link", "image", "price", "currency",
                "brand", "supercategory", "score", "signals", "why",
                "availability", "list_price", "color", "size", "item_group_id", "variants", "matched_by",
            }  # fmt: skip
            assert hit["supercategory"] == garment["supercategory"]
            assert hit["link"].startswith("https://")
            assert set(hit["signals"]) == {"visual", "semantic", "text", "color"}


def test_filter_and_text_take_part(home: Path, photo: Path, shop: Path) -> None:
    """Only products that pass the filter are answered, and a text brings its signal."""
    rows = [json.loads(line) for line in shop.read_text().splitlines()]
    cheap = {row["id"] for row in rows if float((row.get("sale_price") or row["price"]).split()[0]) <= 40}
    assert 0 < len(cheap) < PRODUCTS
    done = thatlook(home, "search", photo, "--text", "red", "--filter", "price<=40", "-k", 10, "--json")
    assert done.returncode == 0, done.stderr
    hits = [hit for garment in json.loads(done.stdout)["garments"] for hit in garment["hits"]]
    assert hits
    assert {hit["product_id"] for hit in hits} <= cheap
    assert all(hit["signals"]["text"] is not None for hit in hits)


def test_whole_image_skips_detection(home: Path, photo: Path) -> None:
    """The answer is for the one supercategory that was named."""
    done = thatlook(home, "search", photo, "--whole-image", "--supercategory", "lower_wear", "--json")
    assert [g["supercategory"] for g in json.loads(done.stdout)["garments"]] == ["lower_wear"]


def test_second_ingest_does_nothing_again(home: Path, shop: Path) -> None:
    """Every product is known and unchanged."""
    done = thatlook(home, "ingest", shop, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["products"]["unchanged"] == PRODUCTS


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["search", "PHOTO", "--filter", "shoe=42"], 2, "no filter 'shoe'"),
        (["search", "PHOTO", "--text", "x" * 10_000], 2, "10,000 characters"),
        (["search", "PHOTO", "--supercategory", "hats"], 2, "upper_wear"),
        (["search", "PHOTO", "-k", "0"], 2, "-k"),
        (["search"], 2, "IMAGE"),
        (["search", "missing.jpg"], 2, "missing.jpg"),
        (["search", "BROKEN"], 1, "not an image"),
        (["detect", "BROKEN"], 1, "not an image"),
        (["ingest", "missing.csv"], 1, "missing.csv"),
        (["frobnicate"], 2, "No such command"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_said_in_one_line(
    home: Path, photo: Path, tmp_path: Path, arguments: list[str], status: int, says: str
) -> None:
    """The status tells usage from failure, stderr says what, stdout stays empty, no stack trace."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"this is no picture")
    done = thatlook(home, *[{"PHOTO": photo, "BROKEN": broken}.get(a, a) for a in arguments])
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_index_status_counts_the_rows_and_rebuild_keeps_them(home: Path, photo: Path) -> None:
    """Paired collections have the same rows; a rebuilt index gives the same answer."""
    before = thatlook(home, "search", photo, "--json")
    rows = {row["name"]: row["rows"] for row in json.loads(thatlook(home, "index", "status", "--json").stdout)}
    assert sum(rows.values()) > 0
    assert all(rows[name] == rows[name.replace("_visual", "_semantic")] for name in rows)
    rebuilt = thatlook(home, "index", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    after = thatlook(home, "search", photo, "--json")
    assert json.loads(after.stdout)["garments"] == json.loads(before.stdout)["garments"]


def test_doctor_finds_what_is_wrong(home: Path, tmp_path: Path) -> None:
    """A healthy home passes; a home whose profile is missing fails by that part alone."""
    healthy = thatlook(home, "doctor", "--json")
    assert healthy.returncode == 0
    assert all(finding["well"] for finding in json.loads(healthy.stdout))
    ill = thatlook(tmp_path / "new", "doctor", "--json", profile="absent")
    assert ill.returncode == 1
    assert [finding["part"] for finding in json.loads(ill.stdout) if not finding["well"]] == ["models"]


def test_a_home_made_by_other_models_is_refused_and_kept(home: Path, photo: Path, tmp_path: Path) -> None:
    """Other weights ask: refused by name. The first weights ask again: everything is there."""
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    other = copy / "models" / "other"
    shutil.copytree(copy / "models" / "tiny", other)
    spec = load_manifest(other).require("visual")
    data = bytearray((other / spec.file).read_bytes())
    (other / spec.file).write_bytes(data + b"\x72\x00")  # An empty metadata field: other bytes, the same network.
    register(other, spec)
    refused = thatlook(copy, "search", photo, profile="other")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "model" in refused.stderr
    assert thatlook(copy, "search", photo).returncode == 0


def test_a_second_process_on_the_same_home_is_told_who_holds_it(home: Path, photo: Path, tmp_path: Path) -> None:
    """A server holds the home; a search beside it is refused by name, the server goes on, and ends when asked."""
    server = start(home, tmp_path / "log")
    try:
        second = thatlook(home, "search", photo)
        assert second.returncode == 1
        assert f"pid {server.process.pid}" in second.stderr
        with photo.open("rb") as file:
            answer = server.client.post("/v1/search/image", files={"image": file})
        assert answer.status_code == 200
        assert answer.json()["garments"]
    finally:
        status = stop(server)
    assert status == 0
    assert thatlook(home, "search", photo).returncode == 0
