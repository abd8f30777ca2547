"""Where the console program starts."""

from __future__ import annotations

from thatlook.own_packages import prefer_own_packages


def main() -> None:
    """Run `thatlook` with its own packages, whatever the present folder holds."""
    prefer_own_packages()
    from thatlook.cli import main as run

    run()
