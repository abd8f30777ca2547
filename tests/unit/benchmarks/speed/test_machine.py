"""The reference workload, and the counting of what a model must compute."""

from __future__ import annotations

import numpy as np

from benchmarks.speed.arithmetic import node_flops, photo_work, role_gflop
from benchmarks.speed.machine import describe_machine, reference_ms
from models.registry import STARTER, WEIGHTS
from models.runtime import _openvino


def test_the_reference_workload_takes_milliseconds() -> None:
    """Long enough to be timed, short enough to stand around every case."""
    assert 0.5 < reference_ms(repeats=3) < 2_000


def test_a_machine_is_described_without_measuring_it() -> None:
    machine = describe_machine(peaks=False)
    assert machine.cores >= 1
    assert machine.memory_bytes > 1 << 28
    assert machine.gemm_f32_gflops is None


def test_operations_are_counted_as_the_textbook_does() -> None:
    """A 3 × 3 convolution from 8 to 16 channels on 10 × 10, depthwise on 8, and a 4 × 5 by 5 × 6 product."""
    ov = _openvino()
    ops = __import__("openvino.opset13", fromlist=["opset13"])
    picture = ops.parameter([1, 8, 12, 12], np.float32)
    options = ([1, 1], [0, 0], [0, 0], [1, 1])
    dense = ops.convolution(picture, np.zeros((16, 8, 3, 3), np.float32), *options)
    depthwise = ops.group_convolution(picture, np.zeros((8, 1, 1, 3, 3), np.float32), *options)
    product = ops.matmul(ops.parameter([4, 5], np.float32), np.zeros((5, 6), np.float32), False, False)
    turned = ops.matmul(ops.parameter([5, 4], np.float32), np.zeros((5, 6), np.float32), True, False)
    assert node_flops(dense) == 2 * 16 * 8 * 9 * 100
    assert node_flops(depthwise) == 2 * 8 * 9 * 100
    assert node_flops(product) == node_flops(turned) == 2 * 4 * 5 * 6
    assert node_flops(ops.relu(dense)) == 0
    assert ov.__version__


def test_a_photo_costs_one_segmentation_and_its_garments() -> None:
    """Work grows by the two embedders with each garment."""
    folder = WEIGHTS / STARTER
    one, three = (photo_work(folder, garments).gflop for garments in (1, 3))
    each = role_gflop(folder, "visual") + role_gflop(folder, "semantic_image")
    assert np.isclose(three - one, 2 * each)
    assert one > each > 0.1
