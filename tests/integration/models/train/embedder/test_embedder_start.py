"""The visual embedder goes on from exported weights, counts colours, and ends in a metric fitted on training crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.seams import Calibration
from models.architectures.visual import DIM, MEAN, STD, ServedEmbedder, VisualEmbedder, pooled
from models.architectures.visual_color import ColorHistogram
from models.export.visual import export_visual
from models.manifest import load_manifest
from models.train.data.crops import CropRecord
from models.train.embedder.augment import Augmentation, augmented
from models.train.embedder.batches import IdentityBatches
from models.train.embedder.compare import sparsity
from models.train.embedder.finish import COLOR_DIM, as_linear, fitting_rows, measured_rows
from models.train.embedder.metric import fit_metric
from models.train.embedder.start import start_from
from models.train.embedder.training import pixels_to_input

SIDE = 32


def _served(network: VisualEmbedder) -> ServedEmbedder:
    torch.manual_seed(1)
    deep = torch.nn.Linear(DIM, DIM - COLOR_DIM)
    return ServedEmbedder(network, deep, torch.nn.Linear(486, COLOR_DIM)).eval()


def _network() -> VisualEmbedder:
    torch.manual_seed(0)
    network = VisualEmbedder()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
    return network.eval()


@pytest.mark.integration  # It takes seconds.
def test_a_warm_start_computes_what_the_file_computes(tmp_path: Path) -> None:
    """From the exported file back to the network: the same features on other pictures than the statistics' own."""
    network = _network()
    export_visual(_served(network), tmp_path, Calibration(0.5, 0.1), side=SIDE)
    assert load_manifest(tmp_path).require("visual").dim == DIM
    pictures = torch.randn(5, 3, SIDE, SIDE)
    again = start_from(tmp_path, pictures[:2]).eval()
    with torch.no_grad():
        wanted, got = pooled(network.features, pictures[2:]), again(pictures[2:])
    assert torch.nn.functional.cosine_similarity(wanted, got).min() > 0.9999
    assert torch.allclose(wanted, got, atol=0.02 * float(wanted.max()))


def _picture(*colours: tuple[int, int, int], size: int = 40) -> NDArray[np.uint8]:
    picture = np.full((size, size, 3), 255, np.uint8)
    for n, colour in enumerate(colours):
        width = (size - 16) // len(colours)
        picture[8:-8, 8 + n * width : 8 + (n + 1) * width] = colour
    return picture


def _counted(*pictures: NDArray[np.uint8]) -> torch.Tensor:
    counted: torch.Tensor = ColorHistogram(MEAN, STD)(pixels_to_input(np.stack(pictures)))
    return counted


def test_colors_are_counted_wherever_they_are_and_white_is_not() -> None:
    """Turning a garment over, or more white around it, changes nothing; another colour does."""
    navy, wide, red = _counted(
        _picture((20, 30, 80), (200, 190, 180)), _picture((200, 190, 180), (20, 30, 80)), _picture((190, 30, 40))
    )
    assert torch.allclose(navy, wide, atol=1e-4)
    assert float(navy @ red) < 0.2
    assert float(navy.norm()) == pytest.approx(1, abs=1e-3)


def test_a_white_garment_has_no_opinion() -> None:
    """Nothing but white: no bin counts, and nothing is divided by nothing."""
    (nothing,) = _counted(np.full((40, 40, 3), 255, np.uint8))
    assert torch.isfinite(nothing).all()
    assert float(nothing.norm()) < 1e-3


def test_a_little_light_moves_colors_a_little() -> None:
    """Soft bins: a shade brighter is still nearly the same."""
    one, other = _counted(_picture((120, 60, 60)), _picture((126, 63, 63)))
    assert float(one @ other) > 0.8


def test_the_metric_looks_where_products_differ() -> None:
    """Of two equally wide directions, the one that varies within products is pressed, the other kept."""
    rng = np.random.default_rng(0)
    product = np.repeat(rng.normal(0, 3, 200), 2)
    turn = rng.normal(0, 3, 400)
    rows = np.stack([product + rng.normal(0, 0.3, 400), turn, rng.normal(0, 0.3, 400)], 1).astype(np.float32)
    metric = fit_metric(rows, [str(n // 2) for n in range(400)], 2, shrink=0.05, power=1.0)
    moved = metric(rows + np.array([[1, 0, 0]], np.float32)) - metric(rows)
    turned = metric(rows + np.array([[0, 1, 0]], np.float32)) - metric(rows)
    assert np.linalg.norm(moved[0]) > 5 * np.linalg.norm(turned[0])
    assert np.abs(metric(rows).mean(0)).max() < 1e-4


def test_the_metric_as_a_layer_computes_the_metric() -> None:
    """Folded into a linear layer, with zeros where the features have no more directions."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 6)).astype(np.float32)
    metric = fit_metric(rows, [str(n // 3) for n in range(30)], 4)
    with torch.no_grad():
        got = as_linear(metric, 10)(torch.from_numpy(rows)).numpy()
    assert np.abs(got[:, :4] - metric(rows)).max() < 1e-4
    assert not got[:, 4:].any()


def _record(source: str, split: str, identity: str, view: str = "front", cut: str = "") -> CropRecord:
    return CropRecord(source, split, identity, identity, "dress", "dress", view, ("red",), cut=cut)


def test_the_metric_is_never_fitted_on_what_is_measured() -> None:
    """Fitting rows are training rows; crops as served are learned from and not in the card's figures."""
    records = [
        _record("luma", "train", "a"),
        _record("luma", "train", "a", "back", "served"),
        _record("luma", "val", "b"),
        _record("venia", "test", "c"),
        _record("studio", "train", "d"),
        _record("studio", "val", "e"),
        _record("luma", "val", "b", "back", "served"),
    ]
    assert fitting_rows(records).tolist() == [0, 1, 4]
    assert measured_rows(records).tolist() == [0, 2, 3, 5]


def test_batches_show_shops_products_from_two_sides() -> None:
    """Every batch holds its share of products with several views, and mostly two different ones of each."""
    records = [_record("studio", "train", f"s{n}", view) for n in range(60) for view in ("front", "front")]
    records += [_record("luma", "train", f"l{n}", view) for n in range(4) for view in ("front", "front", "back")]
    batches = IdentityBatches(records, range(len(records)), identities=10, shop_share=0.2)
    turned = 0
    for seed in range(50):
        rows, _ = batches.draw(np.random.default_rng(seed))
        shop = [row for row in rows if records[row].source == "luma"]
        assert len(shop) >= 4
        turned += len({records[row].view for row in shop[:2]}) == 2
    assert turned > 35


def test_a_plain_middle_loses_its_print_and_nothing_else() -> None:
    """As on the back: the print in the middle can go, the colour around it and the outline stay."""
    crop = np.zeros((64, 64, 4), np.uint8)
    crop[8:56, 8:56] = (30, 60, 160, 255)
    crop[28:36, 28:36, :3] = (250, 230, 40)
    how = Augmentation(
        bare_share=0, rough_mask_share=0, soft_share=0, noise=0, plain_share=1, light=0, saturation=0, hue_degrees=0
    )
    views = [augmented(crop, 64, np.random.default_rng(seed), how).astype(int) for seed in range(12)]
    yellow = [int(((view[..., 0] > 180) & (view[..., 2] < 120)).sum()) for view in views]
    assert sum(count == 0 for count in yellow) >= 3
    assert all(((view[..., 2] > 120) & (view[..., 0] < 90)).sum() > 800 for view in views)


def test_sparsity_counts_what_is_next_to_nothing() -> None:
    """Beside the row's largest value, not in itself."""
    assert sparsity(np.array([[1.0, 0.0, 0.5, 0.001], [0.002, 0.001, 0.0, 0.002]], np.float32)) == pytest.approx(3 / 8)
