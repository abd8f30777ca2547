"""`thatlook bench compare` with real parts: the embedded store beside others, slowed on purpose, and the baseline."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Done
from PIL import Image

from benchmarks.speed.commands import bench
from engine.stores.lite.store import LiteStore

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


def call(work: Path, *arguments: str) -> Done:
    return CliRunner().invoke(bench, [*arguments, "--tiny", "--work", str(work), "--json"], obj={})


def test_a_really_slowed_store_makes_compare_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same build twice is no regression; 5 ms of sleep in every search is one, and exits with 1."""
    cases = ("--case", "index-thatlook", "--case", "index-faiss-flat")
    first = call(tmp_path, "compare", *cases)
    assert first.exit_code == 0, first.output
    results = json.loads(first.stdout)["results"]
    assert [(result["case"], result["ann_recall"]) for result in results] == [
        ("index-thatlook", 1.0),
        ("index-faiss-flat", 1.0),
    ]
    base = json.loads(first.stdout)["run"]["id"]
    assert call(tmp_path, "compare", *cases).exit_code == 0
    assert call(tmp_path, "compare", base, "--noise", "9").exit_code == 0
    search = LiteStore.search

    def slowed(*arguments: Any, **named: Any) -> Any:
        time.sleep(0.005)
        return search(*arguments, **named)

    monkeypatch.setattr(LiteStore, "search", slowed)
    assert call(tmp_path, "compare", *cases).exit_code == 0
    judged = call(tmp_path, "compare", base, "--noise", "9")
    assert judged.exit_code == 1, judged.output
    slower = [one for one in json.loads(judged.stdout)["judgements"] if one["outcome"] == "slower"]
    assert {one["case"] for one in slower} == {"compare index-thatlook"}


def test_the_seeds_way_finds_a_picture_that_it_indexed() -> None:
    """Whole pictures in, their own rows out; every stage took its time."""
    pytest.importorskip("torch", reason="needs the group `train`")
    from benchmarks.speed.suites.naive_baseline import NaiveBaseline

    rng = np.random.default_rng(0)
    photos = []
    for _ in range(3):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((160, 120)).save(file, "JPEG")
        photos.append(file.getvalue())
    naive = NaiveBaseline(side=160)
    looks = [naive.look(photo) for photo in photos]
    visual, semantic = (np.stack(rows) for rows in zip(*looks, strict=True))
    assert visual.shape == (3, 1024)
    assert semantic.shape == (3, 512)
    assert np.allclose(np.linalg.norm(visual, axis=1), 1, atol=1e-4)
    naive.index(visual, semantic)
    stages, found = naive.answer(photos[1], k=1)
    assert [rows.tolist() for rows in found] == [[1], [1]]
    assert set(stages) == {"decode", "pose", "segment", "visual", "semantic", "search"}
    assert min(stages.values()) > 0


def test_an_ingest_is_measured(tmp_path: Path) -> None:
    """A drawn shop of four products by the shipped models: rates, stages, and the share in which cores idle."""
    done = CliRunner().invoke(bench, ["ingest", "--tiny", "--work", str(tmp_path), "--json"], obj={})
    assert done.exit_code == 0, done.output
    (result,) = json.loads(done.stdout)["results"]
    assert result["n"] == 4
    assert result["figures"]["pictures_per_s"] >= result["figures"]["products_per_s"] > 0
    assert 0 <= result["figures"]["cores_idle_share"] < 1
    assert {"segment", "visual", "semantic", "write"} <= set(result["stages_ms"])
