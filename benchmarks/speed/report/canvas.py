"""The paper that plots are drawn on: colours, axes without ornaments, ticks as people write numbers, one legend.

The colours stay apart for colour-blind eyes and in print, and every series has a marker of its own besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

INK, MUTED, GRID, PAPER = "#1c2230", "#667085", "#e4e7ec", "#ffffff"
GOOD, BAD = "#16866a", "#c8394f"
SERIES = (
    "#2f6fed", "#e07b39", "#16866a", "#8b5cc2", "#c8394f", "#0e8fa8", "#a3791f", "#d25fa0", "#5b6b86", "#7aa325",
    "#8fb0f5", "#94a3b8", "#e3c16f", "#c3a6e6",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def canvas(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, three to a row; sizes in inches."""
    columns = 2 if panels == 4 else min(3, panels)
    figure = Figure(figsize=(width, height), dpi=150, facecolor=PAPER, layout="constrained")
    grid = [figure.add_subplot(-(-panels // columns), columns, n + 1) for n in range(panels)]
    for axes in grid:
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=GRID, linewidth=0.8)
        axes.tick_params(colors=MUTED, labelsize=9, length=0, which="both")
        axes.xaxis.label.set_color(MUTED)
        axes.yaxis.label.set_color(MUTED)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(GRID)
    return figure, grid


def titled(figure: Figure, title: str) -> Figure:
    """The figure with its title above, on the left."""
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK)
    return figure


def legend(figure: Figure, grid: Iterable[Axes]) -> None:
    """One legend for all panels, below them; none for a single series."""
    handles: dict[str, Any] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if len(handles) > 1:
        columns = min(len(handles), max(2, int(figure.get_figwidth() // 2.5)))
        figure.legend(list(handles.values()), list(handles), loc="outside lower left", frameon=False, ncols=columns,
                      fontsize=9, labelcolor=INK)  # fmt: skip


def ticks(axes: Axes, which: str, told: Callable[[float], str]) -> None:
    """Numbers people write, instead of powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    steps = (1.0, 2.0, 5.0) if high / max(low, 1e-12) < 200 else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: told(value)))
    axis.set_minor_formatter(NullFormatter())


def color_of(number: int) -> str:
    """The colour of the series with this number."""
    return SERIES[number % len(SERIES)]


def mark_of(number: int) -> str:
    """The marker of the series with this number."""
    return MARKERS[number % len(MARKERS)]


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most this many characters."""
    return fill(text, width)
