"""A training run that survives a kill: its loop, its clock, and the checkpoint that holds everything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

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

    def save(self, path: Path, config: Any) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {name: getattr(self, name).state_dict() for name in self.PARTS}
        state |= {"rng": json.dumps(self.rng.bit_generator.state), "step": self.step, "seconds": self.seconds}
        state["config"] = json.dumps(asdict(config), default=str)
        draft = path.with_suffix(".draft")
        torch.save(state, draft)
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Go back to where the checkpoint was written."""
        state = torch.load(path, weights_only=True)
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
