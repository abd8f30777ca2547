"""From cosines to one score, and to the sentences that explain it.

Each signal becomes log-odds of a match by its calibration (Platt 1999); the fused score is the sigmoid
of their weighted mean. So one confident signal outweighs an unsure one,
and a score of 0.5 means "as likely as not" whatever signals took part. The weights' defaults are fitted:
docs/adr/0006.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import NAMES_FACET
from engine.domain import Item, Product, Signals
from engine.errors import QueryRejected
from engine.retrieval.facet_votes import CATEGORY, MOST
from engine.seams import Calibration

Signal = Literal["visual", "semantic", "text", "color"]
SIGNALS: tuple[Signal, ...] = ("visual", "semantic", "text", "color")
_LOGIT_CAP = 12.0
_LEAST_CHANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts; only their ratios matter."""

    visual: float = 1.0
    semantic: float = 1.0
    text: float = 2.0
    color: float = 1.5

    def __post_init__(self) -> None:
        values = (self.visual, self.semantic, self.text, self.color)
        if not all(np.isfinite(v) and v >= 0 for v in values) or sum(values[:3]) == 0:
            raise QueryRejected("Weights are numbers of 0 or more, and one of visual, semantic and text is above 0.")

    def of(self, signal: Signal) -> float:
        """The weight of one signal."""
        return float(getattr(self, signal))


QueryKind = Literal["photo", "words", "both", "recolor"]
DEFAULTS: Mapping[QueryKind, Weights] = MappingProxyType(
    {
        "photo": Weights(visual=0.5, semantic=2.5, color=1.0),
        "words": Weights(text=2.0, color=1.0),
        "both": Weights(),
        "recolor": Weights(visual=0.5, semantic=2.5, text=0.25, color=0.6),
    }
)
"""What counts how much where the caller does not say.

Fitted by `python -m benchmarks.quality.retrieval.fit_fusion`, then drawn back from what the embedders know by heart:
they were trained on the products of the fit, the colours were not (docs/adr/0006). A photo has two aims that count the
same: its very variant, and others of its kind.
"""


def log_odds(cosines: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    """Cosines → log-odds of a match, capped so that no signal is ever beyond doubt."""
    scaled = (cosines - calibration.midpoint) / calibration.scale
    return np.asarray(np.clip(scaled, -_LOGIT_CAP, _LOGIT_CAP), np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds → probability."""
    return np.asarray(1.0 / (1.0 + np.exp(-logits)), np.float32)


def logit(chances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability → log-odds, finite for what is certain too."""
    inside = np.clip(chances, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return np.asarray(np.log(inside / (1 - inside)), np.float32)


def fuse(logits: Mapping[Signal, NDArray[np.float32]], weights: Weights) -> NDArray[np.float32]:
    """Weighted mean of the signals' log-odds, as a score of 0 to 1.

    NaN is a signal that an item lacks: even odds among items that have it, and no signal where none has.

    Raises:
        QueryRejected: every signal that took part has weight 0.
    """
    if not any(weights.of(signal) for signal in logits):
        raise QueryRejected(f"The weights leave nothing to rank by; give one of {', '.join(logits)} more than 0.")
    known = {signal: values for signal, values in logits.items() if not np.isnan(values).all()}
    total = sum(weights.of(signal) for signal in known)
    rows = len(next(iter(logits.values())))
    mean = sum((weights.of(signal) / total * np.nan_to_num(v) for signal, v in known.items() if total), np.zeros(rows))
    return sigmoid(np.asarray(mean, np.float32))


_LITTLE = frozenset({"the", "and", "for", "with", "this", "that", "same", "not", "but", "from", "like"})
"""Words that explain nothing though the shop says them too."""
_SENTENCES: dict[Signal, tuple[str, str]] = {
    "visual": ("Alike in cut and texture", "Less alike in cut and texture"),
    "semantic": ("The same kind and style", "Another kind or style"),
    "text": ("Fits the words", "Fits the words less"),
    "color": ("Alike in colour", "Another colour"),
}
"""What a signal says above and below even odds, where it raises or lowers the score."""


def explain(
    product: Product,
    item: Item,
    signals: Signals,
    weights: Weights,
    *,
    words: tuple[str, ...] = (),
    shared: Mapping[str, tuple[str, ...]] | None = None,
    color: str | None = None,
    asked: Sequence[str] = (),
    categories: Collection[str] = (),
    agreed: float = 0.0,
) -> tuple[str, ...]:
    """Why this product: the signals, the one that moved the score most first, then what it shares with the query.

    Args:
        words: the query's positive texts.
        shared: facets of the query (of a product query, say) to compare with the hit's.
        color: the colour measured on the query's garment.
        asked: colours that the words ask for; categories: those that the words mean.
        agreed: the share of what looks most alike that is in the hit's category.
    """
    values: dict[Signal, float | None] = {name: getattr(signals, name) for name in SIGNALS}
    present = {name: value for name, value in values.items() if value is not None and weights.of(name) > 0}
    sentences = _SENTENCES | ({"color": _of_color(asked)} if asked else {})
    lines = [
        f"{sentences[name][value < 0.5]} ({value:.2f})."
        for name, value in sorted(present.items(), key=lambda pair: -weights.of(pair[0]) * abs(pair[1] - 0.5))
    ]
    if color and not asked and color in (*item.facets.get(NAMES_FACET, ()), *item.facets.get("color", ())):
        lines.append(f"The colour of the photo: {color}.")
    for facet, wanted in (shared or {}).items():
        both = sorted(set(wanted) & set(item.facets.get(facet, ())))
        if facet == CATEGORY:
            both = sorted(both, key=len)[-1:]  # Of a path and its steps the path.
        if both:
            lines.append(f"The same {facet.replace('_', ' ')}: {', '.join(both)}.")
    if agreed >= MOST and CATEGORY not in (shared or {}):
        lines.append("Most of what looks alike is in its category.")
    if asked and (seen := item.facets.get(NAMES_FACET)):
        lines.append(f"Its picture shows {' and '.join(seen)}.")
    haystack = f"{product.title} {product.description} {product.color or ''}".casefold().split()
    said = dict.fromkeys(
        w for text in words for w in text.casefold().split() if len(w) > 2 and w in haystack and w not in _LITTLE
    )
    if said:
        lines.append(f"The shop's own words say: {', '.join(said)}.")
    if fitting := [name for name in categories if name in item.facets.get(CATEGORY, ())]:
        lines.append(f"The shop's category: {', '.join(fitting)}.")
    return tuple(lines)


def _of_color(asked: Sequence[str]) -> tuple[str, str]:
    """What the colour signal says where words name the colours."""
    named = " and ".join(asked)
    return f"In {named}", f"Mostly not {named}"
