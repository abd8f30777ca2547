"""What is not ready is told by name, the intake that is stuck as well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from api.bootstrap import _readiness
from engine.errors import StoreUnavailable


def parts(**broken: str) -> Any:
    """Parts of which some do not answer."""

    def answer(name: str) -> Any:
        def look(*_: object) -> object:
            if name in broken:
                raise StoreUnavailable(broken[name])
            return None

        return look

    current = SimpleNamespace(
        store=SimpleNamespace(collections=answer("vectors")),
        ledger=SimpleNamespace(get_setting=answer("ledger")),
        objects=SimpleNamespace(exists=answer("pictures")),
    )
    return SimpleNamespace(current=current)


def test_all_that_is_away_is_named() -> None:
    """Each with its reason; nothing where all is well."""
    well, stuck = SimpleNamespace(problem=lambda: None), SimpleNamespace(problem=lambda: "Products wait.")
    assert _readiness(parts(), well)() == {}  # type: ignore[arg-type]
    assert _readiness(parts(ledger="The disk is full."), stuck)() == {  # type: ignore[arg-type]
        "ledger": "The disk is full.",
        "intake": "Products wait.",
    }
