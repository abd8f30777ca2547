"""What an encoder from outside says of its pictures, its licence and its files, and what of it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx", reason="needs the group `train`")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from engine.errors import ModelUnavailable, QueryRejected  # noqa: E402
from models.export.encoders.encoder import PictureForm  # noqa: E402
from models.export.encoders.licence import check_licence, licence_of  # noqa: E402
from models.export.encoders.onnx_pair import Tower  # noqa: E402
from models.export.encoders.picture_forms import PROCESSOR, open_clip_form, transformers_form  # noqa: E402
from models.networks.preprocess import place  # noqa: E402

CLIP = {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28], "resample": 3, "do_center_crop": True}  # fmt: skip
SIGLIP = {"size": {"height": 256, "width": 192}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}


def processor(folder: Path, words: dict[str, Any]) -> Path:
    """A file of transformers."""
    path = folder / PROCESSOR
    path.write_text(json.dumps(words))
    return path


def test_forms_of_the_known_processors(tmp_path: Path) -> None:
    """CLIP cuts the middle out, SigLIP squashes; sizes are height and width; open_clip has its own words for it."""
    clip = transformers_form(processor(tmp_path, CLIP))
    assert clip == PictureForm((224, 224), (0.48, 0.46, 0.41), (0.27, 0.26, 0.28), "crop", "bicubic")
    siglip = transformers_form(processor(tmp_path, SIGLIP))
    assert (siglip.size, siglip.resize, siglip.interpolation) == ((256, 192), "stretch", "bilinear")
    longest = open_clip_form(
        {"size": 64, "mean": [0, 0, 0], "std": [1, 1, 1], "resize_mode": "longest", "fill_color": 9}
    )
    assert (longest.size, longest.resize, longest.pad_value) == ((64, 64), "pad_square", 9)


@pytest.mark.parametrize(
    "change", [{"resample": 1}, {"rescale_factor": 1 / 127.5}, {"size": {"longest_edge": 9}}, {"image_mean": [0.5]}]
)
def test_forms_that_nobody_knows_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """Another filter, other pixel values, another size, too few channels."""
    with pytest.raises(ModelUnavailable):
        transformers_form(processor(tmp_path, {**SIGLIP, **change}))


def test_a_garment_is_seen_whole_unless_told_otherwise() -> None:
    """Cutting the middle out loses hems: such a picture is put on white; squashing and padding stay as they are."""
    crop = PictureForm((8, 8), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "crop")
    assert (crop.served_as(None).resize, crop.served_as(None).pad_value) == ("pad_square", 255)
    assert crop.served_as("crop").resize == "crop"
    squash = PictureForm((8, 8), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "stretch")
    assert squash.served_as(None) == squash
    assert squash.served_as("pad_square").pad_value == 255


def test_the_middle_is_cut_out_with_pillows_filter() -> None:
    """A tall picture covers the input and loses top and bottom; the values are Pillow's."""
    image = np.random.default_rng(0).integers(0, 256, (90, 40, 3), np.uint8)
    seen, placement = place(image, (20, 20), "crop", 0, "bicubic")
    want = np.asarray(Image.fromarray(image).resize((20, 45), Image.Resampling.BICUBIC))[12:32]
    assert np.array_equal(seen, want)
    assert (placement.left, placement.top, placement.scale_x) == (0, -12, 0.5)


def test_licences_are_named_by_the_card_or_by_the_caller(tmp_path: Path) -> None:
    """The front matter's, else the text's; two names may not differ, and a closed one has to be accepted."""
    assert licence_of(tmp_path) is None
    (tmp_path / "LICENSE").write_text("Apache License\nVersion 2.0")
    assert licence_of(tmp_path) == "apache-2.0"
    (tmp_path / "README.md").write_text("---\ntags: [x]\nlicense: CC-BY-NC-4.0\n---\nlicense: mit")
    assert licence_of(tmp_path) == "cc-by-nc-4.0"
    assert check_licence("apache-2.0", None, accepted=False) == "apache-2.0"
    assert check_licence(None, "MIT", accepted=False) == "mit"
    assert check_licence("other", None, accepted=True) == "other"
    for found, said in (("apache-2.0", "mit"), (None, None), ("cc-by-nc-4.0", None), (None, "research only")):
        with pytest.raises(QueryRejected):
            check_licence(found, said, accepted=False)


def tower(path: Path, **changed: Any) -> Path:
    """An ONNX file (n, 3, 4, 4) → (n, 2): the mean of the first two channels; or what `changed` makes of it."""
    known = {"shape": ["n", 3, 4, 4], "kind": TensorProto.FLOAT, "domain": "", "opset": 17, "output": ["n", 2]}
    known |= changed
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["images"]),  # A name of ours, inside.
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gather", ["flat", "places"], ["pooler_output"], axis=1, domain=known["domain"]),
    ]
    opsets = [helper.make_opsetid("", known["opset"])]
    graph = helper.make_graph(
        nodes,
        "tower",
        [helper.make_tensor_value_info("pixel_values", known["kind"], known["shape"])],
        [helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, known["output"])],
        [numpy_helper.from_array(np.array([0, 1]), "places")],
    )
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def test_a_file_gets_our_names_and_gives_the_same(tmp_path: Path) -> None:
    """`pixel_values` → `images`, `pooler_output` → `embeddings`, whatever tensors inside are called."""
    given = Tower(tower(tmp_path / "in.onnx"), pictures=True)
    assert (given.side, given.dim) == ((4, 4), 2)
    pictures = np.random.default_rng(0).random((3, 3, 4, 4), np.float32)
    given.write(tmp_path / "out.onnx", "images", pictures, {"role": "semantic_image"})
    model = onnx.load(tmp_path / "out.onnx")
    assert [port.name for port in model.graph.input] == ["images"]
    assert [port.name for port in model.graph.output] == ["embeddings"]
    assert given.run(pictures) == pytest.approx(pictures.mean((2, 3))[:, :2], abs=1e-5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shape": [1, 3, 4, 4]}, "free first axis"),
        ({"shape": ["n", 1, 4, 4]}, "3 of RGB"),
        ({"shape": ["n", 3]}, "needed is one input of pictures"),
        ({"kind": TensorProto.FLOAT16}, "float32"),
        ({"domain": "com.microsoft"}, "com.microsoft"),
        ({"opset": 999}, "opset 999"),
        ({"output": ["n", 2, 3]}, "one output of embeddings"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    """Fixed batches, grey pictures, halves, operators of one runtime alone, newer opsets, several outputs."""
    with pytest.raises(ModelUnavailable, match=said):
        Tower(tower(tmp_path / "in.onnx", **changed), pictures=True)


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    """Text, nothing, a file that is missing."""
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty.onnx").touch()
    for name in ("text.onnx", "empty.onnx", "missing.onnx"):
        with pytest.raises(ModelUnavailable):
            Tower(tmp_path / name, pictures=True)
