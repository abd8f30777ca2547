"""A pair of ONNX files as an encoder: somebody's exports, given the names that serving asks for.

Known are the forms of transformers.js and Optimum (`pixel_values` → `image_embeds` or `pooler_output`, `input_ids` with
or without `attention_mask` → `text_embeds` or `pooler_output`) and whatever has one input and one output of that shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.defs import onnx_opset_version

from engine.errors import ModelUnavailable, ThatLookError
from models.export.encoders.encoder import Rows
from models.export.onnx_file import parity
from models.runtime import RuntimeName, RuntimeOptions, open_session

PREFERRED = ("embeddings", "image_embeds", "text_embeds", "pooler_output")
KNOWN_DOMAINS = ("", "ai.onnx")
MASK = "attention_mask"
EXACT = 2e-3
"""Most that a runtime may move an output, as a share of its range."""
RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "onnxruntime")


class Tower:
    """One file of a pair, checked for its form; `inputs` and `outputs` are its own names."""

    def __init__(self, path: Path, *, pictures: bool) -> None:
        self.path = path
        self.model = _read(path)
        graph = self.model.graph
        given = {tensor.name for tensor in graph.initializer}
        self.ports = [port for port in graph.input if port.name not in given]
        self.port = _main_input(self.ports, path, pictures=pictures)
        self.output = _embedding_output(list(graph.output), path)
        self.dim = _sizes(self.output)[1]

    @property
    def side(self) -> tuple[int, int] | None:
        """(height, width) of its pictures, where the file fixes them."""
        height, width = _sizes(self.port)[-2:]
        return (height, width) if height and width else None

    @property
    def context_length(self) -> int | None:
        """Tokens per text, where the file fixes them."""
        return _sizes(self.port)[-1]

    def run(self, inputs: NDArray[Any]) -> Rows:
        """The file as it came, in ONNX Runtime."""
        import onnxruntime

        kind = np.int32 if self.port.type.tensor_type.elem_type == TensorProto.INT32 else inputs.dtype
        fed = {self.port.name: inputs.astype(kind)}
        fed |= {port.name: np.ones(inputs.shape, _numpy(port)) for port in self.ports if port.name == MASK}
        session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        return np.asarray(session.run([self.output.name], fed)[0], np.float32)

    def write(self, path: Path, name: str, sample: NDArray[Any], words: Mapping[str, str]) -> None:
        """Write it with `name` → `embeddings`, and hold it against the file that it was in both runtimes.

        Raises:
            ModelUnavailable: a runtime cannot run it, or gives something else.
        """
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        _rename(model.graph, self.port, self.output, name, [port for port in self.ports if port.name == MASK])
        helper.set_model_props(model, dict(words))
        onnx.save(model, path)
        want = self.run(sample)
        for runtime in RUNTIMES:
            try:
                session = open_session(path, RuntimeOptions(runtime=runtime, precision="f32", device="cpu"))
                got = session.run({name: sample})["embeddings"]
                apart = parity(want, got).worst
            except ThatLookError as error:
                raise ModelUnavailable(f"{self.path} does not run here: {error.message}") from error
            if not apart <= EXACT:
                raise ModelUnavailable(
                    f"{self.path} gives other embeddings in {runtime} (by {apart:.2g} of its range)."
                )


def _read(path: Path) -> Any:
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's own errors, missing files of weights, and OSError.
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(f"{path} cannot be read as an ONNX file: {first}") from error
    if not model.graph.node:
        raise ModelUnavailable(f"{path} is no ONNX file.")
    newest = onnx_opset_version()
    if odd := next((node for node in model.graph.node if node.domain not in KNOWN_DOMAINS), None):
        raise ModelUnavailable(
            f"{path} uses {odd.op_type} of {odd.domain}, which OpenVINO does not know; bring the file in float32."
        )
    for used in model.opset_import:
        if used.domain in KNOWN_DOMAINS and used.version > newest:
            raise ModelUnavailable(f"{path} is of opset {used.version}; up to {newest} is known here. Export it lower.")
    if model.ByteSize() >= 2**31:
        raise ModelUnavailable(f"{path} holds more than 2 GB; take a smaller model.")
    return model


def _main_input(ports: list[Any], path: Path, *, pictures: bool) -> Any:
    rank, kinds = (4, {TensorProto.FLOAT}) if pictures else (2, {TensorProto.INT64, TensorProto.INT32})
    what = "pictures (n, 3, h, w) in float32" if pictures else "token ids (n, t) as integers"
    main = [port for port in ports if port.name != MASK]
    if len(main) != 1 or len(_sizes(main[0])) != rank or main[0].type.tensor_type.elem_type not in kinds:
        told = ", ".join(f"{port.name} of {_sizes(port)}" for port in ports)
        raise ModelUnavailable(f"{path} takes {told}; needed is one input of {what}.")
    sizes = _sizes(main[0])
    if sizes[0] is not None:
        raise ModelUnavailable(f"{path} takes {sizes[0]} at a time; export it with a free first axis.")
    if pictures and sizes[1] not in (None, 3):
        raise ModelUnavailable(f"{path} takes {sizes[1]} channels; needed are the 3 of RGB.")
    return main[0]


def _embedding_output(outputs: list[Any], path: Path) -> Any:
    rows = {port.name: port for port in outputs if len(_sizes(port)) == 2}
    named = next((rows[name] for name in PREFERRED if name in rows), None)
    if named is None and len(rows) != 1:
        told = ", ".join(f"{port.name} of {_sizes(port)}" for port in outputs)
        raise ModelUnavailable(f"{path} gives {told}; needed is one output of embeddings (n, d).")
    return named if named is not None else next(iter(rows.values()))


def _sizes(port: Any) -> list[int | None]:
    return [dim.dim_value or None for dim in port.type.tensor_type.shape.dim]


def _numpy(port: Any) -> Any:
    return np.int32 if port.type.tensor_type.elem_type == TensorProto.INT32 else np.int64


def _rename(graph: Any, port: Any, output: Any, name: str, masks: list[Any]) -> None:
    """Put the input and the output behind our names; a mask is all ones, as both towers read past the end token."""
    for taken in (name, "embeddings"):
        _move_away(graph, taken)
    inner = {taken: f"{taken}.inner" for taken in (name, "embeddings")}
    kind = port.type.tensor_type.elem_type
    wanted = TensorProto.INT64 if name == "tokens" else TensorProto.FLOAT
    first = [helper.make_node("Cast", [name], [inner.get(port.name, port.name)], to=kind, name="thatlook.input")]
    for mask in masks:
        shape, ones = f"{mask.name}.shape", f"{mask.name}.ones"
        value = helper.make_tensor("value", TensorProto.INT64, [1], [1])
        first += [
            helper.make_node("Shape", [name], [shape], name="thatlook.shape"),
            helper.make_node("ConstantOfShape", [shape], [ones], value=value, name="thatlook.ones"),
            helper.make_node("Cast", [ones], [mask.name], to=mask.type.tensor_type.elem_type, name="thatlook.mask"),
        ]
    found = inner.get(output.name, output.name)
    last = helper.make_node("Identity", [found], ["embeddings"], name="thatlook.output")
    nodes = [*first, *graph.node, last]
    sizes = ["n", *_sizes(port)[1:]]
    ours = helper.make_tensor_value_info(name, wanted, sizes)
    given = {tensor.name for tensor in graph.initializer}
    kept = [each for each in graph.input if each.name in given]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.input.extend([ours, *kept])
    graph.output.extend([helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", _sizes(output)[1]])])


def _move_away(graph: Any, name: str) -> None:
    """Call a tensor of this name something else, inside of loops and branches too."""
    other = f"{name}.inner"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, each in enumerate(names):
                if each == name:
                    names[place] = other
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _move_away(inner, name)
    for listed in (graph.initializer, graph.value_info):
        for tensor in listed:
            if tensor.name == name:
                tensor.name = other
