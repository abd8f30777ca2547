"""What every case of `thatlook bench latency` is made of: photos, requests, and the figures of their answers."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import msgspec

from benchmarks.speed.arithmetic import photo_work
from benchmarks.speed.load import FAILED, Bodies, Client, Sample, closed_loop
from benchmarks.speed.photos import street_photos
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, parameters
from benchmarks.speed.server import HOST, Running
from engine.errors import ContractBroken
from engine.forms.answers import AnswerForm
from engine.system.clock import DEFAULT_BUDGET_S
from models.registry import profile_folder
from models.settings import Settings

PHOTOS = 4
"""Different photos per case; each request's bytes differ all the same."""
_TRIED = 40
_WARM_UP = 6
_STAGE = re.compile(r"(\w+);dur=([0-9.]+)")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server's home, and the photos to ask it with."""

    settings: Settings
    dataset: str

    @property
    def folder(self) -> Path:
        """Of the profile's models."""
        return profile_folder(self.settings.profile, self.settings.home)


def chosen_photos(settings: BenchSettings, case: Case, server: Running) -> list[bytes]:
    """Photos that the server answers for just as many garments as the case wants; the server is warm afterwards.

    Raises:
        ContractBroken: there are none among the first forty.
    """
    wanted, found = int(case.parameters.get("garments", 3)), []
    drawn = islice(street_photos(photo_size(settings, case), settings.work / "cache", seed=settings.seed), _TRIED)
    need = 1 if settings.size == "tiny" else PHOTOS
    for photo in drawn:
        (sample,), _ = closed(server, [photo], clients=1, n=1)
        if sample.status == 200 and len(msgspec.json.decode(sample.body, type=AnswerForm).garments) == wanted:
            found.append(photo)
        if len(found) == need:
            closed(server, found, clients=1, n=_WARM_UP)
            return found
    raise ContractBroken(f"Of {_TRIED} photos only {len(found)} were answered for {wanted} garments; see the models.")


def photo_size(settings: BenchSettings, case: Case) -> str:
    """A name in `bench_photos.SIZES`."""
    return "small" if settings.size == "tiny" else str(case.parameters.get("photo", "1080p"))


def closed(
    server: Running,
    photos: Sequence[bytes],
    *,
    clients: int,
    n: int = 1_000_000,
    seconds: float = 600.0,
    again: bool = False,
) -> tuple[list[Sample], float]:
    """Patient clients; with `again` they send the very same files, which the server may know."""
    bodies = itertools.cycle(photos) if again else Bodies(photos)
    return with_client(server, lambda client: closed_loop(client.post, bodies, clients=clients, seconds=seconds, n=n))


def with_client(server: Running, play: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    """What a player of requests brings, with a client of the server that is closed afterwards."""

    async def played() -> T:
        client = Client(HOST, server.port)
        try:
            return await play(client)
        finally:
            await client.close()

    return asyncio.run(played())


def keywords(milliseconds: Sequence[float]) -> dict[str, Any]:
    """The timings of a result, as its keywords."""
    return {**timings(milliseconds)}


def figures_of(
    case: Case,
    prepared: Prepared,
    samples: Sequence[Sample],
    seconds: float,
    cpu_s: float,
    memory: tuple[int, int],
    figures: dict[str, float] | None = None,
    photo_bytes: Sequence[bytes] = (),
) -> Result:
    """The figures of answered requests; what was shed is counted and timed apart.

    Raises:
        ContractBroken: nothing was answered.
    """
    answered = [s for s in samples if s.status == 200]
    shed = [s for s in samples if s.status == 503 and s.told_when]
    if not answered:
        seen = sorted({s.status or "no answer" for s in samples}, key=str)
        raise ContractBroken(f"{case.name}: none of {len(samples)} requests was answered ({seen}).")
    last = max(s.latency_ms for s in samples if s.status != FAILED)
    more = {
        "cpu_ms_per_answer": 1000 * cpu_s / len(answered),
        "cpu_cores_busy": cpu_s / seconds,
        "anonymous_bytes": float(memory[1]),
        "photo_bytes": sum(map(len, photo_bytes)) / max(1, len(photo_bytes)),
        "slowest_reply_ms": last,
        "within_budget_share": sum(s.latency_ms <= 1000 * DEFAULT_BUDGET_S for s in answered) / len(answered),
        "sent_late_p99_ms": timings([s.late_ms for s in samples])["p99_ms"],
        **({"shed_p99_ms": timings([s.latency_ms for s in shed])["p99_ms"]} if shed else {}),
        **(figures or {}),
    }
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        qps=len(answered) / seconds,
        errors=len(samples) - len(answered) - len(shed),
        shed=len(shed),
        stages_ms=_stages(answered),
        rss_bytes=memory[0],
        cpu_s=cpu_s,
        figures=more,
        work=photo_work(prepared.folder, int(case.parameters.get("garments", 3))),
        dataset=prepared.dataset,
        note="" if more["within_budget_share"] == 1 else "Some answers came after the budget of 5 s.",
        **keywords([s.latency_ms for s in answered]),
    )


def _stages(answered: Sequence[Sample]) -> dict[str, float]:
    """Median milliseconds by stage as the server tells them, and of what lies between it and the client."""
    told: list[dict[str, float]] = []
    for sample in answered:
        timing = {name: float(ms) for name, ms in _STAGE.findall(sample.stages)}
        total = timing.pop("total", 0.0)
        http = sample.latency_ms - timing.get("queue", 0.0) - total - timing.get("serialize", 0.0)
        told.append({**timing, "http": http})
    return {stage: median(one.get(stage, 0.0) for one in told) for stage in dict.fromkeys(chain(*told))}
