"""Networks that might have been the embedder: torchvision's, from random weights, without their classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from models.architectures.torchvision_cpu import prepare


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the comparison; `triplet` False is trained to tell classes only."""

    backbone: str
    triplet: bool = True

    @property
    def name(self) -> str:
        """For tables."""
        return self.backbone if self.triplet else f"{self.backbone}, classes only"


CANDIDATES = (
    Candidate("densenet121", triplet=False),
    Candidate("densenet121"),
    Candidate("mobilenet_v3_large"),
    Candidate("mobilenet_v2"),
    Candidate("resnet50"),
    Candidate("inception_v3"),
    Candidate("resnet101"),
)


def backbone(name: str) -> tuple[nn.Module, int]:
    """A network (n, 3, s, s) → (n, dim), s of 75 or more, and its dim.

    Raises:
        KeyError: none of the compared.
    """
    prepare()
    return _BUILDERS[name]()


def _densenet() -> tuple[nn.Module, int]:
    from torchvision.models import densenet121

    return _headless(densenet121(weights=None), "classifier")


def _mobilenet_v2() -> tuple[nn.Module, int]:
    from torchvision.models import mobilenet_v2

    network = mobilenet_v2(weights=None)
    network.classifier = nn.Identity()
    return network, network.last_channel


def _mobilenet_v3() -> tuple[nn.Module, int]:
    from torchvision.models import mobilenet_v3_large

    network = mobilenet_v3_large(weights=None)
    dim = network.classifier[0].in_features
    network.classifier = nn.Identity()
    return network, dim


def _resnet50() -> tuple[nn.Module, int]:
    from torchvision.models import resnet50

    return _headless(resnet50(weights=None), "fc")


def _resnet101() -> tuple[nn.Module, int]:
    from torchvision.models import resnet101

    return _headless(resnet101(weights=None), "fc")


def _inception() -> tuple[nn.Module, int]:
    from torchvision.models import inception_v3

    return _headless(inception_v3(weights=None, aux_logits=False, init_weights=False), "fc")


def _headless(network: Any, head: str) -> tuple[nn.Module, int]:
    dim = getattr(network, head).in_features
    setattr(network, head, nn.Identity())
    return network, dim


_BUILDERS: Mapping[str, Callable[[], tuple[nn.Module, int]]] = {
    "densenet121": _densenet,
    "mobilenet_v2": _mobilenet_v2,
    "mobilenet_v3_large": _mobilenet_v3,
    "resnet50": _resnet50,
    "resnet101": _resnet101,
    "inception_v3": _inception,
}
