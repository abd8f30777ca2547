"""The seed's comparison: each way's ratio out of one run, which of ours is the headline, when int8 is made anew."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.speed.results import Result, Work
from benchmarks.speed.run import Case
from benchmarks.speed.suites import naive as bench_seed
from benchmarks.speed.suites.naive import Trial, agreement_figures, headline, photo_results
from benchmarks.speed.suites.standard import int8_roles, is_int8_of
from engine.domain import Garment
from engine.service import ThatLook
from engine.vision.images import encode_jpeg
from engine.vision.photo_analysis import ResultCache
from models.bootstrap import Parts
from models.manifest import load_manifest, register
from tests.fixtures.tiny_models import write_tiny_profile

CASE = Case("compare", "seed-photo", {"profile": "standard", "garments": 3})
SEED = {"decode": 10.0, "pose": 100.0, "visual": 30.0, "semantic": 50.0, "search": 10.0}
TRIALS = [
    Trial({"bf16": ms, "int8": ms / 2}, {way: {"embed": ms / 4, "total": ms} for way in ("bf16", "int8")}, SEED)
    for ms in (40.0, 50.0, 90.0)
]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The result lines on a CPU with VNNI or without."""
    monkeypatch.setattr(bench_seed, "photo_work", lambda *_: Work(gflop=1.0))
    monkeypatch.setattr(bench_seed, "int8_roles", lambda _: ["visual"])

    def made(vnni: bool) -> dict[str, Result]:
        monkeypatch.setattr(bench_seed, "headline", lambda ways: headline(ways, lambda: vnni))
        folders = {way: Path(f"unused-{way}") for way in ("bf16", "int8")}
        return {r.case: r for r in photo_results(CASE, TRIALS, folders, "data", {"visual_cosine": 0.99})}

    return made


def test_both_precisions_have_their_ratio_and_int8_its_agreement(results: Any) -> None:
    """200 ms of the baseline against medians of 50 and 25; for three garments it embeds and searches twice more."""
    lines = results(True)
    assert list(lines) == ["seed-photo-bf16", "seed-photo", "seed-way"]
    head, other = lines["seed-photo"], lines["seed-photo-bf16"]
    assert head.parameters["precision"] == "int8"
    assert head.figures["times_faster"] == pytest.approx(8)
    assert other.figures["times_faster"] == pytest.approx(4)
    assert head.figures["times_faster_per_garment"] == pytest.approx((200 + 2 * 90) / 25)
    assert (head.figures["visual_cosine"], head.figures["int8_models"]) == (0.99, 1)
    assert "visual_cosine" not in other.figures
    assert lines["seed-way"].p50_ms == 200


def test_without_int8_instructions_float_is_the_headline(results: Any) -> None:
    """Nobody would serve int8 there; it is told beside."""
    lines = results(False)
    assert lines["seed-photo"].parameters["precision"] == "bf16"
    assert lines["seed-photo-int8"].figures["visual_cosine"] == 0.99
    assert headline(["f32"], lambda: True) == "f32"


def test_other_models_remember_nothing_of_what_the_first_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are asked about the same bytes: one that knew them again would not have looked at all."""
    folder, pipeline = tmp_path, object()
    monkeypatch.setattr(bench_seed, "open_profile", lambda asked: (pipeline, None) if asked == folder else None)
    shared: Any = object()
    thatlook = ThatLook(shared, shared, result_cache=ResultCache(1 << 20))
    other = bench_seed._looking(Parts(shared, shared, shared, shared, shared, thatlook), folder)
    assert (other.pipeline, other.thatlook.pipeline, other.thatlook.result_cache) == (pipeline, pipeline, None)
    assert other.thatlook.searcher is shared
    assert thatlook.result_cache is not None


def test_agreement_is_of_the_garments_that_were_timed() -> None:
    """One garment of two is turned by 60 degrees in one space."""
    garments = [Garment("dress", "full_body", 0.9, (x, 0.0, x + 20, 20.0), np.ones((20, 20), bool)) for x in (0, 20)]
    even = np.array([[1, 0], [1, 0]], np.float32)
    turned = np.array([[1, 0], [0.5, 0.75**0.5]], np.float32)

    def parts(visual: Any) -> Parts:
        pipeline = SimpleNamespace(garments=lambda _: garments, embed=lambda _: {"visual": visual, "semantic": even})
        return cast(Parts, SimpleNamespace(pipeline=pipeline))

    photo = encode_jpeg(np.zeros((40, 60, 3), np.uint8), max_side=60)
    figures = agreement_figures({"bf16": parts(even), "int8": parts(turned)}, [photo])
    assert figures["visual_cosine"] == pytest.approx(0.75)
    assert figures["visual_cosine_worst"] == pytest.approx(0.5)
    assert figures["semantic_cosine_worst"] == 1
    assert agreement_figures({"bf16": parts(even)}, [photo]) == {}


def test_an_int8_profile_is_kept_until_its_source_changes(tmp_path: Path) -> None:
    """Models that were kept count by their fingerprint, int8 ones by what they were made of."""
    source, target = write_tiny_profile(tmp_path / "a"), write_tiny_profile(tmp_path / "b")
    assert is_int8_of(target, source)
    assert not is_int8_of(tmp_path / "nowhere", source)
    plain = load_manifest(source)
    (target / "visual.onnx").write_bytes(b"another file")
    spec = plain.models["visual"]
    register(target, spec)
    assert not is_int8_of(target, source)
    from dataclasses import replace

    notes = {"precision": "int8", "made_of": plain.fingerprints["visual"]}
    register(target, replace(spec, notes=notes))
    assert is_int8_of(target, source)
    assert int8_roles(target) == ["visual"]
