"""Settings: everything an operator can set, read from the environment in this one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import QueryRejected
from engine.vision.gate import Policy
from engine.vision.images import ImageLimits

PREFIX = "THATLOOK_"


class Settings(BaseSettings):
    """Everything an operator can set, as THATLOOK_NAME in the environment; docs/settings.md is made of this."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", use_attribute_docstrings=True, allow_inf_nan=False
    )

    home: Path = Path("~/.thatlook")
    """The folder of an embedded catalogue, and of models and keys; held by one process at a time."""
    profile: str = "starter"
    """The models: a folder below `<home>/models`, or a profile that comes with thatlook."""
    runtime: Literal["auto", "openvino", "onnxruntime"] = "auto"
    """What the models run in: OpenVINO (bf16 where the CPU computes in it) or ONNX Runtime; `auto` takes the first
    there is.
    """
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Of each model; where it is not set, as many as the processors that this process is granted."""
    streams: int | None = Field(default=None, ge=1, le=1024)
    """Calls of one model that compute at once, sharing its threads; where it is not set, one."""
    model_cache: bool = True
    """Keep compiled models in the home, so that the next start is quicker."""
    photo_memory_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    """For photos seen before, which are then not looked at anew: embeddings by the photo's hash, never photos; 0
    remembers none.
    """
    taxonomy: Path | None = None
    """A file of garment classes of your own instead of the one that comes with thatlook."""
    policy: Policy = "prefer"
    """Which pictures of a product are indexed: `strict`, only full and from the front; `prefer`, the best there is."""
    views: int = Field(default=1, ge=1, le=8)
    """Pictures of a product that are indexed at most: the best one, then others that show it from other sides."""
    milvus_uri: str | None = None
    """A Milvus server, 2.3 or later; where it is not set, the catalogue is embedded."""
    milvus_token: SecretStr | None = None
    """`user:password` or an API key of that server."""
    milvus_index: Literal["FLAT", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ"] | None = None
    """An index type other than the planned one (docs/adr/0005)."""
    milvus_shards: int = Field(default=1, ge=1, le=64)
    """Of collections made from now on; one for every ten million rows or so."""
    milvus_replicas: int = Field(default=1, ge=1, le=64)
    """Of collections loaded from now on; more give more answers a second."""
    milvus_resource_groups: str = ""
    """Where replicas are loaded; names separated by commas."""
    milvus_consistency: Literal["Strong", "Bounded", "Session", "Eventually"] = "Session"
    """Of reads; writes wait until every reader can see them."""
    milvus_warm_up: bool = True
    """Have servers from 2.6.4 on load raw embeddings at once and not when they are first asked for."""
    milvus_search_timeout_s: float = Field(default=3.0, gt=0, le=3600)
    """Of one call of a search, where the request's own time is not over sooner."""
    milvus_load_s: float = Field(default=1800.0, gt=0, le=604_800)
    """How long a start waits until the server has the collections in memory."""
    milvus_cache_bytes: int = Field(default=128 * 1024 * 1024, ge=0)
    """For words of rows seen lately."""
    milvus_vectors_bytes: int = Field(default=256 * 1024 * 1024, ge=0)
    """For embeddings of rows seen lately, two bytes a number: what is at hand here the server is not asked for."""
    ledger_url: str | None = None
    """`postgresql://USER@HOST/DATABASE`; where it is not set, the ledger is SQLite in the home."""
    s3_endpoint: str | None = None
    """Host:port or URL of an S3 for stored pictures; where it is not set, they lie in the home."""
    s3_access_key: SecretStr | None = None
    """Of that S3."""
    s3_secret_key: SecretStr | None = None
    """Of that S3."""
    s3_bucket: str = "thatlook"
    """The bucket of the pictures; made where it is missing."""
    s3_secure: bool = True
    """Speak TLS with the S3; a URL's own scheme goes before."""
    max_image_bytes: int = Field(default=20 * 1024 * 1024, ge=1024)
    """Larger photos are refused with 413, before they are decoded."""
    max_image_pixels: int = Field(default=50_000_000, ge=10_000)
    """Photos of more pixels are refused with 413, before they are decoded."""
    budget_s: float = Field(default=5.0, gt=0, le=3600)
    """The time of a search, from the photo's arrival to the answer; callers shorten it with `X-Deadline-Ms`."""
    upload_s: float = Field(default=30.0, gt=0, le=86_400)
    """How long a request's body may take to arrive; then 408."""
    drain_s: float = Field(default=0.0, ge=0, le=600)
    """How long a server or worker that was told to end still answers, while `/readyz` says 503 already."""
    upload_memory_bytes: int = Field(default=256 * 1024 * 1024, ge=32 * 1024 * 1024)
    """What the bodies of all requests under way may hold together."""
    max_feed_bytes: int = Field(default=2 * 1024 * 1024 * 1024, ge=1024)
    """Of a feed that a running server is sent, or fetches."""
    feed_url: SecretStr | None = None
    """A feed that the server fetches by itself; a password in it is sent as Basic and never shown."""
    feed_every: str = "1h"
    """How often it is asked for: `30m`, `6h`, `1d`."""
    feed_name: str | None = None
    """What the feed is called; where it is not set, by its address."""
    feed_prune: bool = False
    """Take out products that left this feed."""
    feed_shop_url: str | None = None
    """The shop's address, for relative links."""
    feed_currency: str | None = None
    """The currency of prices that name none."""
    allowed_hosts: str = ""
    """Names by which the server may be asked beside the one it listens on, separated by commas."""
    allow_image_urls: bool = False
    """Let callers name photos by address (`image_url`), which the server then fetches."""
    allow_private_hosts: bool = False
    """Let pictures and feeds be fetched from addresses of your own network."""
    host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0` for all, which other machines then reach."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 takes any that is free."""
    cors_origins: str = ""
    """Sites whose pages may ask from a browser, such as `https://shop.example`, separated by commas."""
    require_keys: bool | None = None
    """Whether callers need a key; where it is not set, they do if other machines can reach the server."""
    mcp: bool = False
    """Answer agents at `/mcp` (Model Context Protocol); needs the extra `mcp`."""
    ucp: bool = False
    """Answer agents, and say so at `/.well-known/ucp` (Universal Commerce Protocol)."""
    events: bool = False
    """Keep queries and what people did with the answers (`POST /v1/events`), without a photo or a person."""
    events_days: int = Field(default=90, ge=1, le=3_650)
    """How many days events are kept."""
    events_most: int = Field(default=500_000, ge=1_000, le=1_000_000_000)
    """Of queries, and of events, so many are kept at most."""
    rate_limit: str | None = Field(default=None, pattern=r"^[1-9]\d{0,8}/(second|minute|hour|day)$")
    """Requests that one caller may make, such as `600/minute`; none where it is not set."""
    redis_url: SecretStr | None = None
    """`redis://HOST:6379/0` of a Redis or Valkey in which all processes count a caller's requests together; where it is
    not set, each counts by itself. Needs the extra `redis`.
    """
    concurrent_requests: int = Field(default=0, ge=0)
    """Requests of one caller that may be under way at once; 0 sets no bound."""
    catalogue_port: int | None = Field(default=None, ge=1, le=65535)
    """A port of its own for what changes the catalogue; where it is not set, the main one serves it."""
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    """A port of its own for `/metrics`; of a worker, for `/healthz`, `/readyz` and `/metrics`."""
    otel: bool = False
    """Tell OpenTelemetry of requests, stages and calls of the stores; `OTEL_*` say where to (docs/traces.md)."""

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Values without blanks and quotation marks around them; what is empty is not set.

        Kubernetes tells containers of a service called `thatlook` in `THATLOOK_PORT=tcp://…`, which is not ours.
        """
        plain = {name: _bare(value) if isinstance(value, str) else value for name, value in given.items()}
        return {
            name: value
            for name, value in plain.items()
            if value != "" and not (name == "port" and str(value).startswith("tcp://"))
        }

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


def _bare(text: str) -> str:
    """As it is meant in a file whose quotation marks nobody takes off, such as Docker's `--env-file`."""
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


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
        raise QueryRejected(f"The setting {PREFIX}{name} cannot be used: {first['msg']}.") from error
    try:
        home = settings.home.expanduser().resolve()
    except RuntimeError as error:  # No file of users knows this one, as in a container; or links lead in a circle.
        why = str(error).rstrip(".")
        raise QueryRejected(
            f"The home {settings.home} cannot be found ({why}); give a whole path with --home or {PREFIX}HOME."
        ) from error
    return settings.model_copy(update={"home": home})
