"""Where pymilvus's exceptions end and ours begin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from engine.errors import ContractBroken, DimensionMismatch, StoreUnavailable

_NO_COLLECTION = 100
_INVALID = (1100, 1101, 1102, 1104)
_NO_ANSWER = (1, 2)
"""pymilvus's own codes: a call that was repeated until its time was over, and a connection that could not be made."""


class CollectionGone(Exception):
    """The server does not have this collection; caught inside the store, where it means "no rows"."""


class NoAnswer(StoreUnavailable):
    """The server did not answer, or not in time; what it would have said is not known."""


def quiet() -> None:
    """pymilvus logs every error with its stack before raising it, and the server of Milvus Lite each call that it does
    not know; what is raised is enough.
    """
    for name in ("pymilvus", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def translated_errors(uri: str) -> Iterator[None]:
    """Translate what pymilvus raises.

    Raises:
        StoreUnavailable: the server cannot do it at present; `NoAnswer` where it did not answer, or not in time.
        DimensionMismatch: embeddings of another size.
        ContractBroken: it refuses what it was given (an id too long, say).
        CollectionGone: no such collection.
    """
    try:
        yield
    except (DataNotMatchException, ParamError) as error:
        raise ContractBroken(f"The Milvus store at {uri} cannot take these rows: {_said(error)}.") from error
    except MilvusException as error:
        raise _translated(uri, error) from error
    except (grpc.RpcError, grpc.FutureTimeoutError, OSError) as error:
        raise NoAnswer(f"The Milvus store at {uri} did not answer ({_said(error)}); is it up?") from error


def _translated(uri: str, error: MilvusException) -> Exception:
    said = _said(error)
    if error.code == _NO_COLLECTION or "collection not found" in said or "can't find collection" in said:
        return CollectionGone(said)
    if "dimension mismatch" in said or "the dim (" in said:
        return DimensionMismatch(f"The Milvus store at {uri} holds embeddings of another size: {said}.")
    if error.code in _INVALID:
        return ContractBroken(f"The Milvus store at {uri} cannot take this: {said}.")
    if isinstance(error.code, grpc.StatusCode) or error.code in _NO_ANSWER:
        return NoAnswer(f"The Milvus store at {uri} did not answer ({said}); is it up?")
    return StoreUnavailable(f"The Milvus store at {uri} cannot do this at present: {said}.")


def _said(error: Exception) -> str:
    text = getattr(error, "message", "") or str(error)
    return " ".join(str(text).split())[:300].rstrip(".")
