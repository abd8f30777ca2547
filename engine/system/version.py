"""Which thatlook this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_of_package() -> str:
    """The version that is installed; 0 where none is."""
    try:
        return version("thatlook")
    except PackageNotFoundError:
        return "0"
