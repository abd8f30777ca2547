"""Smoke trainings on drawn people: the loss falls, they resume, and what they export is served."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("mmpose", reason="needs the group `train`")

pytestmark = [
    pytest.mark.integration,
    # Training libraries warn of their own and of each other's age.
    pytest.mark.filterwarnings("default"),
]

LABELS = ["null", "shirt", "pants", "shoes", "skin"]
COLORS = np.array([[205, 205, 205], [200, 30, 40], [30, 50, 190], [20, 20, 20], [230, 180, 150]], np.uint8)


def test_pillow_opens_pictures_as_before(tmp_path: Path) -> None:
    """Importing ultralytics leaves alone how the rest of the program reads pictures, and refuses what is none."""
    from engine.errors import ImageUnreadable
    from engine.vision.images import decode
    from models.architectures.quiet_ultralytics import quiet_ultralytics

    quiet_ultralytics(tmp_path)
    with pytest.raises(ImageUnreadable, match="not an image"):
        decode(b"this is no picture, and no package will make it one")


def draw(rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[list[float]]]:
    """A label map of a standing figure and its 17 keypoints."""
    values = np.zeros((192, 128), np.uint8)
    x, top = int(rng.integers(48, 80)), int(rng.integers(8, 24))
    cv2.circle(values, (x, top + 10), 10, 4, -1)
    cv2.rectangle(values, (x - 20, top + 22), (x + 20, top + 75), 1, -1)
    cv2.rectangle(values, (x - 16, top + 76), (x + 16, top + 140), 2, -1)
    for side in (-1, 1):
        cv2.ellipse(values, (x + side * 12, top + 146), (9, 5), 0, 0, 360, 3, -1)
    heights = [10, 8, 8, 9, 9, 26, 26, 48, 48, 70, 70, 76, 76, 108, 108, 140, 140]
    keypoints = []
    for index, down in enumerate(heights):
        side = 0 if index == 0 else (1 if index % 2 else -1) * (4 if index < 5 else 16)
        keypoints.append([float(x + side), float(top + down), 0.9])
    return values, keypoints


@pytest.fixture(scope="module")
def ccp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, rng = tmp_path_factory.mktemp("ccp"), np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    mapping = {"upper_wear": ["shirt"], "lower_wear": ["pants"], "foot_wear": ["shoes"]}
    (root / "labels.json").write_text(json.dumps({"labels": LABELS, "mapping": mapping}))
    names = [f"{number:04d}" for number in range(12)]
    (root / "splits.json").write_text(json.dumps({"train": names[:8], "val": names[8:]}))
    rows = []
    for name in names:
        values, keypoints = draw(rng)
        noisy = np.clip(COLORS[values] + rng.normal(0, 6, (*values.shape, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(root / "images" / f"{name}.jpg")
        Image.fromarray(values).save(root / "masks" / f"{name}.png")
        rows.append({"file": f"{name}.jpg", "w": 128, "h": 192, "box": [30, 4, 98, 180], "kpts": keypoints})
    (root / "pose_movenet_pseudo.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return root


def test_a_smoke_training_of_the_segmenter_learns_and_is_served(
    ccp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses fall, the export computes what the checkpoint does, and the wrapper can run it.

    The folder is given as people give it, from where they are.
    """
    from engine.taxonomy import load_taxonomy
    from models.export.segmenter import Kept, export_segmenter
    from models.manifest import load_manifest
    from models.networks.segmenter import YoloSegmenter
    from models.runtime import RuntimeOptions, open_session
    from models.train.data.build import SceneMix
    from models.train.segmenter.training import smoke, train_segmenter

    monkeypatch.chdir(tmp_path)
    checkpoint = train_segmenter(smoke(SceneMix(ccp, limit=8), Path("mine")))
    written = checkpoint.stat().st_mtime_ns
    assert train_segmenter(smoke(SceneMix(ccp, limit=8), tmp_path / "mine")) == checkpoint
    assert checkpoint.stat().st_mtime_ns == written, "a finished training is not begun again"
    with (tmp_path / "mine" / "run" / "results.csv").open() as table:
        rows = list(csv.DictReader(table))
    for loss in ("train/box_loss", "train/cls_loss", "train/seg_loss"):
        first, last = float(rows[0][loss]), float(rows[-1][loss])
        assert last < 0.9 * first, (loss, first, last)
    profile = tmp_path / "profile"
    export_segmenter(checkpoint, profile, input_size=(96, 64), shifts={"dress": 2.0})
    spec = load_manifest(profile).require("segmenter")
    session = open_session(profile / spec.file, RuntimeOptions(threads=1))
    scene = YoloSegmenter(spec, session, "x", load_taxonomy(None)).segment(np.zeros((200, 100, 3), np.uint8))
    assert {garment.label for garment in scene.garments} <= {"upper_wear", "lower_wear", "foot_wear"}
    assert class_odds(profile, "dress") == pytest.approx(
        class_odds(plain_profile(checkpoint, tmp_path), "dress") + 2, abs=0.05
    )
    mixed = tmp_path / "mixed"
    kept = Kept(profile, 0.25)
    export_segmenter(checkpoint, mixed, input_size=(96, 64), shifts={"dress": 1.0}, kept=kept)
    plain_odds = class_odds(tmp_path / "plain", "dress")
    assert class_odds(mixed, "dress") == pytest.approx(plain_odds + 0.25 * 2 + 1, abs=0.05)


def plain_profile(checkpoint: Path, folder: Path) -> Path:
    """The same weights exported without a shift."""
    from models.export.segmenter import export_segmenter

    export_segmenter(checkpoint, folder / "plain", input_size=(96, 64))
    return folder / "plain"


def class_odds(profile: Path, label: str) -> float:
    """The mean log-odds of a class in a grey picture."""
    from models.manifest import load_manifest
    from models.runtime import RuntimeOptions, open_session

    spec = load_manifest(profile).require("segmenter")
    session = open_session(profile / spec.file, RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu"))
    heads = session.run({"images": np.full((1, 3, *spec.input_size), 0.5, np.float32)})["output0"].astype(np.float64)
    scores = heads[0, 4 + spec.classes.index(label)]
    return float(np.mean(np.log(scores / (1 - scores))))


def test_the_shipped_segmenter_comes_back_into_torch(ccp: Path, tmp_path: Path) -> None:
    """What a training with `--init` starts from computes what the shipped file does."""
    import torch

    from models.architectures.quiet_ultralytics import quiet_ultralytics
    from models.manifest import load_manifest
    from models.registry import STARTER, WEIGHTS
    from models.runtime import RuntimeOptions, open_session
    from models.train.segmenter.training import restore_segmenter

    quiet_ultralytics(tmp_path)
    from ultralytics.nn import tasks

    library: Any = tasks
    profile = WEIGHTS / STARTER
    spec = load_manifest(profile).require("segmenter")
    network = library.SegmentationModel("yolo11n-seg.yaml", ch=3, nc=len(spec.classes), verbose=False)
    restore_segmenter(network, profile, sorted((ccp / "images").iterdir())[:4])
    pictures = torch.rand(2, 3, *spec.input_size, generator=torch.Generator().manual_seed(5))
    session = open_session(profile / spec.file, RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu"))
    shipped = session.run({"images": pictures.numpy()})["output0"]
    with torch.no_grad():
        restored = network.eval()(pictures)[0][0].numpy()
    assert np.abs(restored - shipped).max() < 1e-4 * np.abs(shipped).max()


def test_a_checkpoint_of_ultralytics_is_gone_on_from_and_its_wide_branch_survives_an_export(
    ccp: Path, tmp_path: Path
) -> None:
    """COCO's class branch is wider than a few classes build it: kept on loading, exported, and built again later."""
    import torch

    from models.architectures.accessories import CLASSES
    from models.architectures.onnx_weights import WeightsUnfit
    from models.architectures.quiet_ultralytics import quiet_ultralytics
    from models.export.segmenter import export_segmenter
    from models.manifest import load_manifest
    from models.train.segmenter.training import load_checkpoint_weights, restore_segmenter

    quiet_ultralytics(tmp_path)
    from ultralytics.nn import tasks

    library: Any = tasks

    def network(classes: int, plan: str = "yolo11n-seg.yaml") -> Any:
        torch.manual_seed(classes)
        return library.SegmentationModel(plan, ch=3, nc=classes, verbose=False)

    coco, ours = network(80), network(len(CLASSES))
    coco.names = {number: ("person" if number == 0 else f"thing {number}") for number in range(80)}
    ours.names = dict(enumerate(CLASSES))
    torch.save({"model": coco, "train_args": {}}, tmp_path / "coco.pt")
    load_checkpoint_weights(ours, tmp_path / "coco.pt")
    last, source = ours.model[-1].cv3[0][-1], coco.model[-1].cv3[0][-1]
    assert last.weight.shape == (len(CLASSES), 80, 1, 1)
    assert torch.equal(last.weight[CLASSES.index("person")], source.weight[0])
    assert torch.equal(ours.model[0].conv.weight, coco.model[0].conv.weight)
    with torch.no_grad():  # As after any training: an exporter joins what is equal, such as biases never touched.
        for parameter in ours.parameters():
            parameter.add_(1e-3 * torch.randn(parameter.shape))
    torch.save({"model": ours, "train_args": {}}, tmp_path / "ours.pt")
    export_segmenter(tmp_path / "ours.pt", tmp_path / "profile", input_size=(96, 64))
    spec = load_manifest(tmp_path / "profile").require("segmenter")
    assert spec.extra["set_aside"] == ["bag", "headwear"]
    again = network(len(CLASSES))
    restore_segmenter(again, tmp_path / "profile", sorted((ccp / "images").iterdir())[:4])
    pictures = torch.rand(1, 3, 96, 64)
    with torch.no_grad():
        one, other = (net.eval()(pictures)[0][0] for net in (ours, again))
    assert (one - other).abs().max() < 0.02 * one.abs().max(), "the file holds half-precision weights"
    with pytest.raises(WeightsUnfit, match="another architecture"):
        load_checkpoint_weights(network(len(CLASSES), "yolo11s-seg.yaml"), tmp_path / "coco.pt")
    (tmp_path / "none.pt").write_text("no checkpoint")
    with pytest.raises(WeightsUnfit, match="cannot be read"):
        load_checkpoint_weights(ours, tmp_path / "none.pt")


def test_a_pose_checkpoint_of_ultralytics_finds_people_and_others_are_refused(tmp_path: Path) -> None:
    """Nobody in an empty picture; a segmenter's checkpoint, another point count or any file is no teacher."""
    import torch

    from models.architectures.onnx_weights import WeightsUnfit
    from models.architectures.quiet_ultralytics import quiet_ultralytics
    from models.train.pose.teachers import yolo_finder

    quiet_ultralytics(tmp_path)
    from ultralytics.nn import tasks

    library: Any = tasks
    torch.manual_seed(0)
    networks = {
        "pose": library.PoseModel("yolov8n-pose.yaml", ch=3, nc=1, verbose=False),
        "hands": library.PoseModel("yolov8n-pose.yaml", ch=3, nc=1, data_kpt_shape=(21, 3), verbose=False),
        "segment": library.SegmentationModel("yolo11n-seg.yaml", ch=3, nc=1, verbose=False),
    }
    for task, network in networks.items():
        network.names, network.task = {0: "person"}, "segment" if task == "segment" else "pose"
        torch.save({"model": network, "train_args": {"task": network.task}}, tmp_path / f"{task}.pt")
    boxes, keypoints = yolo_finder(tmp_path / "pose.pt", tmp_path)(np.zeros((96, 64, 3), np.uint8))
    assert (boxes.shape, keypoints.shape) == ((0, 4), (0, 17, 3))
    for task in ("hands", "segment"):
        with pytest.raises(WeightsUnfit, match="17 keypoints"):
            yolo_finder(tmp_path / f"{task}.pt", tmp_path)
    (tmp_path / "none.pt").write_text("no checkpoint")
    with pytest.raises(WeightsUnfit, match="cannot be read"):
        yolo_finder(tmp_path / "none.pt", tmp_path)


def test_a_smoke_training_of_the_pose_model_learns_resumes_and_is_served(ccp: Path, tmp_path: Path) -> None:
    """The loss falls; called again, it goes on instead of starting over; the wrapper can run what it exports."""
    from dataclasses import replace

    from models.export.pose import export_pose
    from models.manifest import load_manifest
    from models.networks.pose import HeatmapPose
    from models.runtime import RuntimeOptions, open_session
    from models.train.pose.training import smoke, train_pose

    config = smoke(ccp, tmp_path)
    checkpoint = train_pose(config)
    train_pose(replace(config, steps=60))
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [20, 40, 40, 60, 60]
    assert log[3]["loss"] < 0.8 * log[0]["loss"]
    profile = tmp_path / "profile"
    export_pose(checkpoint, profile)
    spec = load_manifest(profile).require("pose")
    session = open_session(profile / spec.file, RuntimeOptions(threads=1))
    (pose,) = HeatmapPose(spec, session, "x").estimate(np.zeros((192, 128, 3), np.uint8), [(30.0, 4.0, 98.0, 180.0)])
    assert pose.keypoints.shape == (17, 3)
