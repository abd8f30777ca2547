"""The standard architectures with seeded random weights: the same arithmetic as the official ones, without them.

For measuring speed where the official weights cannot be fetched; what such a profile answers means nothing.
The segmenter is the starter's: a random one would see no garments, and nothing would be embedded.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from models.architectures.torchvision_cpu import prepare
from models.borrowing import borrow_segmenter
from models.export.quiet import quiet_logs
from models.export.standard import CLIP, build_hrnet, export_checkpoint
from models.manifest import MANIFEST, load_manifest
from models.registry import STARTER, WEIGHTS

PROFILE = "standard-settled"


def ensure_stand_ins(folder: Path, seed: int = 0) -> Path:
    """Export the profile into a folder unless it lies there already (one to two minutes, 230 MB).

    Raises:
        ContractBroken: an exported file does not compute what its module does.
    """
    if (folder / MANIFEST).exists() and len(load_manifest(folder).models) == 5:
        return folder
    import torch

    for role, build in (("visual", random_densenet), ("semantic", random_clip), ("pose", random_hrnet)):
        with tempfile.TemporaryDirectory(prefix="thatlook-export-") as scratch:
            checkpoint = Path(scratch) / f"{role}-random.pth"
            with quiet_logs():  # That the weights are random, which they are meant to be.
                torch.save(build(seed).state_dict(), checkpoint)
                export_checkpoint(role, checkpoint, folder)
    borrow_segmenter(folder, WEIGHTS / STARTER)
    return folder


def random_densenet(seed: int) -> Any:
    """torchvision's DenseNet121, the whole classifier."""
    import torch

    prepare()
    from torchvision.models import densenet121

    torch.manual_seed(seed)
    return settle(densenet121(weights=None), seed)


def settle(model: Any, seed: int) -> Any:
    """Give every batch norm the statistics of what flows through it, as training leaves them.

    Without them the channels of a deep network drift apart until a few drown all others, and nothing that is said
    about precision on such a network holds for a trained one.
    """
    import torch

    coarse = torch.randn(8, 3, 28, 28, generator=torch.Generator().manual_seed(seed))
    norms = [part for part in model.eval().modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = None  # The statistics are this batch's, not a running mean with what was there before.
        norm.reset_running_stats()
    with torch.no_grad():
        model(torch.nn.functional.interpolate(coarse, size=224, mode="bilinear"))
    return model.eval()


def random_clip(seed: int) -> Any:
    """open_clip's ViT-B-32, both towers."""
    import torch

    prepare()
    import open_clip

    torch.manual_seed(seed)
    return open_clip.create_model(CLIP, pretrained=None).eval()


def random_hrnet(seed: int) -> Any:
    """mmpose's HRNet-W32 for 256 × 192."""
    import torch

    torch.manual_seed(seed)
    return build_hrnet()
