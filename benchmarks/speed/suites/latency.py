"""`thatlook bench latency`: photos over HTTP against `thatlook serve`, alone and under load, and how it starts.

Each case says what it does by its parameters: `clients` (one after another, closed; with `again` the same photos, as
of somebody who refines; with `where`, on a Milvus server beside the embedded store), `of_capacity` (open loop at a
share of what the server can do, measured just before), or neither (cold starts).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.speed.load import Bodies, arrivals, open_loop
from benchmarks.speed.milvus_process import ServerMissing
from benchmarks.speed.photos import street_photos
from benchmarks.speed.results import Result
from benchmarks.speed.run import BenchSettings, Case, dataset_hash, parameters
from benchmarks.speed.server import Running, serving
from benchmarks.speed.suites.latency_requests import (
    Prepared,
    chosen_photos,
    closed,
    figures_of,
    keywords,
    photo_size,
    with_client,
)
from benchmarks.speed.suites.standard import INT8, STANDARD, TrainingMissing, link_standard
from engine.errors import ThatLookError
from models.bootstrap import build_pipeline
from models.settings import read_settings

_CAPACITY_CLIENTS = 4


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
        samples = with_client(server, lambda client: open_loop(client.post, Bodies(photos), times))
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
        **keywords([1000 * s for s in ready[1:]]),
    )
