"""The connection to a Milvus server: every call goes through here, with its time-out, its errors and the breaker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pymilvus import MilvusClient
from pymilvus.client.types import LoadState

from engine.domain import Embeddings
from engine.errors import ContractBroken, DeadlineExceeded, StoreUnavailable
from engine.stores.milvus.direct import DirectCalls
from engine.stores.milvus.errors import CollectionGone, NoAnswer, quiet, translated_errors
from engine.stores.milvus.scoring import Found
from engine.system.breaker import Breaker
from engine.system.clock import time_left_s

Consistency = Literal["Strong", "Bounded", "Session", "Eventually"]
CHANNEL = {"grpc.min_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 2_000}
"""After an outage gRPC tries again within two seconds; its own default is two minutes."""
TOLD_S = 10.0
"""How often a wait for loading says how far it is."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MilvusOptions:
    """What an operator may set about a Milvus server.

    Attributes:
        timeout_s: of a call outside searches, writes among them.
        search_timeout_s: of each call of a search, where the request's own deadline does not come first.
        load_s: how long opening a collection waits until the server has it in memory.
        shards, replicas, resource_groups: of collections made or loaded from now on.
        consistency: of reads. Writes wait until every reader can see them, so that nothing stronger is needed.
        warm_up: have the server keep raw embeddings at hand from the start, where it would load them when asked.
        index: an index type other than the one planned for the server's version.
        cache_bytes, vectors_bytes: for words and for embeddings of rows seen lately.
    """

    timeout_s: float = 30.0
    search_timeout_s: float = 3.0
    load_s: float = 1800.0
    shards: int = 1
    replicas: int = 1
    resource_groups: tuple[str, ...] = ()
    consistency: Consistency = "Session"
    warm_up: bool = True
    index: str | None = None
    cache_bytes: int = 128 * 1024 * 1024
    vectors_bytes: int = 256 * 1024 * 1024


class MilvusConnection:
    """One server. Safe to call from several threads."""

    def __init__(self, uri: str, token: str, options: MilvusOptions) -> None:
        """Connect.

        Raises:
            StoreUnavailable: nothing answers there, or not what is expected.
        """
        quiet()
        self.uri, self.options = uri, options
        self._breaker = Breaker()
        try:
            with translated_errors(uri):
                self._client = MilvusClient(
                    uri, token=token, timeout=min(options.timeout_s, 10.0), grpc_options=dict(CHANNEL)
                )
                self.version = str(self._client.get_server_version())
                self._direct = DirectCalls(self._client)
        except (CollectionGone, ContractBroken) as error:
            raise StoreUnavailable(f"The Milvus store at {uri} cannot be used: {error}") from error

    def ask(self, method: str, *given: Any, **options: Any) -> Any:
        """Call a method of `MilvusClient`, within the time that the request has left.

        Throttled calls are repeated by pymilvus, each time after a longer wait, until that time is over.

        Raises:
            StoreUnavailable: no answer, or not in time; at once while the breaker is open.
            DeadlineExceeded: the request has no time left.
            ContractBroken: the server refuses what it was given.
            CollectionGone: no such collection.
        """
        return self._call(getattr(self._client, method), given, options)

    def search(self, name: str, queries: Embeddings, limit: int, **asked: Any) -> list[Found]:
        """The nearest rows of each query, see `DirectCalls.search`; raises what `ask` does."""
        level = self.options.consistency
        asked |= {"queries": queries, "limit": limit, "consistency_level": level}
        found: list[Found] = self._call(self._direct.search, [name], asked)
        return found

    def stamped_rows(self, name: str, where: str, limit: int) -> Found:
        """Rows that match, see `DirectCalls.stamped_rows`; raises what `ask` does."""
        asked = {"where": where, "limit": limit, "consistency_level": self.options.consistency}
        found: Found = self._call(self._direct.stamped_rows, [name], asked)
        return found

    def embedded_rows(
        self, name: str, where: str, limit: int, **more: str
    ) -> tuple[list[str], tuple[str, ...], Embeddings]:
        """Rows that match, see `DirectCalls.embedded_rows`; raises what `ask` does."""
        asked = {"where": where, "limit": limit, "consistency_level": self.options.consistency, **more}
        found: tuple[list[str], tuple[str, ...], Embeddings] = self._call(self._direct.embedded_rows, [name], asked)
        return found

    def _call(self, method: Callable[..., Any], given: Sequence[Any], options: dict[str, Any]) -> Any:
        timeout_s = self._timeout_s(options.pop("timeout", self.options.timeout_s))
        self._breaker.check(f"The Milvus store at {self.uri}")
        try:
            with translated_errors(self.uri):
                answer = method(*given, timeout=timeout_s, **options)
        except NoAnswer:
            self._breaker.failed()
            raise
        except Exception:
            self._breaker.answered()
            raise
        self._breaker.answered()
        return answer

    def load(self, name: str) -> None:
        """Have the server hold a collection in memory, and wait for it; a search does not wait but is refused.

        Raises:
            StoreUnavailable: it is still loading; it goes on.
        """
        wanted: dict[str, Any] = {"replica_number": self.options.replicas} if self.options.replicas > 1 else {}
        if self.options.resource_groups:
            wanted["resource_groups"] = list(self.options.resource_groups)
        self.ask("load_collection", name, _async=True, **wanted)
        begun = told = time.monotonic()
        while (progress := self._progress(name)) is not None:
            now = time.monotonic()
            if time_left_s() is not None or now - begun > self.options.load_s:
                raise StoreUnavailable(
                    f"The Milvus store at {self.uri} is still loading the collection {name!r} ({progress} %); "
                    "it goes on loading, try again later."
                )
            if now - told >= TOLD_S:
                told = now
                _log.warning("The Milvus store at %s is loading the collection %s: %d %%.", self.uri, name, progress)
            time.sleep(min(0.02 + (now - begun) / 4, 1.0))

    def close(self) -> None:
        """Let go of the connection."""
        with translated_errors(self.uri):
            self._client.close()

    def _progress(self, name: str) -> int | None:
        """Per cent of a collection that are loaded; None when it is wholly there."""
        state = self.ask("get_load_state", name)
        return None if state.get("state") == LoadState.Loaded else int(state.get("progress", 0))

    def _timeout_s(self, longest_s: float) -> float:
        left = time_left_s()
        if left is None:
            return longest_s
        if left <= 0:
            raise DeadlineExceeded("The time for this request ran out before the Milvus store was asked.")
        return min(left, longest_s, self.options.search_timeout_s)
