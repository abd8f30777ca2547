"""A product that fails in any way at all costs nobody else anything: told, tried again, and in the end left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from engine.domain import Crop, Embeddings, Product, Space
from engine.errors import ModelUnavailable, StoreUnavailable
from engine.seams import IngestState
from ingest.crashes import DEATHS, AtWork
from ingest.images.sources import ImageSources, SourceRules
from ingest.intake import Intake, running_intake
from ingest.pipeline import ingest_feed
from ingest.run import failures
from ingest.run.dependencies import IngestDependencies
from ingest.run.failures import ATTEMPTS, apart
from ingest.run.summary import Summary
from tests.fixtures.catalogue import FakePipeline, picture, row, write_feed
from tests.fixtures.pictures import drawing, exif, file_of

POISON = (1, 2, 3)
"""The colour of the garment on which something fails."""


class Odd(BaseException):
    """What a library should not raise, and does."""


class Poisoned(FakePipeline):
    """Fails on one garment, in one stage."""

    def __init__(self) -> None:
        super().__init__()
        self.at, self.error = "", BaseException()
        self.calls = 0

    def scene(self, image):  # type: ignore[no-untyped-def]
        self._check("scene", image[40, 30])
        return super().scene(image)

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        self.calls += 1
        for crop in crops:
            self._check("embed", crop.pixels[crop.pixels.shape[0] // 2, crop.pixels.shape[1] // 2])
        rows = super().embed(crops)
        if self.at == "nan":
            for i, crop in enumerate(crops):
                if tuple(crop.pixels[crop.pixels.shape[0] // 2, crop.pixels.shape[1] // 2]) == POISON:
                    rows["visual"][i] = np.nan
        return rows

    def _check(self, stage: str, color: Any) -> None:
        if stage == self.at and tuple(color) == POISON:
            raise self.error


@pytest.fixture
def pipeline() -> Poisoned:
    return Poisoned()


@pytest.fixture
def parts(tmp_path: Path, parts: IngestDependencies) -> IngestDependencies:
    (tmp_path / "poison.png").write_bytes(picture(color=POISON))
    for n in range(9):
        (tmp_path / f"g{n}.png").write_bytes(picture(color=(9 * n, 90, 90)))
    return replace(parts, sources=SourceRules(root=tmp_path))


def ingest(parts: IngestDependencies, tmp_path: Path) -> Summary:
    """Nine good products, and a bad one in their midst."""
    rows = [row(f"g{n}") for n in range(9)]
    return ingest_feed(parts, write_feed(tmp_path, [*rows[:4], row("poison"), *rows[4:]]))


def reason(parts: IngestDependencies, product_id: str = "poison") -> str:
    return parts.ledger.get([product_id])[product_id].reason or ""


def fail_on(parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException) -> None:
    """Let one part fail wherever the bad product is among what it is given."""
    owner, name = {"upsert": (parts.store, "upsert"), "put": (parts.objects, "put")}.get(where, (ImageSources, "fetch"))
    real: Callable[..., Any] = getattr(owner, name)

    def sometimes(*given: Any, **named: Any) -> Any:
        told = [item.product_id for item in given[1]] if where == "upsert" else given
        if "poison" in told or "poison.png" in told:
            raise error
        if where == "put" and b"\x01\x02\x03" in given[1]:
            raise error
        return real(*given, **named)

    monkeypatch.setattr(owner, name, sometimes)


ERRORS = [RuntimeError("cuda"), MemoryError(), ZeroDivisionError(), ModelUnavailable("The model failed."), Odd("x")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("stage", ["scene", "embed"])
def test_models_that_fail_on_one_product_fail_on_it_alone(
    parts: IngestDependencies, pipeline: Poisoned, tmp_path: Path, stage: str, error: BaseException
) -> None:
    """The batch that it was in is embedded without it, and its reason is told."""
    pipeline.at, pipeline.error = stage, error
    summary = ingest(parts, tmp_path)
    assert (summary.indexed, summary.failed) == (9, 1)
    assert parts.ledger.get(["poison"])["poison"].state is IngestState.FAILED
    assert summary.products_refused == {reason(parts): 1}
    assert ("not enough memory" if isinstance(error, MemoryError) else "failed") in reason(parts)
    assert parts.ledger.failure_counts() == {reason(parts): 1}


def test_an_embedding_that_is_no_number_is_never_stored(
    parts: IngestDependencies, pipeline: Poisoned, tmp_path: Path
) -> None:
    """It would be near to everything or nothing."""
    pipeline.at = "nan"
    assert (ingest(parts, tmp_path).indexed, parts.store.count("upper_wear_visual")) == (9, 9)
    assert "no number" in reason(parts)


@pytest.mark.parametrize("where", ["upsert", "fetch"])
@pytest.mark.parametrize(
    "error", [OSError("odd"), MemoryError(), StoreUnavailable("It does not take this row.")], ids=str
)
def test_what_cannot_be_fetched_or_written_is_one_products_matter(
    parts: IngestDependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
) -> None:
    """In both collections the others have their rows, and the bad one has none."""
    fail_on(parts, monkeypatch, where, error)
    summary = ingest(parts, tmp_path)
    assert (summary.indexed, summary.failed) == (9, 1)
    assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == 9
    assert parts.ledger.get(["poison"])["poison"].state is IngestState.FAILED
    monkeypatch.undo()
    assert ingest(parts, tmp_path).indexed == 1


@pytest.mark.parametrize("error", [UnicodeError("half a character"), StoreUnavailable("It does not take this.")])
@pytest.mark.parametrize("state", [IngestState.PENDING, IngestState.INDEXED])
def test_what_the_ledger_does_not_take_is_one_products_matter(
    parts: IngestDependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, state: IngestState
) -> None:
    """Neither before its rows are written nor after; the others are recorded."""
    real = parts.ledger.replace

    def sometimes(entries: Sequence[Any], *more: Any, **named: Any) -> frozenset[str]:
        if any(entry.product.product_id == "poison" and entry.state is state for entry in entries):
            raise error
        return real(entries, *more, **named)

    monkeypatch.setattr(parts.ledger, "replace", sometimes)
    summary = ingest(parts, tmp_path)
    assert (summary.indexed, summary.failed) == (9, 1)
    assert parts.ledger.counts()[IngestState.INDEXED] == 9
    monkeypatch.undo()
    assert ingest(parts, tmp_path).indexed == 1


def test_a_models_failure_on_everything_ends_the_run(
    parts: IngestDependencies, pipeline: Poisoned, tmp_path: Path
) -> None:
    """Not a whole catalogue is then called failed: the run says what is wrong, and the next one goes on."""

    def away(*_: object) -> None:
        raise ModelUnavailable("The model file is gone.")

    broken = replace(parts, pipeline=Poisoned())
    broken.pipeline.scene = away  # type: ignore[method-assign, assignment]
    with pytest.raises(ModelUnavailable):
        ingest(broken, tmp_path)
    assert parts.ledger.counts()[IngestState.FAILED] == 0
    assert ingest(parts, tmp_path).indexed == 10


def test_a_product_is_tried_so_often_and_then_waits_for_a_change(
    parts: IngestDependencies, pipeline: Poisoned, tmp_path: Path
) -> None:
    """Every run tells that it failed; a new picture, or new words, are worth a new try."""
    pipeline.at, pipeline.error = "embed", RuntimeError("bad")
    for attempt in range(ATTEMPTS):
        pipeline.calls = 0
        assert (ingest(parts, tmp_path).failed, pipeline.calls > 0) == (1, True), attempt
    pipeline.calls = 0
    summary = ingest(parts, tmp_path)
    assert (summary.failed, summary.unchanged, pipeline.calls) == (1, 9, 0)
    assert summary.products_refused == {reason(parts): 1}
    (tmp_path / "poison.png").write_bytes(picture(color=(7, 7, 7)))
    assert ingest(parts, tmp_path).indexed == 1


def test_what_was_indexed_stays_when_its_new_picture_fails(
    parts: IngestDependencies, pipeline: Poisoned, tmp_path: Path
) -> None:
    """A shop's product does not vanish from searches for a defect of ours."""
    (tmp_path / "poison.png").write_bytes(picture())
    assert ingest(parts, tmp_path).indexed == 10
    pipeline.at, pipeline.error = "embed", RuntimeError("bad")
    (tmp_path / "poison.png").write_bytes(picture(color=POISON))
    summary = ingest(parts, tmp_path)
    assert (summary.failed, summary.unchanged) == (1, 9)
    assert parts.store.count("upper_wear_visual") == 10
    assert "are kept" in reason(parts)


def test_hostile_pictures_in_a_feed_are_their_own_matter(parts: IngestDependencies, tmp_path: Path) -> None:
    """A damaged AVIF is refused by itself; odd EXIF is no matter at all."""
    avif = bytearray(file_of(drawing((64, 96)), "AVIF"))
    avif[-200:-150] = bytes(50)
    avif[avif.find(b"av1C") + 4] ^= 0xFF
    (tmp_path / "avif.png").write_bytes(avif)
    (tmp_path / "exif.png").write_bytes(file_of(drawing((64, 96)), "JPEG", exif=exif(6, (0x0131, 12, 1, b"\0" * 8))))
    feed = write_feed(tmp_path, [row("g1"), row("avif"), row("g2")])
    summary = ingest_feed(parts, feed)
    assert (summary.indexed, summary.refused + summary.failed) == (2, 1)
    assert "damaged" in reason(parts, "avif")


def test_halving_finds_every_culprit() -> None:
    """Order is kept, results of the others come, and each culprit brings its own error."""

    def work(numbers: Sequence[int]) -> list[int]:
        for number in numbers:
            if number % 5 == 3:
                raise ValueError(number)
        return [number * 10 for number in numbers]

    done, lost = apart(list(range(12)), work)
    assert done == [10 * n for n in range(12) if n % 5 != 3]
    assert [(item, str(error)) for item, error in lost] == [(3, "3"), (8, "8")]
    assert apart([], work) == ([], [])


def product(product_id: str) -> Product:
    return Product(product_id, "Shirt", "https://shop.example/", (f"{product_id}.png",), price=10.0)


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment = datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("where", ["embed", "upsert", "fetch"])
def test_the_intake_tries_again_later_and_not_for_ever(
    parts: IngestDependencies, pipeline: Poisoned, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The others are indexed at once; the bad one is tried with growing pauses, so often, also over a restart."""
    clock, tries = Clock(), 0
    if where == "embed":
        pipeline.at, pipeline.error = "embed", RuntimeError("bad")
    else:
        fail_on(parts, monkeypatch, where, RuntimeError("bad"))
    intake = Intake(parts)
    intake._retries.now = clock
    intake.submit([product("poison"), *(product(f"g{n}") for n in range(5))])
    assert intake.work_once() == 6
    counts = parts.ledger.counts()
    assert (counts[IngestState.INDEXED], counts[IngestState.FAILED], counts[IngestState.PENDING]) == (5, 1, 0)
    wait = failures.FIRST_WAIT_S
    for attempt in range(1, ATTEMPTS):
        if attempt == 2:
            intake = Intake(parts)
            intake._retries.now = clock
        clock.forward(0.5 * wait)
        assert intake.work_once() == 0
        clock.forward(wait + 1)
        assert intake.work_once() == 1
        tries += 1
        wait *= failures.LONGER
    clock.forward(10**7)
    assert (intake.work_once(), tries) == (0, ATTEMPTS - 1)
    assert parts.ledger.get(["poison"])["poison"].state is IngestState.FAILED
    pipeline.at = ""
    monkeypatch.undo()
    intake.submit([product("poison")])  # Whoever writes it again wants it to be tried again.
    assert intake.work_once() == 1
    assert parts.ledger.get(["poison"])["poison"].state is IngestState.INDEXED


def test_a_product_on_which_the_program_dies_does_not_kill_it_for_ever(parts: IngestDependencies) -> None:
    """What was at work is tried alone after a crash; who was alone with so many is put off, and the others go on."""
    noted: list[dict[str, int]] = []

    class Watching(Poisoned):
        def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
            noted.append(AtWork(parts.ledger).left())
            return super().embed(crops)

    watched = replace(parts, pipeline=Watching())
    Intake(parts).submit([product("poison"), product("g1"), product("g2")])
    with AtWork(parts.ledger).noted(["poison", "g1"]):  # So a killed program leaves it.
        with running_intake(watched):
            wait_for(lambda: parts.ledger.counts()[IngestState.INDEXED] == 3)
        assert noted == [{"poison": 1}, {"g1": 1}, {"g2": 0}]
        assert AtWork(parts.ledger).left() == {}
    Intake(parts).submit([product("poison"), product("g3")])
    with AtWork(parts.ledger).noted(["poison"], DEATHS), running_intake(watched):
        wait_for(lambda: parts.ledger.counts()[IngestState.PENDING] == 0)
        assert "the program ended each time" in reason(parts)
        assert parts.ledger.get(["g3"])["g3"].state is IngestState.INDEXED


def test_a_slow_picture_server_holds_no_other_product_up(
    parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is indexed while the pictures of others are still to come."""
    from ingest.run import stage_runner

    monkeypatch.setattr(stage_runner, "PATIENCE_S", 0.05)
    real, hang = ImageSources.fetch, Event()

    def slow(self: ImageSources, reference: str) -> bytes:
        if reference == "poison.png":
            hang.wait(20)
        return real(self, reference)

    monkeypatch.setattr(ImageSources, "fetch", slow)
    with running_intake(parts) as intake:
        intake.submit([product("poison"), *(product(f"g{n}") for n in range(5))])
        wait_for(lambda: parts.ledger.counts()[IngestState.INDEXED] == 5)
        assert parts.ledger.counts()[IngestState.PENDING] == 1
        hang.set()
        wait_for(lambda: parts.ledger.counts()[IngestState.INDEXED] == 6)


def test_a_failure_that_nobody_foresaw_is_still_one_products(
    parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one in the middle of the machinery, with whichever product it comes."""
    from ingest.run import stage_runner

    real = stage_runner.StageRunner.take

    def odd(self: stage_runner.StageRunner, diffs: Sequence[Any]) -> None:
        if any(diff.product.product_id == "poison" for diff in diffs):
            raise KeyError("surprise")
        real(self, diffs)

    monkeypatch.setattr(stage_runner.StageRunner, "take", odd)
    intake = Intake(parts)
    intake.submit([product("poison"), product("g1"), product("g2")])
    assert intake.work_once() == 3
    assert parts.ledger.counts()[IngestState.INDEXED] == 2
    assert "surprise" in reason(parts)


def test_a_store_that_is_away_is_told_until_it_is_back(
    parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`problem` says why nothing is indexed; nobody's attempts are used up by that."""
    from ingest import intake as intake_module

    monkeypatch.setattr(intake_module, "RETRY_S", 0.01)
    intake = Intake(parts)
    with monkeypatch.context() as away:

        def no_store(*_: object) -> None:
            raise StoreUnavailable("The store is away.")

        away.setattr(parts.store, "upsert", no_store)
        intake.submit([product("g1")])
        intake.start()
        wait_for(lambda: intake.problem() is not None)
        assert "The store is away." in (intake.problem() or "")
        assert parts.ledger.counts()[IngestState.PENDING] == 1
    wait_for(lambda: parts.ledger.counts()[IngestState.INDEXED] == 1 and intake.problem() is None)
    intake.close()


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)
