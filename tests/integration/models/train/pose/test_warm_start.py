"""The pose model goes on from its own export, and from the shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mmpose", reason="needs the group `train`")
torch = pytest.importorskip("torch")

from models.architectures.onnx_weights import WeightsUnfit  # noqa: E402
from models.architectures.pose import PoseArchitecture, build_pose_model, forward  # noqa: E402
from models.export.onnx_file import export_module, store_half  # noqa: E402
from models.train.pose.warm_start import start_from  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")

TINY = PoseArchitecture(input_size=(64, 64), width=8, modules=(1, 1, 1), blocks=1, facing=8)


def trained(architecture: PoseArchitecture) -> object:
    """A network whose norms are far from where they start."""
    torch.manual_seed(1)
    model = build_pose_model(architecture)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.2)
        elif isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    return model.eval()


def exported(model: Any, path: Path) -> Path:
    class Both(torch.nn.Module):  # type: ignore
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head, self.facing = model.backbone, model.head, model.facing

        def forward(self, images):
            heatmaps, facing = forward(self, images)
            return heatmaps, facing.softmax(1)

    export_module(Both().eval(), {"images": torch.zeros(1, 3, 64, 64)}, ("heatmaps", "facing"), path)
    store_half(path)
    return path


@pytest.mark.integration  # It takes seconds.
def test_the_module_computes_again_what_the_file_does(tmp_path: Path) -> None:
    """Heatmaps and facing, to the precision of half floats, on pictures that it was not calibrated on."""
    old = trained(TINY)
    path = exported(old, tmp_path / "pose.onnx")
    torch.manual_seed(2)
    calibration, unseen = torch.randn(8, 3, 64, 64), torch.randn(4, 3, 64, 64)
    new = build_pose_model(TINY)
    start_from(new, tmp_path, [calibration])
    assert new.training
    with torch.no_grad():
        wanted, found = forward(old, unseen), forward(new.eval(), unseen)
    for a, b in zip(wanted, found, strict=True):
        assert torch.allclose(a, b, atol=0.02 * float(a.abs().max()))
    norm = new.backbone.bn1
    assert float(norm.running_var.max()) != pytest.approx(1.0), "norms hold what their input really is"
    assert path.is_file()


@pytest.mark.integration
def test_another_architecture_is_refused(tmp_path: Path) -> None:
    """With a sentence that says so, not with half the weights."""
    exported(trained(TINY), tmp_path / "pose.onnx")
    wider = build_pose_model(PoseArchitecture(input_size=(64, 64), width=8, modules=(1, 2, 1), blocks=1, facing=8))
    with pytest.raises(WeightsUnfit, match="another architecture"):
        start_from(wider, tmp_path, [torch.randn(1, 3, 64, 64)])


@pytest.mark.integration
def test_the_shipped_weights_can_be_gone_on_from() -> None:
    """The starter's file fills the default network, and its heatmaps stay the file's (times the file's own gain)."""
    from models.registry import STARTER, WEIGHTS
    from models.runtime import RuntimeOptions, open_session

    starter = WEIGHTS / STARTER
    torch.manual_seed(3)
    pictures = torch.randn(4, 3, 192, 128)
    model = build_pose_model(PoseArchitecture())
    start_from(model, starter, [pictures])
    with torch.no_grad():
        heatmaps = forward(model.eval(), pictures)[0].numpy()
    session = open_session(starter / "pose.onnx", RuntimeOptions(threads=1, precision="f32"))
    file = session.run({"images": pictures.numpy()})["heatmaps"]
    gain = float((file * heatmaps).sum() / (heatmaps**2).sum())
    assert 1 <= gain < 3
    assert np.abs(file - gain * heatmaps).max() < 0.01 * np.abs(file).max()
