"""From a torch module to a registered model of a profile: export, check, store at half size, check again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.export.onnx_file import check_parity, export_module, store_half
from models.manifest import ModelSpec, register

EXACT = 2e-3
"""Most that float32 may differ from torch, as a share of the output's range: both only order sums differently."""
ROUNDED = 2e-2
"""Most that weights rounded to float16 may move an output."""


def publish(
    module: Any,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    spec: ModelSpec,
    folder: Path,
    *,
    rounded: float = ROUNDED,
) -> ModelSpec:
    """Write `spec.file` into the folder and register it; a file of that name is replaced once the new one is good.

    Args:
        module: gives the outputs in order; in eval mode it is a function of the inputs alone.
        inputs: sample tensors by name, with more than one row, so that parity sees the batch.
    Raises:
        ContractBroken: the exported file does not compute what the module does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{spec.file}"
    try:
        words = {"role": spec.role, "architecture": spec.architecture}
        export_module(module, inputs, outputs, draft, words)
        check_parity(module, draft, inputs, EXACT)
        store_half(draft)
        check_parity(module, draft, inputs, rounded)
        draft.replace(folder / spec.file)
    finally:
        draft.unlink(missing_ok=True)
    register(folder, spec)
    return spec
