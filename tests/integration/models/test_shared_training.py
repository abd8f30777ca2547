"""What every training shares, held against timm: its schedule, and the average of its weights."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the group `train`")

from models.architectures.torchvision_cpu import prepare  # noqa: E402
from models.train.resumable import running_average  # noqa: E402
from models.train.schedule import learning_rate_share  # noqa: E402


def test_it_is_the_field_s_own_schedule() -> None:
    """timm's scheduler, one cycle of a thousand steps, gives the same rates."""
    prepare()
    from timm.scheduler.cosine_lr import CosineLRScheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = CosineLRScheduler(optimizer, t_initial=1000, lr_min=0.01, t_in_epochs=False)
    for step in (0, 1, 250, 500, 999, 1000, 1200):
        theirs.step_update(step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(learning_rate_share(step / 1000, 0.01)), step


def weights(network: Any) -> float:
    return float(next(network.parameters()).detach())


def stepped(keep: float, *, warm: bool, first: int, values: list[float]) -> list[float]:
    """The average after each of the values that a network of one weight takes."""
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(network.weight, 0.0)
    ema, seen = running_average(network, keep, warm=warm), []
    for number, value in enumerate(values):
        torch.nn.init.constant_(network.weight, value)
        ema.update(network, number + first)
        seen.append(weights(ema.module))
    return seen


def test_the_first_step_is_copied_and_the_others_kept() -> None:
    """Nothing of the random weights stays: 8, then 0.75 * 8 + 0.25 * 4."""
    assert stepped(0.75, warm=False, first=1, values=[8.0, 4.0]) == pytest.approx([8.0, 7.0])


def test_a_warm_average_keeps_little_at_first() -> None:
    """(n + 1) / (n + 10) is kept: a tenth of 0, then two elevenths of 9; in the end no more than asked."""
    assert stepped(0.5, warm=True, first=2, values=[10.0, 10.0]) == pytest.approx([9.0, 9.0 * 2 / 11 + 10 * 9 / 11])
    assert stepped(0.5, warm=True, first=102, values=[10.0]) == pytest.approx([5.0])
