"""The collector leaves alone what a program has loaded."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from engine.system.garbage import THRESHOLDS, leave_what_is_loaded


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_what_is_loaded_is_left_out_of_later_passes(thresholds: None) -> None:
    """An object that is there is frozen with all others; one that comes later is not."""
    there = [object()]
    leave_what_is_loaded()
    later = [object()]
    watched = {id(each) for each in gc.get_objects()}
    assert id(there) not in watched
    assert id(later) in watched
    assert gc.get_threshold() == THRESHOLDS
