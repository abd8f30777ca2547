"""The header by which a caller shortens the time of a search."""

from __future__ import annotations

from typing import Annotated

from litestar.params import HeaderParameter

DeadlineMs = Annotated[
    int | None,
    HeaderParameter(
        name="X-Deadline-Ms",
        schema_extra={"minimum": 1},
        description="The caller's own, shorter deadline in milliseconds.",
    ),
]
