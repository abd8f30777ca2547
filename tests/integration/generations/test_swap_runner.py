"""Changes in the background of a server: gone on with after a restart, one at a time, told how they stand."""

from __future__ import annotations

import time

import pytest

from engine.errors import QueryRejected
from ingest.generations.runner import SwapRunner, running_swaps
from ingest.generations.swap import SwapRefused
from tests.fixtures.fake_generations import Shop


def ended(runner: SwapRunner) -> None:
    end = time.monotonic() + 60
    while runner.under_way:
        assert time.monotonic() < end, runner.status()
        time.sleep(0.05)


def test_a_server_goes_on_with_what_was_cut_off(shop: Shop) -> None:
    """A change that was begun, and a former generation that was being dropped, are ended after the start."""
    shop.swap._collect(shop.swap.begin("other"))
    with running_swaps(shop.swap) as runner:
        ended(runner)
        status = runner.status()
        assert (status["serving"], status["error"], status["under_way"]) == (2, None, False)
        assert [(g["number"], g["profile"], g["state"]) for g in status["generations"]] == [
            (1, "tiny", "kept"),
            (2, "other", "serving"),
        ]
        runner.ask("rollback")
        ended(runner)
        assert shop.live.current.generation == 1
        runner.ask("drop")
        assert [g["number"] for g in runner.status()["generations"]] == [1]


def test_one_change_at_a_time(shop: Shop) -> None:
    """Another one is refused while the first is under way; a cancelled one leaves nothing; nonsense is told."""
    with running_swaps(shop.swap) as runner:
        with shop.intake.writer.paused():  # Nothing can be written, so that it is under way for as long as we like.
            runner.ask("swap", "other")
            with pytest.raises(SwapRefused, match="under way"):
                runner.ask("rollback")
            shop.swap.stopping.set()
        ended(runner)
        runner.ask("cancel")
        assert shop.rows(2) == {}
        with pytest.raises(QueryRejected, match="no change 'dance'"):
            runner.ask("dance")
        with pytest.raises(SwapRefused, match="not a former one"):
            runner.ask("drop", number=7)
        assert runner.status()["serving"] == 1


def test_why_a_change_did_not_come_about_is_told(shop: Shop) -> None:
    """The error stands in the status, and what served goes on."""
    for key in list(shop.parts().objects.keys())[:5]:
        shop.parts().objects.delete([key])
    with running_swaps(shop.swap) as runner:
        runner.ask("swap", "other")
        ended(runner)
        assert "would be lost" in runner.status()["error"]
        assert runner.status()["serving"] == 1
