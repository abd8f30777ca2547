"""How sure a hit is of the kind of thing that was asked with: a small table from scores to shares that were right.

A score ranks; it says how alike two pictures are to these models. Its `confidence` is the share of hits of that score,
among the first ten of labelled products, that were of the same article. The table is fitted for one profile's models by
`thatlook eval calibration --fit`, per supercategory where there were labels enough, and lies in the profile's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

EVERY = "*"
"""The table of supercategories that have none of their own."""


@dataclass(frozen=True, slots=True)
class ConfidenceTable:
    """Points of a rising curve; between them it is straight, beyond them it stays level.

    Attributes:
        scores: rising, 0 to 1; confidence: the share that was right there, rising, 0 to 1.
    """

    scores: tuple[float, ...]
    confidence: tuple[float, ...]

    def of(self, score: float) -> float:
        """The share of hits of this score that are right."""
        return float(np.interp(score, self.scores, self.confidence))


@dataclass(frozen=True, slots=True)
class Confidences:
    """A profile's tables.

    Attributes:
        made_of: names the models, calibrations and weights that the scores were of.
        tables: supercategory → table; `*` for all others.
    """

    made_of: str = ""
    tables: Mapping[str, ConfidenceTable] = field(default_factory=dict)

    def of(self, supercategory: str, score: float) -> float | None:
        """How sure a hit is; None where nothing was fitted."""
        table = self.tables.get(supercategory, self.tables.get(EVERY))
        return None if table is None else table.of(score)


NO_CONFIDENCES = Confidences()
