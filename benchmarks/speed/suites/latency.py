"""`thatlook bench latency`: photos over HTTP against `thatlook serve`, alone and under load, and how it starts.

Each case says what it does by its parameters: `clients` (one after another, closed; with `again` the same photos, as
of somebody who refines; with `where`, on a Milvus server beside the embedded store), `of_capacity` (open loop at a
share of what the server can do, measured just before), or neither (cold starts).
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import msgspec

from benchmarks.speed.arithmetic import photo_work
from benchmarks.speed.load import FAILED, Bodies, Client, Sample, arrivals, closed_loop, open_loop
from benchmarks.speed.milvus_process import ServerMissing
from benchmarks.speed.photos import street_photos
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, dataset_hash, parameters
from benchmarks.speed.server import HOST, Running, serving
from benchmarks.speed.suites.standard import INT8, STANDARD, TrainingMissing, link_standard
from engine.errors import ContractBroken, ThatLookError
from engine.forms.answers import AnswerForm
from engine.system.clock import DEFAULT_BUDGET_S
from models.bootstrap import build_pipeline
from models.registry import profile_folder
from models.settings import Settings, read_settings

PHOTOS = 4
"""Different photos per case; each request's bytes differ all the same."""
_TRIED = 40
_WARM_UP = 6
_CAPACITY_CLIENTS = 4
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


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every case in turn, a result as soon as it is there.

    Raises:
        ThatLookError: the first case's that failed, when all others were measured.
    """
    capacities: dict[tuple[str, int, str], float] = {}
    failures: list[ThatLookError] = []
    for case in settings.cases:
        try:
            prepared = prepare(settings, case)
            yield _measured(settings, case, prepared, capacities)
        except (TrainingMissing, ServerMissing) as error:
            settings.say(f"{case.name} left out: {error.message}")
        except ThatLookError as error:
            settings.say(f"{case.name} failed: {error.message}")
            failures.append(error)
    if failures:
        raise failures[0]


def _measured(
    settings: BenchSettings, case: Case, prepared: Prepared, capacities: dict[tuple[str, int, str], float]
) -> Result:
    if case.parameters.get("where") == "server":
        from benchmarks.speed.suites.latency_server import on_server

        return on_server(settings, case, prepared)
    if "clients" in case.parameters:
        return _patient(settings, case, prepared)
    if "of_capacity" in case.parameters:
        return _under_load(settings, case, prepared, capacities)
    return _cold_start(settings, case, prepared)


def prepare(settings: BenchSettings, case: Case) -> Prepared:
    """The home of a case, built unless it is there.

    Raises:
        TrainingMissing: the profile is made of random weights, which takes torch.
    """
    from benchmarks.speed.home import build_home
    from benchmarks.speed.sample import load_sample

    profile, rows = _profile(settings, case), int(case.parameters["rows"])
    home = settings.work / "homes" / f"{profile}-{rows}"
    if profile in (STANDARD, INT8):
        profile = link_standard(home, profile, settings.say)
    made = read_settings({"home": home, "profile": profile})
    pipeline, _ = build_pipeline(made)
    sample = load_sample(pipeline, settings.work / "cache", products=sample_size(settings, case), seed=settings.seed)
    build_home(made, pipeline, sample, rows, seed=settings.seed, say=settings.say)
    return Prepared(made, dataset_hash(sample.digest, str(rows)))


def sample_size(settings: BenchSettings, case: Case) -> int:
    """Products in the sample of a case's models: random ones give no likeness worth many pictures, and the starter's
    sample serves other suites too.
    """
    if settings.size == "tiny":
        return 40
    return 100 if _profile(settings, case) in (STANDARD, INT8) else 1200


def _profile(settings: BenchSettings, case: Case) -> str:
    return str(case.parameters.get("profile", settings.profile))


@contextmanager
def _server(settings: BenchSettings, case: Case, prepared: Prepared) -> Iterator[Running]:
    log = settings.work / f"serve-{case.name}.log"
    with serving(prepared.settings.home, log, profile=prepared.settings.profile) as server:
        yield server


def _patient(settings: BenchSettings, case: Case, prepared: Prepared) -> Result:
    """One client (or a few) that waits for each answer before it asks again."""
    given = case.parameters
    with _server(settings, case, prepared) as server:
        photos, again = chosen_photos(settings, case, server), bool(given.get("again"))
        if again:
            closed(server, photos, clients=1, n=len(photos), again=True)
        before = server.cpu_s()
        samples, took = closed(server, photos, clients=int(given["clients"]), n=int(given["n"]), again=again)
        cpu_s = server.cpu_s() - before
        memory = server.memory_bytes()
    return figures_of(case, prepared, samples, took, cpu_s, memory, photo_bytes=photos)


def _under_load(
    settings: BenchSettings, case: Case, prepared: Prepared, capacities: dict[tuple[str, int, str], float]
) -> Result:
    """Open loop at a share of capacity; capacity itself is what a few patient clients get at most."""
    given = case.parameters
    key = prepared.settings.profile, int(given["rows"]), str(given.get("photo", "1080p"))
    with _server(settings, case, prepared) as server:
        photos = chosen_photos(settings, case, server)
        if key not in capacities:
            settings.say(f"{case.name}: measuring capacity")
            answered, took = closed(server, photos, clients=_CAPACITY_CLIENTS, seconds=float(given["seconds"]) / 2)
            capacities[key] = len([s for s in answered if s.status == 200]) / took
        rate = float(given["of_capacity"]) * capacities[key]
        times = arrivals(str(given["arrivals"]), rate, float(given["seconds"]), settings.seed)
        before = server.cpu_s()
        samples = _with_client(server, lambda client: open_loop(client.post, Bodies(photos), times))
        cpu_s, memory = server.cpu_s() - before, server.memory_bytes()
    figures = {"capacity_per_s": capacities[key], "offered_per_s": len(times) / float(given["seconds"])}
    return figures_of(case, prepared, samples, float(given["seconds"]), cpu_s, memory, figures, photos)


def _cold_start(settings: BenchSettings, case: Case, prepared: Prepared) -> Result:
    """From nothing to ready and to the first answer, several times; the first may fill caches and is told apart."""
    ready: list[float] = []
    first: list[float] = []
    cpu: list[float] = []
    for _ in range(int(case.parameters["n"]) + 1):
        with _server(settings, case, prepared) as server:
            cpu.append(server.cpu_s())
            photo = next(street_photos(photo_size(settings, case), settings.work / "cache", seed=settings.seed))
            (sample,), _ = closed(server, [photo], clients=1, n=1)
            memory = server.memory_bytes()
            ready.append(server.ready_s)
            first.append(server.ready_s + sample.latency_ms / 1000)
    figures = {
        "ready_s": median(ready[1:]),
        "first_ready_s": ready[0],
        "first_answer_s": median(first[1:]),
        "slowest_ready_s": max(ready[1:]),
        "ready_cpu_s": median(cpu[1:]),
    }
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        figures=figures,
        rss_bytes=memory[0],
        dataset=prepared.dataset,
        **_keywords([1000 * s for s in ready[1:]]),
    )


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
    return _with_client(server, lambda client: closed_loop(client.post, bodies, clients=clients, seconds=seconds, n=n))


def _with_client(server: Running, play: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    async def played() -> T:
        client = Client(HOST, server.port)
        try:
            return await play(client)
        finally:
            await client.close()

    return asyncio.run(played())


def _keywords(milliseconds: Sequence[float]) -> dict[str, Any]:
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
        **_keywords([s.latency_ms for s in answered]),
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
