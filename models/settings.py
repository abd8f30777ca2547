"""Settings: everything an operator can set, read from the environment in this one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import QueryRejected
from engine.vision.gate import Policy
from engine.vision.images import ImageLimits


class Settings(BaseSettings):
    """Everything an operator can set, as THATLOOK_NAME in the environment.

    Attributes:
        threads: of each model; where it is not set, as many as the processors that this process is granted.
        streams: calls of one model that compute at once; see `RuntimeOptions`.
        model_cache: keep compiled models in the home, so that the next start is quicker.
        photo_memory_bytes: for photos seen before, which are then not looked at anew; 0 remembers none.
        budget_s: the time of a search, from the photo's arrival to the answer.
        upload_s: how long a request's body may take to arrive.
        drain_s: how long a server that was told to end still answers, while `/readyz` says 503 already.
        upload_memory_bytes: what the bodies of all requests under way may hold together.
        milvus_index: an index type other than the planned one; see docs/adr/0005.
        milvus_shards, milvus_replicas, milvus_resource_groups: of collections made or loaded from now on; groups are
            separated by commas.
        milvus_consistency: of reads; writes wait until every reader can see them.
        milvus_warm_up: have servers from 2.6.4 on load raw embeddings at once and not when they are first asked for.
        milvus_search_timeout_s: of one call of a search, where the request's own time is not over sooner.
        milvus_load_s: how long a start waits until the server has the collections in memory.
        milvus_cache_bytes: for words of rows seen lately.
        max_feed_bytes: of a feed that a running server is sent, or fetches.
        feed_url: a feed that the server fetches by itself, every `feed_every` (`30m`, `6h`, `1d`); `feed_name`,
            `feed_prune`, `feed_shop_url` and `feed_currency` as the options of `thatlook ingest`.
        allowed_hosts: names by which the server may be asked beside the one it listens on, separated by commas.
        cors_origins: sites whose pages may ask from a browser, such as `https://shop.example`, separated by commas.
        require_keys: whether callers need a key; where it is not set, they do if other machines can reach the server.
        events: keep queries and what people did with the answers (`POST /v1/events`), without a photo or a person;
            `events_days` long, and `events_most` of each at most.
        rate_limit: requests that one caller may make, such as `600/minute`; none where it is not set.
        concurrent_requests: requests of one caller that may be under way at once; 0 sets no bound.
        catalogue_port, metrics_port: ports for what changes the catalogue and for /metrics; where they are not set, the
            main one serves these too.
        otel: tell OpenTelemetry of requests, stages and calls of the stores; `OTEL_*` say where to (docs/traces.md).
    """

    model_config = SettingsConfigDict(env_prefix="THATLOOK_", extra="ignore")

    home: Path = Field(default_factory=lambda: Path.home() / ".thatlook")
    profile: str = "starter"
    runtime: Literal["auto", "openvino", "onnxruntime"] = "auto"
    threads: int | None = Field(default=None, ge=1)
    streams: int | None = Field(default=None, ge=1)
    model_cache: bool = True
    photo_memory_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    taxonomy: Path | None = None
    policy: Policy = "prefer"
    milvus_uri: str | None = None
    milvus_token: SecretStr | None = None
    milvus_index: Literal["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ"] | None = None
    milvus_shards: int = Field(default=1, ge=1, le=64)
    milvus_replicas: int = Field(default=1, ge=1, le=64)
    milvus_resource_groups: str = ""
    milvus_consistency: Literal["Strong", "Bounded", "Session", "Eventually"] = "Session"
    milvus_warm_up: bool = True
    milvus_search_timeout_s: float = Field(default=3.0, gt=0)
    milvus_load_s: float = Field(default=1800.0, gt=0)
    milvus_cache_bytes: int = Field(default=128 * 1024 * 1024, ge=0)
    ledger_url: str | None = None
    s3_endpoint: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_bucket: str = "thatlook"
    s3_secure: bool = True
    max_image_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    max_image_pixels: int = Field(default=50_000_000, ge=10_000)
    budget_s: float = Field(default=5.0, gt=0)
    upload_s: float = Field(default=30.0, gt=0)
    drain_s: float = Field(default=0.0, ge=0, le=600)
    upload_memory_bytes: int = Field(default=256 * 1024 * 1024, ge=32 * 1024 * 1024)
    max_feed_bytes: int = Field(default=2 * 1024 * 1024 * 1024, ge=1024)
    feed_url: SecretStr | None = None
    feed_every: str = "1h"
    feed_name: str | None = None
    feed_prune: bool = False
    feed_shop_url: str | None = None
    feed_currency: str | None = None
    allowed_hosts: str = ""
    allow_image_urls: bool = False
    allow_private_hosts: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    cors_origins: str = ""
    require_keys: bool | None = None
    events: bool = False
    events_days: int = Field(default=90, ge=1, le=3_650)
    events_most: int = Field(default=500_000, ge=1_000)
    rate_limit: str | None = Field(default=None, pattern=r"^[1-9]\d{0,8}/(second|minute|hour|day)$")
    concurrent_requests: int = Field(default=0, ge=0)
    catalogue_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    otel: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether all state lies in servers, so that several processes may work on it."""
        return None not in (self.milvus_uri, self.ledger_url, self.s3_endpoint)

    @property
    def keys_required(self) -> bool:
        """Whether callers need a key: if so set, or where the server can be reached from other machines."""
        return not is_loopback(self.host) if self.require_keys is None else self.require_keys

    @property
    def image_limits(self) -> ImageLimits:
        """The caps on pictures."""
        return ImageLimits(self.max_image_bytes, self.max_image_pixels)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach what listens on this host."""
    name = host.strip("[]").casefold()
    return name in ("localhost", "::1") or name.startswith("127.")


def read_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the environment; options of the command line go before it.

    Raises:
        QueryRejected: a setting that cannot be understood, by name.
    """
    try:
        settings = Settings(**(overrides or {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise QueryRejected(f"The setting THATLOOK_{name} cannot be used: {first['msg']}.") from error
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})
