"""The shared parts: what is kept in the home for a quicker start, and what is warm when they are handed out."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.errors import ModelUnavailable
from models import bootstrap
from models.bootstrap import build_pipeline, hold_home, open_parts
from models.compiled import seal_of
from models.manifest import MANIFEST, load_manifest, register
from models.settings import Settings
from tests.fixtures.tiny_models import write_tiny_profile


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_tiny_profile(tmp_path / "models" / "tiny")
    return settings_of(tmp_path)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose models are compiled once; they are kept for this very path, so no copy of them would do."""
    home = tmp_path_factory.mktemp("compiled")
    write_tiny_profile(home / "models" / "tiny")
    return settings_of(home)


def settings_of(home: Path) -> Settings:
    return Settings(home=home, profile="tiny", threads=1)


def kept(settings: Settings) -> list[Path]:
    return sorted((settings.home / "cache" / "models").glob("*/*.blob"))


def test_compiled_models_are_kept_until_the_profile_changes(settings: Settings) -> None:
    """The same folder for the same manifest; another manifest's folder takes its place."""
    for _ in range(2):
        build_pipeline(settings)[0].warm_up()
        before = kept(settings)
        assert len(before) == 5
    manifest = settings.home / "models" / "tiny" / MANIFEST
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    build_pipeline(settings)[0].warm_up()
    assert len(kept(settings)) == 5
    assert not set(before) & set(kept(settings))


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "a folder", "the seal is gone"])
def test_a_damaged_compiled_model_is_compiled_anew(compiled: Settings, damage: str) -> None:
    """It would compute other numbers without a word; the others are kept as they are."""
    build_pipeline(compiled)[0].warm_up()
    first, *others = kept(compiled)
    whole, data = {path: path.stat().st_mtime_ns for path in others}, bytearray(first.read_bytes())
    first.chmod(0o600)
    data[len(data) // 2] ^= 1
    if damage == "a folder":
        first.unlink()
        first.mkdir()
    elif damage == "the seal is gone":
        seal_of(first.parent).unlink()
        whole = {}
    else:
        first.write_bytes({"flipped": data, "cut": data[:-7], "emptied": b""}[damage])
    before = first.stat().st_mtime_ns
    build_pipeline(compiled)[0].warm_up()
    assert first.is_file()
    assert first.stat().st_mtime_ns > before
    assert {path: path.stat().st_mtime_ns for path in whole} == whole
    assert len(kept(compiled)) == 5


def test_nothing_is_kept_where_that_is_not_wanted(settings: Settings) -> None:
    """THATLOOK_MODEL_CACHE=0, and a home without such a profile, leave no folder behind."""
    build_pipeline(settings.model_copy(update={"model_cache": False}))[0].warm_up()
    with pytest.raises(ModelUnavailable, match="no model profile"):
        build_pipeline(settings.model_copy(update={"profile": "absent"}))
    assert not (settings.home / "cache").exists()


def test_warm_parts_have_their_models_loaded(settings: Settings) -> None:
    """A server that says it is ready loads nothing at the first request, and the loading thread is gone."""
    with open_parts(settings, warm=True) as parts:
        assert len(kept(settings)) == 5
        assert parts.thatlook.result_cache is not None
        assert not [t for t in threading.enumerate() if t.name.startswith("start") and t.is_alive()]
    with open_parts(settings.model_copy(update={"photo_memory_bytes": 0})) as parts:
        assert parts.thatlook.result_cache is None


def test_a_model_that_does_not_load_is_told_at_the_start(settings: Settings) -> None:
    """What goes wrong beside the stores' opening is raised like everything else, and the home is free again."""
    folder = settings.home / "models" / "tiny"
    (folder / "visual.onnx").write_bytes(b"not a model")
    register(folder, load_manifest(folder).require("visual"))
    with pytest.raises(ModelUnavailable, match=r"visual\.onnx"), open_parts(settings, warm=True):
        pass
    with hold_home(settings.home):
        pass


@pytest.mark.parametrize(("granted", "threads"), [(2, 2), (64, None)])
def test_models_get_no_more_threads_than_a_container_grants(
    monkeypatch: pytest.MonkeyPatch, granted: int, threads: int | None
) -> None:
    """Sixty-four threads on two processors' time would wait for each other; without a quota the runtime decides."""
    monkeypatch.setattr(bootstrap, "available_cpus", lambda: granted)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert bootstrap._granted_threads() == threads
