"""An ImageNet network that trainings begin with and learn from: timm's EfficientNet-Lite2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import ModelUnavailable
from models.architectures.onnx_weights import WeightsUnfit
from models.architectures.torchvision_cpu import prepare

TRUNK = "tf_efficientnet_lite2"


def lite2(path: Path | None) -> Any:
    """timm's EfficientNet-Lite2 in eval mode, from a file or as timm fetches it.

    Raises:
        ModelUnavailable: it cannot be fetched or read.
        WeightsUnfit: the file is of another network.
    """
    prepare()
    import timm

    try:
        network = timm.create_model(TRUNK, pretrained=path is None)
    except Exception as error:  # Whatever the hub's client raises without a network.
        raise ModelUnavailable(
            f"{TRUNK} could not be fetched ({type(error).__name__}). Give its file with --init."
        ) from error
    if path is not None:
        from models.export.standard import read_state

        state = {name: v.float() if v.is_floating_point() else v for name, v in read_state(path).items()}
        load_state(network, state, f"timm's {TRUNK}")
    return network.eval()


def load_state(module: Any, state: dict[str, Any], what: str) -> None:
    """Fill a network from a file's tensors.

    Raises:
        WeightsUnfit: they are of another network; `what` is what the file should have been.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsUnfit(f"The file is not {what}: {str(error).splitlines()[-1].strip()}") from error
