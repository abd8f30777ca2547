"""Fits the part that tells kinds anew, from nothing, on the features of a profile's image tower.

In the training of the heads it is one loss of many and is averaged with them. Alone it is a matter of a minute, and may
have what it needs: every labelled crop twelve times in four views, features left out, and mixed pictures whose label
is mixed too (Zhang et al. 2018, arXiv:1710.09412). All else in the profile stays as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.architectures.semantic import KINDS, KINDS_HIDDEN, Head
from models.export.semantic import IMAGE_FILE, TOKENIZER_FILE, write_images
from models.manifest import load_manifest, register
from models.train.clip.data import remeasured
from models.train.clip.finish import Measured, measure_clip
from models.train.clip.kind_views import KindView, kind_views
from models.train.clip.kinds import LEARNT, any_of
from models.train.clip.start import Begun, start_from
from models.train.data.crops import read_cache

EPOCHS, BATCH, RATE, DECAY = 12, 256, 1e-3, 0.05
LEFT_OUT = 0.2
"""Of the features, at every step."""
MIXED = 0.3
"""Both parameters of the beta distribution that pictures are mixed by: mostly a little."""
SHARPENED = 2.0
"""What the logits are multiplied by in the end: smoothed labels leave them less sure than likeness needs."""


def train_kinds(
    init: Path, cache: Path, out: Path, profile: Path | None = None, data: Path | None = None, threads: int = 1
) -> dict[str, Any]:
    """Fit it on the cache's labelled crops, measure the model with it, and write that into a profile if given.

    Args:
        init: the profile whose semantic model is taken; may be `profile` itself.
        out: keeps the features, so that a stopped run goes on.
    Raises:
        ModelUnavailable: `init` has no semantic model.
        WeightsUnfit: it is of another architecture.
    """
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    clip = start_from(init, out)
    tokenizer = Tokenizer.from_file(str(out / TOKENIZER_FILE))
    records, crops = read_cache(cache)
    views = kind_views(Begun(clip, tokenizer), remeasured(records, crops), crops, out)
    clip.visual.kinds.load_state_dict(fit_kinds(views).state_dict())
    measured = measure_clip(clip.eval(), tokenizer, cache, data)
    if profile:
        measured.figures["fingerprints"] = _write(init, profile, clip, measured)
    return measured.figures


def fit_kinds(views: Sequence[KindView], epochs: int = EPOCHS, seed: int = 0) -> Head:
    """Tells kinds from features, sharpened; in eval mode."""
    torch.manual_seed(seed)
    features, right = (torch.cat([getattr(view, part) for view in views]) for part in ("features", "right"))
    shares = torch.cat([torch.full((len(view.right),), view.share) for view in views])
    head = Head(features.shape[1], KINDS_HIDDEN, KINDS, dropout=0.4)
    nn.init.zeros_(head.straight.weight)
    nn.init.zeros_(head.straight.bias)
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    batches = list(_batches(len(features), epochs))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, len(batches), pct_start=0.1)
    rng = np.random.default_rng(seed)
    for rows in batches:
        optimizer.zero_grad()
        _missed(head, features[rows], right[rows], shares[rows], float(rng.beta(MIXED, MIXED))).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return _sharpened(head.eval())


def _batches(count: int, epochs: int) -> Iterator[Tensor]:
    """Every row once an epoch, in another order each time; what does not fill a batch waits for the next epoch."""
    size = min(BATCH, count)
    for _ in range(epochs):
        yield from torch.randperm(count)[: count // size * size].view(-1, size)


def _missed(head: Head, features: Tensor, right: Tensor, shares: Tensor, kept: float) -> Tensor:
    """The loss of a batch in which each picture is mixed with another, `kept` of it and the rest of the other."""
    other = torch.randperm(len(features))
    shown = nn.functional.dropout(features, LEFT_OUT)
    logits = head(kept * shown + (1 - kept) * shown[other])
    return kept * any_of(logits, right, shares) + (1 - kept) * any_of(logits, right[other], shares)


@torch.no_grad()
def _sharpened(head: Head) -> Head:
    for parameter in (*head.straight.parameters(), *head.bent[-1].parameters()):
        parameter.mul_(SHARPENED)
    return head


def _write(init: Path, profile: Path, clip: Any, measured: Measured) -> dict[str, str]:
    """The image tower anew, the text tower as it is, both with how their cosines are now read."""
    manifest = load_manifest(init)
    image, text = manifest.require("semantic_image"), manifest.require("semantic_text")
    profile.mkdir(parents=True, exist_ok=True)
    for name in (text.file, str(text.tokenizer)) if init.resolve() != profile.resolve() else ():
        shutil.copyfile(init / name, profile / name)
    write_images(clip.visual, profile, image.input_size[0])
    calibration = {"image": measured.by_image, "text": measured.by_text}
    notes = {**image.notes, "measured": measured.figures["text_to_image"]}
    image = replace(image, file=IMAGE_FILE, calibration=calibration, kinds=LEARNT, notes=notes)
    return {
        "semantic_image": register(profile, image),
        "semantic_text": register(profile, replace(text, calibration=calibration)),
    }
