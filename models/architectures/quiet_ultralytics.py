"""Importing ultralytics without what it does to its surroundings."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from PIL import Image

from models.architectures.torchvision_cpu import prepare


def quiet_ultralytics(folder: Path) -> None:
    """Import ultralytics, kept from the network, from installing packages and from the home directory.

    Its patch of `PIL.Image.open`, which asks for a further package wherever a file is no picture, is taken back.
    """
    settings = folder / "ultralytics"
    settings.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(settings))
    os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0")
    prepare()
    as_pillow_made_it = Image.open
    importlib.import_module("ultralytics")
    Image.open = as_pillow_made_it
