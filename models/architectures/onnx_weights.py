"""Go on from exported weights: initialisers read out of an ONNX file, back into the torch module they came from.

An exporter folds batch norms into the convolutions before them. Training needs the norms again, so each folded
weight goes into its convolution and the norm behind it is given the statistics that its input really has:
mean m and variance v of the convolution's output on calibration pictures, scale √(v + ε), shift m + folded bias.
The module then computes what the file does, and its norms are in the middle of their range as after a training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import numpy_helper

from engine.errors import InputRejected

_HALF = ".half"
"""What `models.export.onnx_file.store_half` appends to the name of a weight that it stores as float16."""
_INT8, _STEPS, _ROW_STEPS = ".int8", ".steps", ".row_steps"
"""What `models.export.onnx_file.store_int8` appends to the names of a weight stored as int8, and of its steps."""


class WeightsUnfit(InputRejected):
    """Exported weights cannot be read, or do not belong to the architecture that is to be trained."""


def onnx_initialisers(path: Path) -> dict[str, NDArray[Any]]:
    """Every weight of an ONNX file by its name; those stored at half size come as float32 under their own name.

    Raises:
        WeightsUnfit: no such file, or no ONNX file.
    """
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError, ValueError) as error:
        raise WeightsUnfit(f"{path} cannot be read as ONNX: {error}.") from error
    return _whole(dict(_named(graph.initializer)))


def _whole(values: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Weights stored as int8 times their steps, under their own names."""
    for name in [name for name in values if name.endswith(_INT8)]:
        own, rounded = name.removesuffix(_INT8), values.pop(name)
        if own + _ROW_STEPS in values:
            values[own] = (rounded * values.pop(own + _ROW_STEPS)[:, None]).astype(np.float32)
            continue
        steps = values.pop(own + _STEPS)
        across = [-1 if size == len(steps) else 1 for size in rounded.shape]
        if rounded.shape[0] == rounded.shape[-1]:
            across = [1] * (rounded.ndim - 1) + [-1]
        values[own] = (rounded * steps.reshape(across)).astype(np.float32)
    return values


def _named(tensors: Iterable[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    for tensor in tensors:
        values = numpy_helper.to_array(tensor)
        if tensor.name.endswith(_HALF):
            yield tensor.name.removesuffix(_HALF), values.astype(np.float32)
        else:
            yield tensor.name, values


def restore(
    module: Any,
    values: Mapping[str, NDArray[Any]],
    folded: Mapping[str, str],
    pictures: Iterable[Any],
    prefix: str = "",
) -> None:
    """Fill a torch module from exported weights so that, in eval mode, it computes what the file does.

    Args:
        module: its parameters are overwritten; stays in the mode it is in.
        values: by name, as `onnx_initialisers` gives them.
        folded: convolution → the batch norm that was folded into it, both by their module names.
        pictures: calibration batches that the module can be called with.
        prefix: what the file's names have before the module's own.
    Raises:
        WeightsUnfit: a weight is missing or has another shape.
    """
    import torch

    with torch.no_grad(), _evaluating(module):
        _fill_plain(module, values, folded, prefix)
        for conv, norm in folded.items():
            bias = torch.from_numpy(_value(values, f"{prefix}{conv}.bias").copy())
            _pass_through(module.get_submodule(norm), bias)
        _calibrate(module, folded, pictures)


def _fill_plain(module: Any, values: Mapping[str, NDArray[Any]], folded: Mapping[str, str], prefix: str) -> None:
    """Every parameter that the file has under its own name: all but those of folded norms."""
    import torch

    norms = set(folded.values())
    for name, parameter in module.named_parameters():
        if name.rpartition(".")[0] in norms:
            continue
        value = _value(values, prefix + name)
        if value.shape != tuple(parameter.shape):
            raise WeightsUnfit(
                f"{prefix}{name} is {value.shape} in the file and {tuple(parameter.shape)} in the network: "
                "take weights of the same architecture with the same classes, or train from scratch."
            )
        parameter.copy_(torch.from_numpy(value.copy()))


def _value(values: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    try:
        return values[name]
    except KeyError:
        raise WeightsUnfit(f"The file has no weight {name!r}: it is of another architecture.") from None


def _pass_through(norm: Any, bias: Any) -> None:
    """A norm that only adds the folded bias."""
    _set_norm(norm, mean=bias * 0, variance=bias * 0 + (1 - norm.eps), shift=bias)


def _set_norm(norm: Any, mean: Any, variance: Any, shift: Any) -> None:
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    norm.bias.copy_(shift)


def _calibrate(module: Any, folded: Mapping[str, str], pictures: Iterable[Any]) -> None:
    """Give each norm the statistics of its convolution's output; what the module computes stays the same.

    A channel that never varies keeps a small variance, or the first training step would blow it up.
    """
    sums: dict[str, list[Any]] = {conv: [] for conv in folded}

    def watch(conv: str) -> Any:
        def note(_module: Any, _inputs: Any, output: Any) -> None:
            flat = output.float().transpose(0, 1).flatten(1).double()
            sums[conv].append((flat.mean(1), (flat**2).mean(1)))

        return note

    hooks = [module.get_submodule(conv).register_forward_hook(watch(conv)) for conv in folded]
    try:
        for batch in pictures:
            module(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for conv, norm_name in folded.items():
        if not sums[conv]:
            continue
        norm = module.get_submodule(norm_name)
        mean = sum(m for m, _ in sums[conv]) / len(sums[conv])
        variance = (sum(s for _, s in sums[conv]) / len(sums[conv]) - mean**2).clamp(min=1e-4)
        _set_norm(norm, mean.float(), variance.float(), (mean + norm.bias.double()).float())


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
