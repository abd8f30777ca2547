"""A training run that survives a kill: its loop, its clock, its averaged weights, and the checkpoint that holds all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import nn

from models.architectures.torchvision_cpu import prepare

Losses = dict[str, float]
Report = Callable[[int, Losses], None]


class Schedule(Protocol):
    """What the loop needs of a run's configuration, which is a dataclass.

    `minutes` is the run's length where time is short: the schedule follows whichever of steps
    and minutes is further along. None for steps alone.
    """

    @property
    def steps(self) -> int:
        """Of the optimiser."""
        ...

    @property
    def minutes(self) -> float | None:
        """The run's length by the clock."""
        ...

    @property
    def save_every(self) -> int:
        """Steps between checkpoints."""
        ...


@dataclass(slots=True, kw_only=True)
class ResumableRun:
    """Everything that a resumed run needs; a subclass names its modules and optimiser in `PARTS`."""

    PARTS: ClassVar[tuple[str, ...]] = ()

    rng: np.random.Generator
    step: int = 0
    seconds: float = 0.0

    def exports(self) -> Mapping[str, Any]:
        """What else a checkpoint holds, for those who read it."""
        return {}

    def restored(self, state: dict[str, Any]) -> dict[str, Any]:
        """A checkpoint as this version would have written it."""
        return state

    def save(self, path: Path, config: Any) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in self.PARTS}
        state |= {"rng": json.dumps(self.rng.bit_generator.state), "step": self.step, "seconds": self.seconds}
        state |= {"config": json.dumps(asdict(config), default=str), **self.exports()}
        draft = path.with_suffix(".draft")
        torch.save(state, draft)
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Go back to where the checkpoint was written."""
        state = self.restored(torch.load(path, weights_only=True))
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.step, self.seconds = state["step"], state["seconds"]

    def train(
        self, checkpoint: Path, config: Schedule, take_step: Callable[[float], Losses], report: Report | None = None
    ) -> None:
        """Train to the end of the schedule, from the checkpoint where there is one.

        Args:
            take_step: one step of the optimiser at a progress of 0 to 1; gives its losses.
        """
        if checkpoint.exists():
            self.load(checkpoint)
        began = time.monotonic() - self.seconds
        while (progress := _progress(config, self.step, time.monotonic() - began)) < 1:
            losses = take_step(progress)
            self.step += 1
            self.seconds = time.monotonic() - began
            if report:
                report(self.step, losses)
            if self.step % config.save_every == 0:
                self.save(checkpoint, config)
        self.save(checkpoint, config)


def _progress(config: Schedule, step: int, seconds: float) -> float:
    by_time = seconds / (60 * config.minutes) if config.minutes else 0.0
    return max(step / config.steps, by_time)


def running_average(network: nn.Module, keep: float, *, warm: bool = False) -> Any:
    """The network's weights averaged over the steps of its training; `update` it after each.

    Args:
        keep: of the average at each step; what is not kept comes from the network.
        warm: keep less at first: (n + 1) / (n + 10) after n steps, as far as that is below `keep`.
    Returns:
        timm's ModelEmaV3, whose `module` is the average. It counts steps from 1, and its first only copies.
    """
    prepare()
    from timm import utils

    library: Any = utils
    return library.ModelEmaV3(network, decay=keep, use_warmup=warm, warmup_gamma=9.0, warmup_power=1.0)
