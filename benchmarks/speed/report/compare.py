"""The judge: is this build slower than that one?

Two runs never had the same machine, so no absolute times are held against each other. Every result carries the time
of a fixed reference workload taken around it; what is compared is *figure ÷ reference*, and a ratio of these beyond
the noise that was allowed for is a regression. Speed is judged only at equal recall and on the same dataset: an index
that answers faster because it finds less has not become faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec

from benchmarks.speed.results import Line, Result, read_lines
from engine.errors import QueryRejected

SAME_RECALL = 0.005
"""Recalls nearer than this are equal: half a row in a hundred."""
NOISE = 0.25
"""Of medians, rates and durations: on a shared 2-core machine equal builds differ by up to a fifth."""
TAIL_NOISE = 0.6
"""Of p95, which a handful of samples makes."""
SIZE_NOISE = 0.1
"""Of memory and disk, which are counted rather than timed."""
FEWEST = 20
"""Samples below which p95 is not judged."""

Kind = Literal["time", "rate", "size", "ratio"]
Outcome = Literal["same", "faster", "slower", "less exact", "failing", "not comparable", "missing"]
BAD: frozenset[Outcome] = frozenset({"slower", "less exact", "failing"})
UNJUDGED: frozenset[Outcome] = frozenset({"not comparable", "missing"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """One figure of one case, here and there.

    Attributes:
        base, head: the figure itself, in its own unit.
        ratio: of head to base, both over the reference where they are times or rates; above 1 is worse.
        allowed: the ratio up to which it is noise.
    """

    case: str
    figure: str
    base: float | None
    head: float | None
    ratio: float | None
    allowed: float
    outcome: Outcome
    reason: str = ""


def chosen_lines(name: str, histories: Sequence[Path]) -> list[Line]:
    """What BASE or HEAD means: a history file, else a run id, else a commit (both may be shortened) of the histories.

    Raises:
        QueryRejected: it is none of these, or the file holds nothing.
    """
    if Path(name).is_file():
        lines = read_lines(Path(name))
        if not lines:
            raise QueryRejected(f"The history {name} holds no result.")
        return lines
    known = [line for path in histories if path.is_file() for line in read_lines(path)]
    for found in ([line for line in known if line.run.id.startswith(name)], _of_commit(known, name)):
        if found:
            return found
    where = " or ".join(str(path) for path in histories)
    raise QueryRejected(f"{name!r} is no history file, and no run or commit that starts so is in {where}.")


def latest_run(histories: Sequence[Path]) -> list[Line]:
    """The lines of the newest run.

    Raises:
        QueryRejected: no run was recorded yet.
    """
    known = [line for path in histories if path.is_file() for line in read_lines(path)]
    if not known:
        raise QueryRejected("Nothing was measured yet; run `thatlook bench latency`, or name a history with --head.")
    newest = max(line.run.id for line in known)
    return [line for line in known if line.run.id == newest]


def compare(base: Iterable[Line], head: Iterable[Line], noise: float = NOISE) -> list[Judgement]:
    """Every figure of the cases that base has, judged.

    Raises:
        QueryRejected: base and head have nothing in common that could be judged: silence is no "no regression".
    """
    before, after = _by_key(base), _by_key(head)
    if not before.keys() & after.keys():
        raise QueryRejected("Base and head have no case with equal parameters in common; measure the same cases.")
    found = [one for key, lines in before.items() for one in _judge_case(lines, after.get(key, []), noise)]
    if all(one.outcome in UNJUDGED for one in found):
        raise QueryRejected(
            f"Nothing could be judged: {found[0].case}: {found[0].reason}. Measure both on equal terms."
        )
    return found


def regressed(judgements: Iterable[Judgement]) -> bool:
    """Whether any of them is a regression."""
    return any(one.outcome in BAD for one in judgements)


def figure_kind(name: str) -> Kind | None:
    """What a figure is by its name's unit; None for one that is only told, never judged."""
    endings: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("rate", ("qps", "_per_s")),
        ("ratio", ("times_faster",)),
        ("time", ("p50_ms", "p95_ms", "ready_s", "build_s", "load_s", "first_answer_s")),
        ("size", ("bytes_per_row", "rss_bytes", "disk_bytes")),
    )
    return next((kind for kind, ends in endings if name.endswith(ends)), None)


def _of_commit(lines: list[Line], name: str) -> list[Line]:
    return [line for line in lines if len(name) >= 4 and (line.run.commit or "").startswith(name)]


def _by_key(lines: Iterable[Line]) -> dict[tuple[str, str, str], list[Line]]:
    """Lines by what was measured: suite, case and parameters, but for how often it was repeated."""
    found: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        result = line.result
        chosen = {name: value for name, value in sorted(result.parameters.items()) if name != "n"}
        found.setdefault((result.suite, result.case, msgspec.json.encode(chosen).decode()), []).append(line)
    return found


def _judge_case(base: list[Line], head: list[Line], noise: float) -> Iterator[Judgement]:
    name = f"{base[-1].result.suite} {base[-1].result.case}"
    before, after = [line.result for line in base], [line.result for line in head]
    if not after:
        yield Judgement(name, "", None, None, None, 1, "missing", "measured in base alone")
        return
    if before[-1].dataset != after[-1].dataset:
        yield Judgement(name, "", None, None, None, 1, "not comparable", "another dataset was searched")
        return
    if after[-1].errors > before[-1].errors:
        errors = (float(before[-1].errors), float(after[-1].errors))
        yield Judgement(name, "errors", *errors, None, 1, "failing", "operations failed that did not before")
        return
    found, finds = _typical(before, "ann_recall", False), _typical(after, "ann_recall", False)
    if found is not None and finds is not None and abs(finds - found) > SAME_RECALL:
        outcome: Outcome = "less exact" if finds < found else "not comparable"
        yield Judgement(name, "ann_recall", found, finds, None, 1, outcome, "speed counts only at equal recall")
        return
    yield from _judge_figures(name, before, after, noise)


def _judge_figures(name: str, before: list[Result], after: list[Result], noise: float) -> Iterator[Judgement]:
    for figure in dict.fromkeys(("p50_ms", "p95_ms", "qps", "rss_bytes", *before[-1].figures)):
        kind = figure_kind(figure)
        few = figure == "p95_ms" and min(before[-1].n, after[-1].n) < FEWEST
        base, head = _typical(before, figure, False), _typical(after, figure, False)
        if kind is None or few or not base or not head:
            continue
        worse = (_typical(after, figure, True) or head) / (_typical(before, figure, True) or base)
        if kind in {"rate", "ratio"}:
            worse = 1 / worse
        allowed = 1 + (SIZE_NOISE if kind == "size" else max(noise, TAIL_NOISE) if figure == "p95_ms" else noise)
        outcome: Outcome = "slower" if worse > allowed else "faster" if worse < 1 / allowed else "same"
        yield Judgement(name, figure, base, head, worse, allowed, outcome)


def _typical(results: list[Result], figure: str, over_reference: bool) -> float | None:
    """The median of a figure over a case's runs; if asked, times in units of the reference's, rates per reference."""
    kind, found = figure_kind(figure), []
    for result in results:
        value, reference = result.value(figure), result.reference_ms if over_reference else None
        if value is None:
            continue
        if reference and kind == "time":
            value /= reference
        if reference and kind == "rate":
            value *= reference
        found.append(value)
    return median(found) if found else None
