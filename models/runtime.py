"""The runtime seam: an ONNX file in, arrays through it, by OpenVINO or by ONNX Runtime.

Both libraries report usage to their makers unless told otherwise (OpenVINO 2026 as it is imported,
ONNX Runtime since 1.29); a self-hosted search must not, so both are imported here alone and kept quiet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import ContractBroken, ModelUnavailable
from engine.system.refusals import system_words
from models.compiled import seal_compiled

Arrays: TypeAlias = dict[str, NDArray[Any]]
Precision = Literal["auto", "f32", "bf16"]
RuntimeName = Literal["auto", "openvino", "onnxruntime"]
Device = Literal["auto", "cpu", "cuda"]

_DTYPES = {"float": np.float32, "f32": np.float32, "int64": np.int64, "i64": np.int64}


class Session(Protocol):
    """A loaded model. Safe to call from several threads at once."""

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Every output by name, in arrays that the caller owns.

        Raises:
            ContractBroken: inputs of other names, types or shapes than the model's.
            ModelUnavailable: the runtime failed, for want of memory say.
        """
        ...


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How models are run.

    Attributes:
        runtime: `auto` takes ONNX Runtime where it can use CUDA, else OpenVINO.
        precision: `auto` takes bf16 where the CPU computes in it, else f32 (OpenVINO only).
        threads: per model; None leaves it to the runtime (all cores).
        streams: calls of one model that compute at once, sharing its threads (OpenVINO only). One answers a single
            caller soonest; as many as cores answer the most callers.
        fixed_rows: calls of up to so many rows run on a form of the model compiled for just that many; the first such
            call makes all forms. Int8 networks take a fifth less time so, for a copy of their weights each (OpenVINO
            only).
        cache_dir: where OpenVINO may keep compiled models, for quicker starts.
    """

    runtime: RuntimeName = "auto"
    device: Device = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    streams: int | None = None
    fixed_rows: int = 0
    cache_dir: Path | None = None


def open_session(path: Path, options: RuntimeOptions | None = None) -> Session:
    """Load an ONNX file into the runtime that the options ask for.

    Raises:
        ModelUnavailable: the file, the runtime or the device is not there, or they do not get on.
    """
    options = options or RuntimeOptions()
    if not path.is_file():
        raise ModelUnavailable(f"The model file {path} is missing. Export or fetch it again.")
    cuda = options.device != "cpu" and options.runtime != "openvino" and cuda_available()
    if options.device == "cuda" and not cuda:
        raise ModelUnavailable(
            "CUDA was asked for, but this ONNX Runtime has none. Install onnxruntime-gpu, or set the device to `auto`."
        )
    if options.runtime == "onnxruntime" or cuda:
        return OnnxRuntimeSession(path, options, cuda=cuda)
    return OpenVinoSession(path, options)


@dataclass(frozen=True, slots=True)
class Port:
    """An input as the model declares it; None is a size that may vary."""

    name: str
    dtype: type
    shape: tuple[int | None, ...]

    def check(self, array: NDArray[Any]) -> None:
        """Raise ContractBroken unless the array fits."""
        fits = len(array.shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, array.shape, strict=True)
        )
        if not fits or array.dtype != self.dtype:
            sizes = " x ".join("any" if s is None else str(s) for s in self.shape)
            raise ContractBroken(
                f"The model's input {self.name!r} takes {np.dtype(self.dtype)} of {sizes}, "
                f"not {array.dtype} of {' x '.join(map(str, array.shape))}."
            )


def _check(ports: tuple[Port, ...], inputs: Mapping[str, NDArray[Any]]) -> None:
    names = {port.name for port in ports}
    if inputs.keys() != names:
        raise ContractBroken(f"The model takes the inputs {sorted(names)}, not {sorted(inputs)}.")
    for port in ports:
        port.check(inputs[port.name])


def _openvino_settings(options: RuntimeOptions, precision: str) -> dict[str, object]:
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    if options.threads:
        settings["INFERENCE_NUM_THREADS"] = options.threads
    if options.streams:
        settings["NUM_STREAMS"] = options.streams
    if options.cache_dir:
        settings["CACHE_DIR"] = str(options.cache_dir)
    return settings


class OpenVinoSession:
    """OpenVINO on the CPU. Infer requests are not thread-safe, so each call borrows one from a pool."""

    def __init__(self, path: Path, options: RuntimeOptions) -> None:
        ov = _openvino()
        precision = options.precision
        if precision == "auto":
            precision = "bf16" if cpu_computes_bf16() else "f32"
        settings = _openvino_settings(options, precision)
        with _translated(path, "OpenVINO"):
            self._core = ov.Core()
            model = self._core.compile_model(str(path), "CPU", settings)
        self._cache_dir = options.cache_dir
        self._seal()
        self.precision = precision
        self._path = path
        self._settings = settings
        self._fixed_rows = options.fixed_rows
        self._pools = {0: _Pool(model)}
        self._compiling = Lock()
        self._ports = tuple(
            Port(
                _input_name(port),
                _DTYPES[port.element_type.get_type_name()],
                tuple(d.get_length() if d.is_static else None for d in port.partial_shape),
            )
            for port in model.inputs
        )
        self._outputs = tuple(_output_name(port) for port in model.outputs)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Session.run`."""
        _check(self._ports, inputs)
        # Shared inputs must lie in one piece: others are copied into a tensor that cannot grow any more.
        shared = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        with _translated(self._path, "OpenVINO"), self._pool(shared).request() as request:
            results = request.infer(shared, share_inputs=True, share_outputs=False)
            return {name: results[i] for i, name in enumerate(self._outputs)}

    def _seal(self) -> None:
        if self._cache_dir:
            seal_compiled(self._cache_dir)

    def _pool(self, inputs: Mapping[str, NDArray[Any]]) -> _Pool:
        """Requests of the form that is compiled for so many rows; of the one for any number where there are many."""
        rows = max(len(array) for array in inputs.values())
        if not 0 < rows <= self._fixed_rows:
            return self._pools[0]
        with self._compiling:
            if rows not in self._pools:
                model, forms = self._core.read_model(str(self._path)), {}
                for n in range(1, self._fixed_rows + 1):
                    model.reshape({name: [n, *array.shape[1:]] for name, array in inputs.items()})
                    forms[n] = _Pool(self._core.compile_model(model, "CPU", self._settings))
                self._pools |= forms
                self._seal()
            return self._pools[rows]


class _Pool:
    """The infer requests of one compiled model that nobody uses right now; more are made as needed."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._idle: LifoQueue[Any] = LifoQueue()

    @contextmanager
    def request(self) -> Iterator[Any]:
        """One of them, for the time of the block."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def _input_name(port: Any) -> str:
    """The name that the file gives an input: what is cast at once has another one beside it."""
    given = str(port.get_node().get_friendly_name())
    return given if given in port.names else str(port.any_name)


def _output_name(port: Any) -> str:
    """The name that the file gives an output: where OpenVINO folds nodes away, theirs become names of it too."""
    given = str(port.get_node().get_friendly_name()).removesuffix("/sink_port_0")
    return given if given in port.names else str(port.any_name)


class OnnxRuntimeSession:
    """ONNX Runtime on the CPU or a CUDA device; its sessions are thread-safe by themselves."""

    def __init__(self, path: Path, options: RuntimeOptions, *, cuda: bool = False) -> None:
        ort = _onnxruntime()
        settings = ort.SessionOptions()
        settings.log_severity_level = 3
        settings.intra_op_num_threads = options.threads or 0
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CUDAExecutionProvider", "CPUExecutionProvider"] if cuda else ["CPUExecutionProvider"]
        with _translated(path, "ONNX Runtime"):
            self._session = ort.InferenceSession(str(path), settings, providers=providers)
        self.precision = "f32"
        self._path = path
        self._ports = tuple(
            Port(
                port.name,
                _DTYPES[port.type.removeprefix("tensor(").removesuffix(")")],
                tuple(d if isinstance(d, int) else None for d in port.shape),
            )
            for port in self._session.get_inputs()
        )
        self._outputs = [port.name for port in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Session.run`."""
        _check(self._ports, inputs)
        with _translated(self._path, "ONNX Runtime"):
            results = self._session.run(self._outputs, dict(inputs))
        return dict(zip(self._outputs, results, strict=True))


class LazySession:
    """Opens its session at the first call, once, whichever thread comes first."""

    def __init__(self, opener: Callable[[], Session]) -> None:
        self._open = opener
        self._lock = Lock()
        self._session: Session | None = None

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """See `Session.run`."""
        return self.ready().run(inputs)

    def ready(self) -> Session:
        """The session, opened now if it was not yet.

        Raises:
            ModelUnavailable: it cannot be opened; the next call tries again.
        """
        with self._lock:
            if self._session is None:
                self._session = self._open()
            return self._session


CPUINFO = Path("/proc/cpuinfo")


def cpu_computes_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the CPU has bf16 instructions; without them bf16 is emulated and slower than f32."""
    return bool(_cpu_flags(cpuinfo) & {"avx512_bf16", "amx_bf16"})


def cpu_computes_int8(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the CPU multiplies int8 in one instruction; without it int8 models gain little or nothing."""
    return bool(_cpu_flags(cpuinfo) & {"avx512_vnni", "avx_vnni", "amx_int8"})


def _cpu_flags(cpuinfo: Path) -> set[str]:
    try:
        return set(cpuinfo.read_text("ascii", errors="ignore").split())
    except OSError:
        return set()


def cuda_available() -> bool:
    """Whether the installed ONNX Runtime has its CUDA provider."""
    try:
        return "CUDAExecutionProvider" in _onnxruntime().get_available_providers()
    except ModelUnavailable:
        return False


_ONE_BY_ONE = Lock()
"""OpenVINO makes its table of numbers' types when it is first asked for one. Two threads that ask at once, as two first
photos do, hold each other up for ever: one has the guard and waits for the interpreter, one the other way round.
"""


def _openvino() -> Any:
    # OpenVINO sends an event as it is imported if `openvino_telemetry` is installed (it is a dependency);
    # where that cannot be imported it takes its own silent stand-in.
    try:
        if "openvino" not in sys.modules and "openvino_telemetry" not in sys.modules:
            sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
        import openvino

        with _ONE_BY_ONE:
            openvino.Type.f32.to_dtype()
    except ImportError as error:
        raise ModelUnavailable(
            "OpenVINO is not installed. Run `pip install openvino`, or set the runtime to `onnxruntime`."
        ) from error
    return openvino


def _onnxruntime() -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelUnavailable(
            "ONNX Runtime is not installed. Run `pip install onnxruntime`, or set the runtime to `openvino`."
        ) from error
    return onnxruntime


@contextmanager
def _translated(path: Path, runtime: str) -> Iterator[None]:
    """A library's exception becomes ours; both raise undocumented children of RuntimeError and Exception."""
    try:
        yield
    except (ContractBroken, ModelUnavailable):
        raise
    except Exception as error:
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise ModelUnavailable(f"{runtime} could not run {path.name}: {system_words(error) or last}") from error
