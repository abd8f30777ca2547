"""The application: routes, limits, problems and middleware, around services that `build` makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from litestar import Litestar, Router
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.types import ASGIApp, ControllerRouterHandler

from api.catalogue_metrics import CatalogueMetrics
from api.context import RequestContext
from api.description.documentation import configuration
from api.ending import Ending
from api.http.addresses import decoded_addresses, refuse_unknown_parameters
from api.http.hosts import checked_hosts
from api.http.methods import complete_options, heads
from api.http.metrics import Metrics
from api.http.middleware import request_middleware
from api.http.ports import parted_ports
from api.http.uploads import UploadMemory, bounded_uploads
from api.keys.access import bounded_callers, caller_of, require_key
from api.keys.shared_counts import shared_counts
from api.problems import HANDLERS
from api.routes.agents import Agents, call_tool
from api.routes.batch import search_batch
from api.routes.changes import change, change_several, delete_several, get_several
from api.routes.events import clicks, no_match, take_events
from api.routes.export import export_embeddings, export_products
from api.routes.facets import facets
from api.routes.feed_jobs import FeedJobController
from api.routes.images import read_image
from api.routes.ingest import IngestController
from api.routes.operation import backup, change_generations, healthz, metrics, readyz, show_generations
from api.routes.page import page_routes
from api.routes.product_pictures import ProductPictureController
from api.routes.products import ProductController
from api.routes.reference import reference_routes
from api.routes.search import SearchController
from api.services import Build, Limits
from engine.errors import QueryRejected
from engine.system.version import version_of_package

FORM_ROOM_BYTES = 1024 * 1024
"""For what a form has beside its file."""
_COMPRESSION = CompressionConfig(
    "gzip",
    minimum_size=2_048,
    gzip_compress_level=4,
    exclude=["^/v1/images/", "^/metrics$", "^/docs/", "^/v1/export/embeddings$"],
)


def create_app(
    build: Build, limits: Limits | None = None, *, ending: Ending | None = None, metrics_folder: Path | None = None
) -> Litestar:
    """Make the application.

    Args:
        build: makes an async context manager that yields the services; entered when the
            application starts, left when it stops.
        limits: what one caller may ask.
        ending: hears when the server is told to end.
        metrics_folder: where the processes of one server count together.
    """
    limits, ending = limits or Limits(), ending or Ending()
    counted = Metrics(metrics_folder)

    @asynccontextmanager
    async def open_context(app: Litestar) -> AsyncIterator[None]:
        async with build() as services:
            context = RequestContext(services, limits, counted, ending)
            counted.read(CatalogueMetrics(services, version_of_package()))
            app.state.context = context
            try:
                async with agents.running() if agents else nullcontext():
                    yield
            finally:
                await asyncio.to_thread(context.close)

    agents = _agents(limits, lambda: app.state.context)
    app = Litestar(
        route_handlers=[*(agents.routes() if agents else []), *_routes(limits)],
        lifespan=[open_context],
        dependencies={"context": Provide(_the_context, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        cors_config=_cross_origin(limits),
        compression_config=_COMPRESSION,
        guards=[require_key],
        middleware=_rate_limits(limits),
        stores={"rate_limit": shared_counts(limits.redis_url)} if limits.rate and limits.redis_url else None,
        request_max_body_size=limits.max_products_bytes,
        before_request=refuse_unknown_parameters,
        openapi_config=configuration(version_of_package()),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = _guarded(app, limits, counted, ending)
    return app


def _routes(limits: Limits) -> list[ControllerRouterHandler]:
    """Everything that is answered, tools for agents apart."""
    feed_body_bytes = limits.max_feed_bytes + FORM_ROOM_BYTES
    return [
        Router(
            "/",
            route_handlers=[SearchController, search_batch, call_tool],
            request_max_body_size=limits.max_search_body_bytes,
        ),
        *(facets, export_products, export_embeddings),
        *(take_events, no_match, clicks),
        *(ProductController, change, change_several, get_several, delete_several, ProductPictureController),
        IngestController,
        Router("/", route_handlers=[FeedJobController], request_max_body_size=feed_body_bytes),
        *(read_image, healthz, readyz, metrics),
        *page_routes(limits),
        *reference_routes(),
        *(backup, change_generations, show_generations),
    ]


def _guarded(app: Litestar, limits: Limits, counted: Metrics, ending: Ending) -> ASGIApp:
    """What every request goes through; Litestar's own middleware does not see those that no route takes."""
    memory = UploadMemory(limits.upload_memory_bytes)
    counted.watch_uploads(lambda: memory.held_bytes)
    inner = bounded_uploads(heads(complete_options(app, app.asgi_handler)), memory, limits.upload_s)
    bounded = bounded_callers(parted_ports(decoded_addresses(inner), limits.ports), limits.concurrent)
    return request_middleware(checked_hosts(bounded, limits.allowed_hosts, limits.origins), counted, ending)


def _agents(limits: Limits, context: Callable[[], RequestContext]) -> Agents | None:
    """The tools for agents, where they are switched on.

    Raises:
        QueryRejected: their package is not installed.
    """
    if not limits.mcp:
        return None
    try:
        return Agents(limits, version_of_package(), context)
    except ImportError as error:
        raise QueryRejected("THATLOOK_MCP needs the extra `mcp`: pip install 'thatlook[mcp]'.") from error


def _cross_origin(limits: Limits) -> CORSConfig | None:
    """What browsers are told of other sites' pages; nothing, unless an operator lists sites."""
    if not limits.origins:
        return None
    return CORSConfig(
        allow_origins=list(limits.origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            "X-Api-Key",
            "X-Deadline-Ms",
        ],
        expose_headers=["ETag", "Retry-After", "Server-Timing", "X-Request-Id"],
    )


def _rate_limits(limits: Limits) -> list[DefineMiddleware]:
    """Litestar's, for each key, or address without one; health and metrics are never refused."""
    if limits.rate is None:
        return []
    config = RateLimitConfig(limits.rate, exclude=["^/healthz$", "^/readyz$", "^/metrics$"])
    config.identifier_for_request = caller_of
    return [config.middleware]


def _the_context(state: State) -> RequestContext:
    context: RequestContext = state.context
    return context
