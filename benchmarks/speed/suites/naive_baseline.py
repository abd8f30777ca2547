"""What one would write first: eager PyTorch, one network after another, the whole picture, FAISS FlatL2.

Pose by mmpose's own `inference_topdown`, garments by ultralytics' `predict`, the whole picture through torchvision's
DenseNet121 and open_clip's ViT-B/32, one picture at a time, and an exact L2 search per embedding: each library as its
documentation shows it, with its defaults. The weights are those of the profile that it is compared with
(`models/export/stand_ins.py`); the segmenter's are random, so that it finds little, which only helps it.
Needs the `train` group; nothing else in benchmarks/ touches torch.
"""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import ModelUnavailable

Vector = NDArray[np.float32]
SIDE = 640
"""Of ultralytics' input; its default."""


@dataclass(slots=True)
class Stages:
    """Milliseconds by stage of one call."""

    ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Time what stands inside."""
        started = perf_counter()
        yield
        self.ms[name] = self.ms.get(name, 0.0) + 1e3 * (perf_counter() - started)


class NaiveBaseline:
    """The four networks in eager PyTorch, and two flat indexes.

    Attributes:
        side: longest side of the segmenter's input; `SIDE` unless the comparison asks for another.
    """

    def __init__(self, seed: int = 0, side: int = SIDE, threads: int | None = None) -> None:
        torch = _torch()
        if threads:
            torch.set_num_threads(threads)
        self.side = side
        from models.export.quiet import quiet_logs

        with redirect_stdout(sys.stderr), quiet_logs():
            self._pose, self._segmenter = _pose(seed), _segmenter(seed)
            self._visual, self._semantic = _visual(seed), _semantic(seed)
        self._indexes: tuple[Any, ...] = ()

    def index(self, visual: Vector, semantic: Vector) -> None:
        """Take a catalogue's embeddings: one `IndexFlatL2` each."""
        self._indexes = (faiss.IndexFlatL2(visual.shape[1]), faiss.IndexFlatL2(semantic.shape[1]))
        for index, rows in zip(self._indexes, (visual, semantic), strict=True):
            index.add(np.ascontiguousarray(rows, np.float32))

    def answer(self, jpeg: bytes, k: int = 10) -> tuple[dict[str, float], list[NDArray[np.int64]]]:
        """A photo in, the nearest rows of both indexes out, with the milliseconds of each stage."""
        stages = Stages()
        visual, semantic = self.look(jpeg, stages)
        with stages.time("search"):
            rows = (visual, semantic)
            found = [index.search(row[None], k)[1][0] for index, row in zip(self._indexes, rows, strict=True)]
        return stages.ms, found

    def gate(self, jpeg: bytes) -> None:
        """Pose alone: what ingest does with a picture that it will not keep."""
        self._pose(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))[:, :, ::-1])

    def look(self, jpeg: bytes, stages: Stages | None = None) -> tuple[Vector, Vector]:
        """Both embeddings of the whole picture, after pose and garments were looked for: ingest and queries alike."""
        stages = stages or Stages()
        with stages.time("decode"):
            picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
            pixels = np.asarray(picture)[:, :, ::-1]
        with stages.time("pose"):
            self._pose(pixels)
        with stages.time("segment"):
            self._segmenter(pixels, self.side)
        with stages.time("visual"):
            visual = self._visual(picture)
        with stages.time("semantic"):
            semantic = self._semantic(picture)
        return visual, semantic


def _torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ModelUnavailable(
            "The naive baseline runs on PyTorch, which is not installed here: in a checkout, run "
            "`pip install -r requirements/test.txt`, or leave the comparison out with "
            "`thatlook bench compare --case 'index-*'`."
        ) from error


def _pose(seed: int) -> Callable[[Any], Any]:
    """mmpose's documented call, its test-time flip included."""
    torch = _torch()
    from models.architectures.torchvision_cpu import prepare
    from models.export.standard import HRNET

    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # As in `models.export.standard.build_hrnet`.
        mmpose = importlib.import_module("mmpose")
        apis = importlib.import_module("mmpose.apis")
        torch.manual_seed(seed)
        config = Path(str(mmpose.__file__)).parent / ".mim" / "configs" / HRNET
        options = {"model.backbone.init_cfg": None}
        model = apis.init_model(str(config), None, device="cpu", cfg_options=options)

    def estimate(pixels: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return apis.inference_topdown(model, pixels)

    return estimate


def _segmenter(seed: int) -> Callable[[Any, int], Any]:
    torch = _torch()
    from models.architectures.quiet_ultralytics import quiet_ultralytics

    quiet_ultralytics(Path(tempfile.gettempdir()) / "thatlook-export")
    ultralytics = importlib.import_module("ultralytics")
    torch.manual_seed(seed)
    model = ultralytics.YOLO("yolo11n-seg.yaml", task="segment", verbose=False)
    return lambda pixels, side: model.predict(pixels, imgsz=side, verbose=False)


def _visual(seed: int) -> Callable[[Image.Image], Vector]:
    torch = _torch()
    from models.export.stand_ins import random_densenet

    model = random_densenet(seed)
    t = importlib.import_module("torchvision.transforms")
    prepare = t.Compose(
        [t.Resize(256), t.CenterCrop(224), t.ToTensor(), t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    )

    def embed(picture: Image.Image) -> Vector:
        with torch.no_grad():
            maps = torch.relu(model.features(prepare(picture)[None]))
            return _unit(maps.mean(dim=(2, 3))[0].numpy())

    return embed


def _semantic(seed: int) -> Callable[[Image.Image], Vector]:
    torch = _torch()
    from models.export.stand_ins import random_clip

    model = random_clip(seed)
    open_clip = importlib.import_module("open_clip")
    prepare = open_clip.image_transform(224, is_train=False)

    def embed(picture: Image.Image) -> Vector:
        with torch.no_grad():
            return _unit(model.encode_image(prepare(picture)[None])[0].numpy())

    return embed


def _unit(row: NDArray[Any]) -> Vector:
    return np.asarray(row / np.linalg.norm(row), np.float32)
