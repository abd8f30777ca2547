"""What a process knows of the collections on a Milvus server, and how they are made, loaded and indexed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pymilvus import MilvusClient
from pymilvus.client.types import LoadState

from engine.domain import CollectionSpec
from engine.errors import ContractBroken, StoreUnavailable
from engine.stores.milvus.connection import MilvusConnection
from engine.stores.milvus.errors import CollectionGone
from engine.stores.milvus.plan import MilvusPlan
from engine.stores.milvus.rows import VECTOR
from engine.stores.milvus.schema import schema_for, spec_from
from engine.stores.milvus.words import STAMP
from engine.stores.rows import is_name

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Known:
    """One collection: what it was made for, its columns, and its index as the server describes it."""

    spec: CollectionSpec
    columns: frozenset[str]
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_stamps(self) -> bool:
        """Whether its rows carry a stamp of their words; those of former versions do not."""
        return STAMP in self.columns


class Collections:
    """The collections of one server, asked for once and then remembered."""

    def __init__(self, server: MilvusConnection, plan: MilvusPlan) -> None:
        self.server, self.plan = server, plan
        self._known: dict[str, Known] = {}

    def get(self, name: str) -> Known | None:
        """A collection, loaded; None where there is none, or another process is only making it."""
        if name not in self._known and (found := self.describe(name)) and found.index:
            self._remember(found)
        return self._known.get(name)

    def ensure(self, spec: CollectionSpec) -> Known:
        """What exists by this name, made now if nothing does; not yet checked, nor loaded."""
        found = self.describe(spec.name)
        if found is None:
            self._create(spec)
            found = self.describe(spec.name) or Known(spec, frozenset())
        if not found.index:  # Just made, or by a process that was ended between the two.
            self._index(found, 0)
            found = self.describe(spec.name) or found
        return found

    def open(self, found: Known) -> None:
        """Have it loaded, and know it from now on."""
        self._remember(found)

    def describe(self, name: str) -> Known | None:
        """A collection as the server has it; None where there is none.

        Raises:
            ContractBroken: it was not made by thatlook.
        """
        if not is_name(name):
            return None  # Milvus answers with an error to a name that it would not take.
        try:
            if not self.server.ask("has_collection", name):
                return None
            told = self.server.ask("describe_collection", name)
            return Known(
                spec_from(name, told["description"]),
                frozenset(each["name"] for each in told["fields"]),
                self.server.ask("describe_index", name, VECTOR) or {},
            )
        except CollectionGone:
            return None

    def is_ours(self, name: str) -> bool:
        """Whether it was made by thatlook."""
        try:
            return self.describe(name) is not None
        except ContractBroken:
            return False

    def forget(self, *names: str) -> None:
        """What is known of some collections, of all where none is named, as they are gone or made anew."""
        for name in names or tuple(self._known):
            self._known.pop(name, None)

    def check_loaded(self) -> None:
        """Ask the server whether it holds every known collection in memory.

        Raises:
            StoreUnavailable: it does not; searches of that collection fail until it does.
        """
        for name in sorted(self._known):
            state = self.server.ask("get_load_state", name)["state"]
            if state != LoadState.Loaded:
                raise StoreUnavailable(
                    f"The Milvus store at {self.server.uri} does not have the collection {name} loaded ({state.name}); "
                    "searches wait for it."
                )

    def or_none(self, ask: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
        """What `ask` says; `otherwise` where the collection was dropped meanwhile by someone else."""
        try:
            return ask()
        except CollectionGone:
            self.forget()
            return otherwise

    def index_anew(self, found: Known, rows: int) -> None:
        """Build its index by the plan for so many rows."""
        name = found.spec.name
        self.server.ask("release_collection", name)
        self.server.ask("drop_index", name, VECTOR)
        self._index(found, rows)
        self.server.load(name)
        self.forget(name)

    def _remember(self, found: Known) -> None:
        self.server.load(found.spec.name)
        self._known[found.spec.name] = found

    def _create(self, spec: CollectionSpec) -> None:
        options = self.server.options
        try:
            self.server.ask(
                "create_collection",
                spec.name,
                schema=schema_for(spec, warm_up=options.warm_up and self.plan.can.warm_up),
                consistency_level=options.consistency,
                num_shards=options.shards,
            )
        except StoreUnavailable:
            if self.describe(spec.name) is None:  # Otherwise another process was quicker.
                raise

    def _index(self, found: Known, rows: int) -> None:
        """Make the planned indexes of the columns that it has; one that is there already is left as it is.

        That of the embeddings comes last: with it the collection can be loaded, and then 2.3 takes no further index.
        """
        params = MilvusClient.prepare_index_params()
        there = {str(name) for name in self.server.ask("list_indexes", found.spec.name)}
        for column, kind in self.plan.can.scalar_indexes().items():
            if column in found.columns and column not in there:
                params.add_index(column, index_type=kind, index_name=column)
        build = self.plan.index_params(found.spec.dim, rows)
        params.add_index(VECTOR, index_type=self.plan.kind, metric_type="IP", params=build)
        self.server.ask("create_index", found.spec.name, params)
