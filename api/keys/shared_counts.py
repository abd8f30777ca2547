"""Where all processes count a caller's requests together: Redis or Valkey, and this process alone while it is away."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from litestar.stores.base import Store
from litestar.stores.memory import MemoryStore

from engine.errors import QueryRejected

ANSWER_WITHIN_S = 0.5
LEFT_ALONE_S = 5.0
"""After a failure the server is not asked for so long, so that requests do not wait for it one by one."""
_log = logging.getLogger("thatlook.api")


def shared_counts(url: str) -> Store:
    """The store at this address; nothing is sent yet.

    Raises:
        QueryRejected: the package is not installed, or this is no address of a Redis.
    """
    try:
        from litestar.stores.redis import RedisStore
        from redis.asyncio import Redis
    except ImportError as error:
        raise QueryRejected(
            "THATLOOK_REDIS_URL is set, and redis is not installed: pip install 'thatlook[redis]'."
        ) from error
    try:
        client: Redis = Redis.from_url(url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S)
    except ValueError as error:
        raise QueryRejected("THATLOOK_REDIS_URL is not of the form redis://HOST:6379/0.") from error
    return SharedCounts(RedisStore(client, namespace="thatlook", handle_client_shutdown=True))


class SharedCounts(Store):
    """Counts in the shared store; while that is away, in this process: a limit that fails must not end the service."""

    def __init__(self, shared: Store) -> None:
        self._shared, self._own = shared, MemoryStore()
        self._away_until = 0.0

    async def get(self, key: str, renew_for: int | timedelta | None = None) -> bytes | None:
        """What was counted."""
        found: bytes | None = await self._asked("get", key, renew_for=renew_for)
        return found

    async def set(self, key: str, value: str | bytes, expires_in: int | timedelta | None = None) -> None:
        """Count."""
        await self._asked("set", key, value, expires_in=expires_in)

    async def delete(self, key: str) -> None:
        """Forget a caller."""
        await self._asked("delete", key)

    async def delete_all(self) -> None:
        """Forget all callers."""
        await self._asked("delete_all")

    async def exists(self, key: str) -> bool:
        """Whether anything was counted."""
        return bool(await self._asked("exists", key))

    async def expires_in(self, key: str) -> int | None:
        """Seconds until it is forgotten."""
        seconds: int | None = await self._asked("expires_in", key)
        return seconds

    async def __aexit__(self, *error: Any) -> None:
        await self._shared.__aexit__(*error)

    async def _asked(self, call: str, *given: Any, **more: Any) -> Any:
        from redis.exceptions import RedisError

        if time.monotonic() >= self._away_until:
            try:
                return await getattr(self._shared, call)(*given, **more)
            except (RedisError, OSError, TimeoutError) as error:
                self._away_until = time.monotonic() + LEFT_ALONE_S
                _log.warning("The store of rate limits is away (%s); this process counts alone.", type(error).__name__)
        return await getattr(self._own, call)(*given, **more)
