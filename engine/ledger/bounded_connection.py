"""Connections to PostgreSQL that do not wait for ever: a server that hangs is told from one that works long.

A statement may take minutes, so no fixed limit would do. Whoever has waited for a while asks over another connection
whether the server lives; where it does not answer there either, the wait is over. A request's own deadline ends a
wait, too.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from math import ceil
from typing import Any, TypeVar

import psycopg
from psycopg.errors import ConnectionTimeout

from engine.errors import StoreUnavailable
from engine.system.breaker import Breaker
from engine.system.clock import time_left_s

T = TypeVar("T")
QUIET_S = 3.0
"""A statement without an answer for so long makes us ask whether the server lives, and again each time."""
CONNECT_S = 5.0
LEAST_CONNECT_S = 2
"""psycopg takes no shorter time."""


class NoAnswer(psycopg.OperationalError):
    """The server did not answer; its connection is closed, so that SQLAlchemy takes no other of that pool for well."""


class Watch:
    """Opens the connections of one database, and looks after what they wait for. Safe to use from several threads."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take what psycopg's `connect` takes."""
        self._given, self._named = given, named
        self._breaker = Breaker()

    def connect(self) -> BoundedConnection:
        """A connection.

        Raises:
            psycopg.Error: it cannot be had; at once, where the server has not answered lately.
        """
        self.check()
        left = time_left_s()
        patience_s = CONNECT_S if left is None else min(left, CONNECT_S)
        try:
            made = BoundedConnection.connect(
                *self._given, **self._named | {"connect_timeout": max(LEAST_CONNECT_S, ceil(patience_s))}
            )
        except ConnectionTimeout:
            self._breaker.failed()
            raise
        self._breaker.answered()
        made.watch = self
        return made

    def check(self) -> None:
        """Raise `NoAnswer` at once, where the server has not answered lately."""
        try:
            self._breaker.check("PostgreSQL")
        except StoreUnavailable as error:
            raise NoAnswer(error.message) from None

    def lives(self) -> bool:
        """Whether the server answers a new caller, if only to refuse one; asked of one that is quiet."""
        try:
            psycopg.connect(*self._given, **self._named | {"connect_timeout": CONNECT_S}).close()
        except ConnectionTimeout:
            self._breaker.failed()
            return False
        except psycopg.Error:
            pass
        self._breaker.answered()
        return True

    def answered(self) -> None:
        """The server said something."""
        self._breaker.answered()


class BoundedConnection(psycopg.Connection[Any]):
    """A connection of a `Watch`."""

    watch: Watch | None = None

    def wait(self, gen: Generator[Any, Any, T], *given: Any, **options: Any) -> T:
        """Wait for an answer.

        Raises:
            NoAnswer: the server hangs, or the request has no time left.
        """
        if self.watch is None:
            return super().wait(gen, *given, **options)
        try:
            return super().wait(_Watched(gen, self.watch), *given, **options)  # type: ignore[arg-type]
        except NoAnswer:
            self.pgconn.finish()
            raise


class _Watched:
    """What psycopg waits for; each time that nothing has come for a moment it is asked whether to go on."""

    def __init__(self, inner: Generator[Any, Any, Any], watch: Watch) -> None:
        watch.check()
        self._inner, self._watch = inner, watch
        left, now = time_left_s(), time.monotonic()
        self._until = None if left is None else now + left
        self._asked = now

    def __next__(self) -> Any:
        return next(self._inner)

    def send(self, ready: Any) -> Any:
        if ready:
            self._watch.answered()
        else:
            self._go_on()
        return self._inner.send(ready)

    def _go_on(self) -> None:
        now = time.monotonic()
        if self._until is not None and now > self._until:
            raise NoAnswer("PostgreSQL did not answer within the time of this request")
        if now - self._asked < QUIET_S:
            return
        if not self._watch.lives():
            raise NoAnswer(f"PostgreSQL has not answered for {time.monotonic() - self._asked:.0f} s")
        self._asked = time.monotonic()
