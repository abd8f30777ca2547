"""What every `eval` command says: one JSON document, or a table on stderr with the targets below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from engine.system.console import wide_console
from engine.system.printing import print_json, printable

WIDE = 130
"""Columns of the tables where no terminal is attached."""


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is aimed at. `value` is None where it could not be measured."""

    name: str
    target: float
    value: float | None

    @property
    def met(self) -> bool:
        """Whether the value is at least the target."""
        return self.value is not None and self.value >= self.target


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one `eval` command."""

    task: str
    profile: Path
    figures: Mapping[str, Any]
    targets: Sequence[Target] = ()

    def document(self) -> dict[str, Any]:
        """As one JSON document."""
        targets = [{**asdict(target), "met": target.met} for target in self.targets]
        return {"task": self.task, "profile": str(self.profile), "figures": self.figures, "targets": targets}


def say(report: Report, rows: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the document on stdout, or a table on stderr.

    Args:
        rows: what is measured → figure → value, for people; rows of the same figures stand in one table.
    """
    if as_json:
        print_json(report.document())
        return
    console = wide_console(WIDE)
    for columns, group in groupby(rows.items(), key=lambda entry: tuple(entry[1])):
        table = Table(report.task, *(column.replace("_", " ") for column in columns), box=None)
        for name, row in group:
            table.add_row(name, *(_shown(row[column]) for column in columns))
        console.print(table, "")
    for target in report.targets:
        color, word = ("green", "met") if target.met else ("red", "missed")
        told = f" {target.name}: {_shown(target.value)}, aimed at {target.target:.2f}"
        console.print(Text.assemble((word, color), printable(told)))


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) and not value.is_integer() else f"{value:g}"
