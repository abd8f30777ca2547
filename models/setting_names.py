"""Variables of the environment that look like settings and are none: slips are told, with what may be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from models.settings import PREFIX, Settings

OTHERS = frozenset({"DEBUG", "KEY", "BIND", "FEED", "FEEDS", "NAME", "WORKERS", "QUEUE_DSN"})
"""Names that the program, its containers and callers of the API know beside the settings."""
_KUBERNETES = re.compile(r"(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT_\d+_(?:TCP|UDP)(?:_\w+)?)")
"""What Kubernetes tells containers of services called `thatlook` or `thatlook-…`."""


def unknown_settings(environment: Iterable[str]) -> Iterator[str]:
    """A sentence for each name that begins as settings do and is none."""
    known = {name.upper() for name in Settings.model_fields}
    for variable in sorted(environment):
        name = variable.removeprefix(PREFIX)
        if name == variable or name.upper() in known | OTHERS or _KUBERNETES.fullmatch(name):
            continue
        close = get_close_matches(name.upper(), sorted(known), 1, 0.75)
        meant = f"; is {PREFIX}{close[0]} meant?" if close else "; `thatlook settings` shows those there are."
        yield f"{variable} is no setting{meant}"
