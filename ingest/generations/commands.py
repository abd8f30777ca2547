"""The commands `index swap` and `index generations`: a change of models, index or schema while the catalogue serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import click
from rich.table import Table

from engine.domain import CollectionSpec
from engine.errors import HomeInUse, ModelMismatch, QueryRejected
from engine.generations.record import Generation
from engine.ledger.generation_notes import Standing
from engine.stores.generations import view_of
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say
from ingest.bootstrap import LiveDependencies
from ingest.generations.runner import status_of
from ingest.generations.swap import Swap, SwapRefused
from ingest.jobs.handover import ServerSaid, talk
from ingest.queue.patient import patiently
from models.bootstrap import Parts, open_parts, open_store
from models.generations.live import LiveParts
from models.holder import Holder, in_use
from models.settings import Settings, read_settings

LOOK_S = 0.5


@click.command("swap")
@click.option("--models", "profile", metavar="PROFILE", help="The profile to change to; by default the present one.")
@click.option("--index", "index", metavar="KIND", help="A Milvus index type other than the planned one.")
@click.option("--rollback", is_flag=True, help="Go back to the former generation, the writes since taken along.")
@click.option("--drop-old", is_flag=True, help="Take former generations away, with their collections.")
@click.option("--cancel", is_flag=True, help="Take away what is being built; the one that serves goes on.")
@JSON
@click.pass_obj
def swap_command(
    options: dict[str, Any], profile: str | None, index: str | None, rollback: bool, drop_old: bool, cancel: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Change to other models, another index or schema, while the catalogue serves.

    A new generation of all collections is built from the stored pictures beside the one that serves; both take writes.
    It is checked, then all change together. The former one is kept for --rollback until --drop-old. A command that was
    cut off goes on when it is run again.
    """
    settings = read_settings(options)
    asked = [name for name, given in (("rollback", rollback), ("drop", drop_old), ("cancel", cancel)) if given]
    if len(asked) > 1 or (asked and (profile or index)):
        raise QueryRejected("Ask for one change at a time: --models, --rollback, --drop-old or --cancel.")
    if index is not None and settings.milvus_uri is None:
        raise QueryRejected("--index names an index of a Milvus server; an embedded home chooses its own.")
    action = asked[0] if asked else "swap"
    status: Mapping[str, Any]
    try:
        with opened_swap(settings) as swap:
            _do(swap, action, profile, index)
            status = status_of(swap)
    except HomeInUse as error:
        status = _by_server(in_use(error, settings.home), action, profile)
    _show(status, as_json)
    _tell_what_next(status, action)


@click.command("generations")
@JSON
@click.pass_obj
def generations_command(options: dict[str, Any], as_json: bool) -> None:
    """Which generations of collections there are, which one serves, and how far a change is."""
    settings = read_settings(options)
    try:
        with opened_swap(settings) as swap:
            status = status_of(swap)
    except HomeInUse as error:
        with talk(in_use(error, settings.home)) as ask:
            status = ask("GET", "/v1/generations")
    _show(status, as_json)


@contextmanager
def opened_swap(settings: Settings) -> Iterator[Swap]:
    """The catalogue, opened for a change of generations; at scale workers do the work, and one command at a time.

    Raises:
        HomeInUse: another process holds the home.
        SwapRefused: another command is at it.
    """
    with _opened_parts(settings) as (parts, lost):
        live = LiveParts(parts, warm=False)
        current = LiveDependencies(live)
        work = None if lost else current().work  # Workers cannot open it either.
        console = plain_console()
        with console.status("…") as line:

            def told(what: str, standing: Standing) -> None:
                line.update(f"{what}: {standing.done:,} of {standing.products:,} products")

            try:
                yield Swap(
                    live,
                    current.of,
                    settings.policy,
                    work=work,
                    ensure=_ensuring(settings),
                    told=told,
                    lost=lost,
                    fit=partial(_fit, settings, live),
                )
            finally:
                live.close()


@contextmanager
def _opened_parts(settings: Settings) -> Iterator[tuple[Parts, bool]]:
    """The parts, and whether the models that made the collections are lost: replaced by others of that name, say."""
    lost = False
    with ExitStack() as stack:
        try:
            parts = stack.enter_context(open_parts(settings))
        except ModelMismatch as error:
            say(f"thatlook: {error.message}")
            parts, lost = stack.enter_context(open_parts(settings, replacing=True)), True
        yield parts, lost


def _do(swap: Swap, action: str, profile: str | None, index: str | None) -> None:
    if swap.lost and action == "swap":
        say("The models that made it are not there: the stored pictures are embedded anew while nobody serves.")
    if swap.work is None:
        _do_alone(swap, action, profile, index)
        return
    with swap.work.alone("generations") as mine:
        if not mine:
            raise SwapRefused("Another command changes the generations; `thatlook index generations` shows how far.")
        _do_alone(swap, action, profile, index)


def _do_alone(swap: Swap, action: str, profile: str | None, index: str | None) -> None:
    swap.finish_drops()
    if action == "swap":
        _run(swap, swap.begin(profile, index))
    elif action == "rollback":
        _run(swap, swap.back())
    elif action == "drop":
        swap.drop_former()
    else:
        swap.cancel()


def _run(swap: Swap, generation: Generation) -> None:
    """Run it; where servers do the work, an outage pauses it."""
    if swap.work is None:
        swap.run(generation)
    else:
        patiently(lambda: swap.run(generation), lambda why: say(f"thatlook: {why} Waiting …") if why else None)


def _ensuring(settings: Settings) -> Callable[[Generation, Sequence[CollectionSpec]], None]:
    """Makes a generation's collections with the index that was asked for."""

    def ensure(generation: Generation, specs: Sequence[CollectionSpec]) -> None:
        if generation.index is None:
            return
        store = open_store(settings.model_copy(update={"milvus_index": generation.index}))
        try:
            for spec in specs:
                view_of(store, generation.number).ensure(spec)
        finally:
            store.close()

    return ensure


def _fit(settings: Settings, live: LiveParts, generation: Generation) -> None:
    """Have a Milvus server's indexes fit the rows that were written since they were made."""
    if settings.milvus_uri is None:
        return
    from engine.stores.milvus.store import MilvusStore

    store, there = (
        open_store(settings.model_copy(update={"milvus_index": generation.index or settings.milvus_index})),
        live.current.store,
    )
    try:
        view = view_of(store, generation.number)
        for name in map(view.stored, view.collections()):
            if isinstance(store, MilvusStore):
                store.fit(name)
            if isinstance(asked := view_of(there, generation.number).store, MilvusStore):
                asked.forget(name)
    finally:
        store.close()


def _by_server(holder: Holder, action: str, profile: str | None) -> Mapping[str, Any]:
    """Let the server that holds the home do it, and wait for that."""
    with talk(holder) as ask, plain_console().status("…") as line:
        status = ask("POST", "/v1/generations", json={"action": action, "profile": profile})
        while status["under_way"]:
            coming = [each for each in status["generations"] if each["state"] in ("building", "checked")]
            for each in coming:
                line.update(f"{each['state']}: {each['done']:,} of {each['products']:,} products")
            time.sleep(LOOK_S)
            status = ask("GET", "/v1/generations")
    if status["error"]:
        raise ServerSaid(status["error"], "swap-refused")
    return status


def _tell_what_next(status: Mapping[str, Any], action: str) -> None:
    """After a change: which way leads back, and how the room of the former generation is freed."""
    kept = [each for each in status["generations"] if each["state"] == "kept"]
    if action not in ("swap", "rollback") or not kept:
        return
    newest = max(kept, key=lambda each: int(each["number"]))
    back = f"`thatlook index swap --rollback` goes back to generation {newest['number']}"
    lost = f"The models of generation {newest['number']} are not there any more, so that nothing leads back"
    say(
        f"Generation {status['serving']} serves now. {back if newest['usable'] else lost}; "
        "`thatlook index swap --drop-old` takes it away, and frees its room."
    )


def _show(status: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    table = Table("generation", "models", "state", "products", "", box=None)
    for each in status["generations"]:
        done = f"{each['done']:,} of {each['products']:,}"
        table.add_row(str(each["number"]), each["profile"] or "-", each["state"], done, "; ".join(each["notes"]))
    plain_console().print(table)
    for each in status["processes"]:
        say(f"{each['name']} answers with generation {each['serving']}, has loaded {each['loaded']}")
