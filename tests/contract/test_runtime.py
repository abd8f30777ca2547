"""The runtime seam: both runtimes against NumPy, by value, from one and from many threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, save

from engine.errors import ContractBroken, ModelUnavailable
from models.runtime import Arrays, LazySession, OnnxRuntimeSession, OpenVinoSession, RuntimeOptions, Session

WEIGHT = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)


def expected(x: NDArray[np.float32]) -> Arrays:
    """What the tiny model computes, in NumPy."""
    hidden = x @ WEIGHT
    return {"hidden": hidden, "positive": np.maximum(hidden, 0)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """x (n, 6) float32 → hidden = x @ W, positive = max(hidden, 0)."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["a product"]),
            helper.make_node("Identity", ["a product"], ["hidden"]),  # A runtime that folds it must keep its name.
            helper.make_node("Relu", ["hidden"], ["positive"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("positive", "hidden")],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    path = tmp_path_factory.mktemp("runtime") / "tiny.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


class SharedBuffer:
    """A broken runtime: its answer lies in a buffer that the next call overwrites."""

    def __init__(self, _path: Path, _options: RuntimeOptions) -> None:
        self._buffer: Arrays = {}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """Right when alone, wrong as soon as an earlier answer is still held."""
        if inputs.keys() != {"x"} or inputs["x"].dtype != np.float32 or inputs["x"].shape[1:] != (6,):
            raise ContractBroken("no")
        for name, array in expected(inputs["x"]).items():
            held = self._buffer.setdefault(name, np.zeros((64, 4), np.float32))
            held[: len(array)] = array
        return {name: held[: len(inputs["x"])] for name, held in self._buffer.items()}


RUNTIMES = [pytest.param(OpenVinoSession, id="openvino"), pytest.param(OnnxRuntimeSession, id="onnxruntime")]
BROKEN = pytest.param(SharedBuffer, id="broken", marks=pytest.mark.xfail(strict=True, raises=AssertionError))
Opener = Callable[[Path, RuntimeOptions], Session]


def some(n: int, seed: int = 1) -> NDArray[np.float32]:
    """n rows of input."""
    return np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)


@pytest.mark.parametrize("opener", RUNTIMES)
@pytest.mark.parametrize("rows", [1, 3, 17])
def test_outputs_by_name_and_value(opener: Opener, model: Path, rows: int) -> None:
    """Every output comes under its own name, whatever the batch."""
    x = some(rows)
    got = opener(model, RuntimeOptions(precision="f32")).run({"x": x})
    assert got.keys() == {"hidden", "positive"}
    for name, want in expected(x).items():
        np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opener", RUNTIMES)
def test_inputs_that_do_not_lie_in_one_piece(opener: Opener, model: Path) -> None:
    """A transposed or strided view is read as what it shows, also behind smaller and whole ones."""
    session = opener(model, RuntimeOptions(precision="f32"))
    for x in (some(2), some(6).T, some(40)[::2], some(90)[:, ::-1]):
        np.testing.assert_allclose(session.run({"x": x})["hidden"], x @ WEIGHT, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opener", [*RUNTIMES, BROKEN])
def test_an_answer_is_the_callers_own(opener: Opener, model: Path) -> None:
    """A later call does not change an earlier answer."""
    session = opener(model, RuntimeOptions(precision="f32"))
    first = session.run({"x": some(2, seed=1)})["hidden"]
    session.run({"x": some(2, seed=2)})
    np.testing.assert_allclose(first, some(2, seed=1) @ WEIGHT, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opener", RUNTIMES)
def test_many_threads_get_their_own_answers(opener: Opener, model: Path) -> None:
    """Eight threads, different batch sizes, no mixing."""
    session = opener(model, RuntimeOptions(precision="f32", threads=1))

    def worst(seed: int) -> float:
        x = some(1 + seed % 5, seed)
        return float(np.abs(session.run({"x": x})["hidden"] - x @ WEIGHT).max())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(worst, range(200))) < 1e-4


@pytest.mark.parametrize("opener", RUNTIMES)
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"y": some(1)}, "takes the inputs"),
        ({"x": some(1), "y": some(1)}, "takes the inputs"),
        ({"x": some(1).astype(np.float64)}, "float32 of any x 6, not float64 of 1 x 6"),
        ({"x": some(1)[:, :5]}, "not float32 of 1 x 5"),
        ({"x": some(1)[0]}, "not float32 of 6"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    opener: Opener, model: Path, inputs: dict[str, NDArray[Any]], message: str
) -> None:
    """A wrapper's mistake is named, not computed with."""
    with pytest.raises(ContractBroken, match=message):
        opener(model, RuntimeOptions()).run(inputs)


@pytest.mark.parametrize("opener", RUNTIMES)
def test_a_broken_file_is_a_model_that_is_unavailable(opener: Opener, tmp_path: Path) -> None:
    """No library exception crosses the seam."""
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match=r"broken\.onnx"):
        opener(tmp_path / "broken.onnx", RuntimeOptions())


def test_lazy_sessions_open_once(model: Path) -> None:
    """Threads that come together share one opening."""
    opened: list[Session] = []

    def open_slowly() -> Session:
        opened.append(OnnxRuntimeSession(model, RuntimeOptions(threads=1)))
        return opened[-1]

    lazy = LazySession(open_slowly)
    assert not opened
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: lazy.run({"x": some(2)})["hidden"], range(8)))
    assert len(opened) == 1
    for answer in answers:
        np.testing.assert_allclose(answer, some(2) @ WEIGHT, rtol=1e-5, atol=1e-5)


def test_a_compiled_model_is_kept_and_computes_the_same(model: Path, tmp_path: Path) -> None:
    """The first opening leaves it behind, the second takes it, outputs by name and value."""
    options = RuntimeOptions(precision="f32", cache_dir=tmp_path)
    for _ in range(2):
        got = OpenVinoSession(model, options).run({"x": some(3)})
        assert got.keys() == {"hidden", "positive"}
        for name, want in expected(some(3)).items():
            np.testing.assert_allclose(got[name], want, rtol=1e-5, atol=1e-5)
        assert len(list(tmp_path.glob("*.blob"))) == 1
