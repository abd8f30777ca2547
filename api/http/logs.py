"""Logs as JSON lines, every line with the id of the request that it belongs to."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from engine.system.redaction import redacted

request_id: ContextVar[str] = ContextVar("request_id", default="")
search_facts: ContextVar[dict[str, object] | None] = ContextVar("search_facts", default=None)
"""What the access line says of a search: the request's own dictionary, filled in by whoever searches."""


class JsonFormatter(logging.Formatter):
    """One JSON object per line; a record's `fields` join it."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = redacted(self.formatException(record.exc_info))
        return msgspec.json.encode(line, enc_hook=str).decode()


def log_as_json(level: int = logging.INFO) -> None:
    """Send every log line of this process to stderr as JSON. For programs, not for imports."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True  # Our own access lines say more.
    for noisy in ("faiss", "httpx", "httpcore", "pymilvus", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
