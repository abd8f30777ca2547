"""Official architectures with seeded random weights: checkpoint → ONNX → wrappers, by value against torch."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the group `train`")

from engine.errors import ModelUnavailable  # noqa: E402
from engine.taxonomy import load_taxonomy  # noqa: E402
from engine.vision.crops import whole  # noqa: E402
from models.architectures.torchvision_cpu import prepare  # noqa: E402
from models.export import standard  # noqa: E402
from models.export.clip_tokenizer import convert_tokenizer  # noqa: E402
from models.manifest import load_manifest  # noqa: E402
from models.networks.pose import HeatmapPose  # noqa: E402
from models.networks.preprocess import place, to_input  # noqa: E402
from models.networks.segmenter import YoloSegmenter  # noqa: E402
from models.networks.semantic import SemanticEmbedder, TextTokenizer  # noqa: E402
from models.networks.visual import VisualEmbedder  # noqa: E402
from models.runtime import RuntimeName, RuntimeOptions, open_session  # noqa: E402

pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "onnxruntime")
PICTURE = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)


def f32(runtime: RuntimeName) -> RuntimeOptions:
    """Full precision on two threads."""
    return RuntimeOptions(runtime=runtime, precision="f32", threads=2, device="cpu")


def cosines(a: Any, b: Any) -> Any:
    """Row by row."""
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_densenet_from_an_official_style_checkpoint(tmp_path: Path) -> None:
    """The whole classifier network in, old key names included; the pooled features out, equal to torch's."""
    prepare()
    from torchvision.models import densenet121

    torch.manual_seed(0)
    network = densenet121(weights=None).eval()
    old = {
        key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): v for key, v in network.state_dict().items()
    }
    torch.save(old, tmp_path / "densenet121.pth")
    (spec,) = standard.export_checkpoint("visual", tmp_path / "densenet121.pth", tmp_path / "out")
    assert load_manifest(tmp_path / "out").require("visual") == spec
    assert (tmp_path / "out" / "visual.onnx").stat().st_size < 16e6
    pixels = place(PICTURE, (224, 224), "pad_square", 255)[0]
    with torch.no_grad():
        maps = torch.relu(network.features(torch.from_numpy(to_input(pixels[None], spec.mean, spec.std))))
        want = maps.mean(dim=(2, 3)).numpy()
    for runtime in RUNTIMES:
        session = open_session(tmp_path / "out" / "visual.onnx", f32(runtime))
        got = VisualEmbedder(spec, session, "").embed([whole(PICTURE)])
        assert cosines(got, want)[0] > 0.9999


def test_clip_towers_and_tokenizer(tmp_path: Path) -> None:
    """Images and texts land where open_clip puts them, through our tokenizer and our preprocessing."""
    prepare()
    import open_clip

    torch.manual_seed(0)
    clip = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in clip.state_dict().items()}}, tmp_path / "clip.pt")
    images, texts = standard.export_checkpoint("semantic", tmp_path / "clip.pt", tmp_path)
    words = ["a long red dress", "it's denim, size 42", "boots " * 100]
    pixels = place(PICTURE, (224, 224), "pad_square", 255)[0]
    with torch.no_grad():
        want_texts = clip.encode_text(open_clip.tokenizer.SimpleTokenizer()(words)).numpy()
        want_image = clip.encode_image(torch.from_numpy(to_input(pixels[None], images.mean, images.std))).numpy()
    tokenizer = TextTokenizer.load(tmp_path / "tokenizer.json", texts.context_length or 0)
    for runtime in RUNTIMES:
        tower = VisualEmbedder(images, open_session(tmp_path / images.file, f32(runtime)), "")
        embedder = SemanticEmbedder(tower, texts, open_session(tmp_path / texts.file, f32(runtime)), tokenizer)
        assert cosines(embedder.embed([whole(PICTURE)]), want_image)[0] > 0.9999
        assert cosines(embedder.embed_texts(words), want_texts).min() > 0.9999


def test_the_tokenizer_agrees_with_open_clip(tmp_path: Path) -> None:
    """Value by value over contractions, digits, accents, scripts, emoji, white space, long and empty texts."""
    prepare()
    import open_clip

    simple = open_clip.tokenizer.SimpleTokenizer()
    convert_tokenizer(simple).save(str(tmp_path / "tokenizer.json"))
    ours = TextTokenizer.load(tmp_path / "tokenizer.json", 77)
    texts = [
        "a red dress", "Blue   JEANS, size 32/34!!", "it's mom's t-shirt & we'll go", "café Größe 42 — naïve",
        "白いワンピース", "платье в горошек", "long " * 200, "", "ok 👗👠", "tab\tnew\nline", "1234 5.99€", "'s 'S",
    ]  # fmt: skip
    np.testing.assert_array_equal(ours(texts), simple(texts).numpy())


def test_hrnet_from_an_mmpose_checkpoint(tmp_path: Path) -> None:
    """Heatmaps equal torch's; keypoints come back in the picture's pixels."""
    torch.manual_seed(0)
    model = standard.build_hrnet()
    torch.save({"meta": {}, "state_dict": model.state_dict()}, tmp_path / "hrnet.pth")
    (spec,) = standard.export_checkpoint("pose", tmp_path / "hrnet.pth", tmp_path)
    session = open_session(tmp_path / spec.file, f32("openvino"))
    inputs = np.random.default_rng(2).normal(size=(2, 3, 256, 192)).astype(np.float32)
    with torch.no_grad():
        want = model.head(model.backbone(torch.from_numpy(inputs))).numpy()
    got = session.run({"images": inputs})["heatmaps"]
    assert got.shape == (2, 17, 64, 48)
    assert np.abs(got - want).max() < 0.02 * np.abs(want).max()
    (pose,) = HeatmapPose(spec, session, "").estimate(PICTURE, [(10, 10, 150, 290)])
    assert pose.keypoints.shape == (17, 3)


def test_a_users_yolo_segmenter(tmp_path: Path) -> None:
    """Raw heads equal torch's, whatever the batch; the wrapper reads them under the names given."""
    from models.architectures.quiet_ultralytics import quiet_ultralytics

    quiet_ultralytics(tmp_path / "settings")
    tasks: Any = importlib.import_module("ultralytics.nn.tasks")

    torch.manual_seed(0)
    model = tasks.SegmentationModel("yolo11n-seg.yaml", nc=6, verbose=False).eval()
    torch.save({"model": model, "train_args": {"imgsz": 96, "task": "segment"}}, tmp_path / "mine.pt")
    names = ("upper_wear", "lower_wear", "foot_wear", "dress", "outerwear", "person")
    (spec,) = standard.export_checkpoint("segmenter", tmp_path / "mine.pt", tmp_path, classes=names)
    assert (spec.classes, spec.input_size) == (names, (96, 96))
    for runtime in RUNTIMES:
        session = open_session(tmp_path / spec.file, f32(runtime))
        outputs = session.run({"images": np.zeros((3, 3, 96, 96), np.float32)})
        assert outputs["output0"].shape == (3, 4 + 6 + 32, 189)
        assert outputs["output1"].shape == (3, 32, 24, 24)
        assert YoloSegmenter(spec, session, "", load_taxonomy()).segment(PICTURE).garments is not None


def test_checkpoints_of_something_else_are_named(tmp_path: Path) -> None:
    """Wrong architecture, no weights, code in the file, no torch file at all."""
    torch.save({"features.conv0.weight": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(ModelUnavailable, match="is not torchvision's DenseNet121"):
        standard.export_checkpoint("visual", tmp_path / "odd.pth", tmp_path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelUnavailable, match="no weights by name"):
        standard.export_checkpoint("pose", tmp_path / "list.pth", tmp_path)
    torch.save({"state_dict": {}, "meta": Path("code")}, tmp_path / "code.pth")
    with pytest.raises(ModelUnavailable, match="--trust"):
        standard.export_checkpoint("semantic", tmp_path / "code.pth", tmp_path)
    (tmp_path / "text.pth").write_text("hello")
    for role in ("visual", "segmenter"):
        with pytest.raises(ModelUnavailable, match=r"text\.pth"):
            standard.export_checkpoint(role, tmp_path / "text.pth", tmp_path)
