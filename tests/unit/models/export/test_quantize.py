"""Int8 profiles: what is quantised, that a faithful model is taken, and that a damaged one is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engine.domain import Garment, Pixels, Scene
from engine.errors import QueryRejected
from engine.taxonomy import load_taxonomy
from models import registry
from models.export.agreement import (
    EmbedderAgreement,
    Floor,
    SegmenterAgreement,
    compare_embeddings,
    compare_scenes,
    garment_iou,
)
from models.export.int8 import quantize_file, weighted_layers
from models.export.material import pictures_in, spread
from models.export.onnx_file import store_half
from models.export.quantize import quantize_profile
from models.export.verdicts import Quantized
from models.manifest import fingerprint, load_manifest, register
from models.registry import load_folder
from models.runtime import OpenVinoSession, RuntimeOptions, open_session
from tests.fixtures.tiny_models import write_tiny_profile

RNG = np.random.default_rng(5)
OPTIONS = RuntimeOptions(threads=1, precision="f32", device="cpu")


def write_network(path: Path, *, spike: float = 0.0) -> None:
    """Two convolutions and a matrix as an embedder of 32 x 32 pictures, its weights stored at half size.

    Args:
        spike: one channel of the first layer is so much larger than all others, and the next layer undoes it:
            one range for all channels then leaves nothing of the others.
    """
    first = RNG.normal(size=(32, 3, 5, 5)).astype(np.float32) / 9
    second = RNG.normal(size=(48, 32, 3, 3)).astype(np.float32) / 17
    if spike:
        first[0] *= spike
        second[:, 0] /= spike
    weights = {"first": first, "second": second, "matrix": RNG.normal(size=(48, 48)).astype(np.float32) / 7}
    nodes = [
        helper.make_node("Conv", ["images", "first"], ["a"], name="stem", strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"], name="relu1"),
        helper.make_node("Conv", ["b", "second"], ["c"], name="middle", strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], name="pool"),
        helper.make_node("Flatten", ["e"], ["f"], name="flat"),
        helper.make_node("MatMul", ["f", "matrix"], ["embeddings"], name="last"),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 48])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    store_half(path)


def profile(folder: Path, *, spike: float = 0.0) -> Path:
    """The tiny profile, with a visual embedder that has weights."""
    write_tiny_profile(folder)
    write_network(folder / "visual.onnx", spike=spike)
    register(folder, load_manifest(folder).models["visual"])
    return folder


def pictures(count: int) -> list[Pixels]:
    """Blotches of colour; the tiny segmenter sees a shirt and trousers in each."""
    coarse = RNG.integers(0, 255, (count, 6, 6, 3), np.uint8)
    return [np.kron(c, np.ones((20, 20, 1), np.uint8)) for c in coarse]


def quantized(source: Path, target: Path, floor: Floor | None = None) -> dict[str, Quantized]:
    """Every verdict by role."""
    found = quantize_profile(
        source, target, pictures(36), taxonomy=load_taxonomy(), floor=floor, options=OPTIONS, say=lambda _: None
    )
    return {verdict.role: verdict for verdict in found}


@dataclass(frozen=True, slots=True)
class Int8:
    """A profile, what was quantised of it, and the verdicts by role."""

    source: Path
    target: Path
    verdicts: dict[str, Quantized]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Int8:
    """A faithful one, which several tests look at."""
    folder = tmp_path_factory.mktemp("plain")
    source, target = profile(folder / "plain"), folder / "plain-int8"
    return Int8(source, target, quantized(source, target))


def test_layers_with_weights_are_quantised_but_not_the_one_that_reads_pixels(tmp_path: Path) -> None:
    """The file has int8 weights of seven bits for the two inner layers, and both runtimes compute them alike."""
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    write_network(source)
    x = RNG.normal(size=(24, 3, 32, 32)).astype(np.float32)
    assert quantize_file(source, target, {"images": x}, {"precision": "int8"}) == 2
    graph = onnx.load(target).graph
    eight = {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.data_type == TensorProto.INT8}
    weights = {name: values for name, values in eight.items() if values.size > 500}
    assert sorted(values.shape for values in weights.values()) == [(48, 32, 3, 3), (48, 48)]
    assert all(60 <= np.abs(values.astype(int)).max() <= 64 for values in weights.values())
    scales = {t.name: t.dims for t in graph.initializer if t.name.endswith("_scale") and list(t.dims) == [48]}
    assert len(scales) == 2  # One for each output channel.
    plain = open_session(source, OPTIONS).run({"images": x})["embeddings"]
    for runtime in ("openvino", "onnxruntime"):
        got = open_session(target, RuntimeOptions(runtime=runtime, threads=1, precision="f32", device="cpu"))
        assert np.abs(got.run({"images": x})["embeddings"] - plain).max() < 0.05 * np.abs(plain).max()


def test_small_matrices_and_products_of_activations_stay_in_float() -> None:
    """A 3 x 3 colour transform and attention are no weighted layers."""
    nodes = [
        helper.make_node("MatMul", ["x", "colours"], ["a"], name="transform"),
        helper.make_node("MatMul", ["a", "a"], ["b"], name="attention"),
        helper.make_node("MatMul", ["b", "large"], ["y"], name="layer"),
    ]
    constants = [numpy_helper.from_array(np.ones((3, 3), np.float32), "colours")]
    constants.append(numpy_helper.from_array(np.ones((3, 300), np.float32), "large"))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 3]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    assert weighted_layers(helper.make_model(graph)) == ["layer"]


def test_what_runs_once_on_a_pooled_vector_stays_in_float() -> None:
    """The same 64 x 64 weights: over 32 x 32 pixels they are the work, on the mean of those a thousandth of it."""
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], name="stem"),
        helper.make_node("Conv", ["a", "weights"], ["b"], name="maps"),
        helper.make_node("GlobalAveragePool", ["b"], ["c"], name="pool"),
        helper.make_node("Conv", ["c", "weights"], ["y"], name="head"),
    ]
    constants = [numpy_helper.from_array(np.ones((64, 64, 1, 1), np.float32), "weights")]
    constants.append(numpy_helper.from_array(np.ones((64, 3, 1, 1), np.float32), "stem"))
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 32, 32])]
    ports.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64, 1, 1]))
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert weighted_layers(model) == ["maps"]


def test_a_faithful_model_is_taken_and_is_another_model(plain: Int8) -> None:
    """The manifest says int8 and how near it comes; its fingerprint is its own, and the profile loads and embeds."""
    source, target, verdict = plain.source, plain.target, plain.verdicts["visual"]
    assert (verdict.precision, verdict.reason) == ("int8", "2 layers in int8")
    assert isinstance(verdict.agreement, EmbedderAgreement)
    assert verdict.agreement.crops == 24
    assert 0.995 <= verdict.agreement.mean < 1
    before, after = load_manifest(source), load_manifest(target)
    spec = after.models["visual"]
    assert spec.architecture == "tiny, int8"
    assert spec.notes["precision"] == "int8"
    assert spec.notes["made_of"] == before.fingerprints["visual"]
    assert after.fingerprints["visual"] == fingerprint(target, spec) != before.fingerprints["visual"]
    assert after.fingerprints["pose"] == before.fingerprints["pose"]
    models = load_folder(target, options=OPTIONS, lazy=False)
    assert models.visual.fingerprint == after.fingerprints["visual"]


def test_a_damaged_model_is_refused_and_stays_in_float(tmp_path: Path) -> None:
    """One channel far above the others leaves them a few steps of the range: the float file is kept, and it is told."""
    source, target = profile(tmp_path / "spiky", spike=3000.0), tmp_path / "spiky-int8"
    verdict = quantized(source, target)["visual"]
    assert isinstance(verdict.agreement, EmbedderAgreement)
    assert verdict.agreement.mean < 0.995
    assert (verdict.precision, verdict.reason) == ("float", "stays in float: int8 falls below the floor")
    assert load_manifest(target).fingerprints["visual"] == load_manifest(source).fingerprints["visual"]
    assert load_manifest(target).models["visual"].architecture == "tiny"
    assert sorted(p.name for p in target.iterdir() if p.name.startswith(".")) == [".manifest.json.lock"]


def test_a_model_without_weights_stays_as_it_is(plain: Int8) -> None:
    """The tiny segmenter and CLIP have none; the text tower comes along with its tokenizer."""
    assert {role: v.precision for role, v in plain.verdicts.items() if role != "visual"} == dict.fromkeys(
        ("segmenter", "pose", "semantic_image", "semantic_text"), "float"
    )
    assert "no convolution" in plain.verdicts["segmenter"].reason
    assert (plain.target / "tokenizer.json").exists()


def test_too_few_garments_and_a_profile_into_itself_are_refused(tmp_path: Path) -> None:
    """Neither a range nor a verdict comes of three pictures."""
    source = profile(tmp_path / "plain")
    with pytest.raises(QueryRejected, match="only 4 garments"):
        quantize_profile(source, tmp_path / "out", pictures(6), taxonomy=load_taxonomy(), options=OPTIONS)
    with pytest.raises(QueryRejected, match="into itself"):
        quantize_profile(source, source, pictures(36), taxonomy=load_taxonomy(), options=OPTIONS)


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit norm."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_embeddings_are_compared_by_cosine_and_by_neighbours() -> None:
    """Equal rows agree wholly; rows of two pairs that changed partners have no neighbour in common."""
    angles = np.array([0.0, 0.1, 1.5, 1.6])
    plain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert compare_embeddings(plain, plain).neighbours == 1
    swapped = plain[[0, 2, 1, 3]]
    found = compare_embeddings(plain, swapped)
    assert found.worst == pytest.approx(np.cos(1.4), abs=1e-6)
    assert found.mean == pytest.approx((2 + 2 * np.cos(1.4)) / 4, abs=1e-6)
    rows = unit(RNG.normal(size=(200, 64)).astype(np.float32))
    other = unit(RNG.normal(size=(200, 64)).astype(np.float32))
    assert compare_embeddings(rows, other).neighbours < 0.15


@pytest.mark.parametrize(
    ("mean", "worst", "neighbours", "taken"),
    [(0.996, 0.985, 0.95, True), (0.99, 0.985, 0.95, False), (0.996, 0.9, 0.95, False), (0.996, 0.985, 0.8, False)],
)
def test_each_part_of_the_floor_counts(mean: float, worst: float, neighbours: float, taken: bool) -> None:
    """A model passes by all of them or not at all."""
    assert EmbedderAgreement(50, mean, worst, neighbours).reaches(Floor()) is taken


def garment(label: str, left: int, top: int, side: int) -> Garment:
    """A square garment."""
    box = (float(left), float(top), float(left + side), float(top + side))
    return Garment(label, "upper_wear", 0.9, box, np.ones((side, side), bool))


def test_scenes_are_compared_garment_by_garment() -> None:
    """A shifted mask counts by its overlap, another class and a missing garment as not found."""
    plain = Scene((garment("shirt", 0, 0, 10), garment("skirt", 50, 50, 10), garment("shoe", 80, 80, 10)), ())
    int8 = Scene((garment("shirt", 1, 0, 10), garment("dress", 50, 50, 10)), ())
    found = compare_scenes([plain], [int8])
    assert found == SegmenterAgreement(1, 4, 0.25, pytest.approx(90 / 110))
    assert garment_iou(garment("a", 0, 0, 10), garment("a", 30, 0, 10)) == 0
    assert not compare_scenes([Scene((), ())], [Scene((), ())]).reaches(Floor())


def test_material_is_spread_over_a_folder_and_unreadable_pictures_are_told(tmp_path: Path) -> None:
    """First and last are among the chosen; what is no picture is named and left out."""
    assert spread([Path(str(i)) for i in range(11)], 3) == [Path("0"), Path("5"), Path("10")]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "words.txt").write_text("no picture either")
    from engine.vision.images import DEFAULT_LIMITS, encode_jpeg

    (tmp_path / "a.jpg").write_bytes(encode_jpeg(np.zeros((40, 60, 3), np.uint8), max_side=60))
    told: list[str] = []
    assert [p.shape for p in pictures_in(tmp_path, 10, DEFAULT_LIMITS, told.append)] == [(40, 60, 3)]
    assert len(told) == 1
    assert "broken.jpg" in told[0]


def test_few_rows_run_on_forms_of_their_own_and_give_the_same(tmp_path: Path) -> None:
    """The first call compiles a form for each number up to `fixed_rows`; more rows take the form for any number."""
    source, target = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    write_network(source)
    x = RNG.normal(size=(24, 3, 32, 32)).astype(np.float32)
    quantize_file(source, target, {"images": x}, {})
    free = OpenVinoSession(target, OPTIONS)
    fixed = OpenVinoSession(target, replace(OPTIONS, fixed_rows=2))
    assert sorted(fixed._pools) == [0]
    for rows in (1, 2, 3, 2, 0):
        want, got = (session.run({"images": x[:rows]})["embeddings"] for session in (free, fixed))
        np.testing.assert_allclose(got, want, atol=1e-4)
        assert sorted(fixed._pools) == [0, 1, 2]
    assert sorted(free._pools) == [0]


def test_small_int8_models_of_a_profile_get_fixed_rows(plain: Int8, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quantised one alone; a large one would cost a copy of its weights for each number."""
    for most, wanted in ((32_000_000, 4), (100, 0)):
        opened: dict[str, int] = {}

        def opening(path: Path, options: RuntimeOptions, opened: dict[str, int] = opened) -> Any:
            opened[path.stem] = options.fixed_rows
            return open_session(path, options)

        monkeypatch.setattr(registry, "FIXED_MOST_BYTES", most)
        monkeypatch.setattr(registry, "open_session", opening)
        load_folder(plain.target, options=OPTIONS, lazy=False)
        assert opened == {**dict.fromkeys(opened, 0), "visual": wanted}
        assert len(opened) == 5
