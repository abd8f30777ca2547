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


class CollectionGone(Exception):
    """The server does not have this collection; caught inside the store, where it means "no rows"."""


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
        StoreUnavailable: the server did not answer, or not in time.
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
        raise _unavailable(uri, error) from error


def _translated(uri: str, error: MilvusException) -> Exception:
    said = _said(error)
    if error.code == _NO_COLLECTION or "collection not found" in said or "can't find collection" in said:
        return CollectionGone(said)
    if "dimension mismatch" in said or "the dim (" in said:
        return DimensionMismatch(f"The Milvus store at {uri} holds embeddings of another size: {said}.")
    if error.code in _INVALID:
        return ContractBroken(f"The Milvus store at {uri} cannot take this: {said}.")
    return _unavailable(uri, error)


def _unavailable(uri: str, error: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"The Milvus store at {uri} did not answer ({_said(error)}); is it up?")


def _said(error: Exception) -> str:
    text = getattr(error, "message", "") or str(error)
    return " ".join(str(text).split())[:300].rstrip(".")
