"""Where an S3 is, apart from the client, whose import takes an eighth of a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where an S3 is. `endpoint` is host:port, or a URL whose scheme then says `secure`."""

    endpoint: str
    access_key: str | None = None
    secret_key: str | None = None
    region: str | None = None
    secure: bool = True
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    retries: int = 3

    def __repr__(self) -> str:
        """Without the secret, so that no log ever holds it."""
        return f"S3Settings(endpoint={self.endpoint!r}, access_key={self.access_key!r})"
