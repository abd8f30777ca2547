"""Downloads: resumed, checked against hashes, and refused with the way to do it by hand."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from engine.errors import ModelUnavailable, QueryRejected
from models.borrowing import borrow_segmenter
from models.manifest import load_manifest
from models.profiles.fetch import SOURCES, Source, download, fetch_profile
from tests.fixtures.tiny_models import write_tiny_profile

DATA = bytes(range(256)) * 40
SHA = hashlib.sha256(DATA).hexdigest()
SOURCE = Source("visual", "https://weights.example/net.pth", SHA[:8])


def quiet() -> Console:
    """A console that nobody reads."""
    return Console(file=io.StringIO())


def client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.Client:
    """A client whose server is a function."""
    return httpx.Client(transport=httpx.MockTransport(answer))


def serve(request: httpx.Request) -> httpx.Response:
    """A server that knows ranges."""
    start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    if start >= len(DATA):
        return httpx.Response(416)
    return httpx.Response(206 if start else 200, content=DATA[start:])


def test_a_file_is_downloaded_once(tmp_path: Path) -> None:
    """The second time nothing is asked of the network."""
    path = download(SOURCE, tmp_path, client(serve), quiet())
    assert path.read_bytes() == DATA
    assert not list(tmp_path.glob("*.part"))

    def nobody(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    assert download(SOURCE, tmp_path, client(nobody), quiet()) == path


@pytest.mark.parametrize("done", [1000, len(DATA)])
def test_a_download_goes_on_where_it_was_cut(tmp_path: Path, done: int) -> None:
    """Also where only the renaming was missing."""
    (tmp_path / f"{SOURCE.file}.part").write_bytes(DATA[:done])
    asked = []

    def watch(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Range"))
        return serve(request)

    assert download(SOURCE, tmp_path, client(watch), quiet()).read_bytes() == DATA
    assert asked == [f"bytes={done}-"]


def test_a_server_without_ranges_starts_anew(tmp_path: Path) -> None:
    """A 200 to a range request is the whole file, not its rest."""
    (tmp_path / f"{SOURCE.file}.part").write_bytes(b"x" * 500)
    whole = client(lambda _: httpx.Response(200, content=DATA))
    assert download(SOURCE, tmp_path, whole, quiet()).read_bytes() == DATA


def test_another_file_than_the_official_one_is_removed(tmp_path: Path) -> None:
    """Downloaded or brought by hand."""
    wrong = client(lambda _: httpx.Response(200, content=b"<html>"))
    with pytest.raises(ModelUnavailable, match=f"does not begin with {SHA[:8]}"):
        download(SOURCE, tmp_path, wrong, quiet())
    (tmp_path / SOURCE.file).write_bytes(b"by hand")
    with pytest.raises(ModelUnavailable, match="damaged or is another one"):
        download(SOURCE, tmp_path, wrong, quiet())
    assert [p for p in tmp_path.iterdir() if p.suffix != ".json"] == []


def test_without_a_published_hash_the_first_one_is_kept(tmp_path: Path) -> None:
    """Later downloads must equal the first."""
    source = Source("semantic", "https://weights.example/clip.bin")
    path = download(source, tmp_path, client(serve), quiet())
    path.unlink()
    with pytest.raises(ModelUnavailable, match="SHA-256"):
        download(source, tmp_path, client(lambda _: httpx.Response(200, content=b"new")), quiet())
    assert download(source, tmp_path, client(serve), quiet()).read_bytes() == DATA


def test_without_internet_it_says_what_to_bring_where(tmp_path: Path) -> None:
    """No way there, and a server that refuses."""

    def offline(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known", request=request)

    for answer in (offline, lambda _: httpx.Response(404)):
        with pytest.raises(ModelUnavailable) as caught:
            download(SOURCE, tmp_path, client(answer), quiet())
        assert SOURCE.url in caught.value.message
        assert str(tmp_path / SOURCE.file) in caught.value.message


def test_only_roles_with_official_weights_can_be_fetched(tmp_path: Path) -> None:
    """A usage error before anything is downloaded; the starter is never overwritten."""
    with pytest.raises(QueryRejected, match="choose from visual, pose, semantic"):
        fetch_profile(tmp_path, "standard", ["segmenter"], quiet(), client=client(serve))
    with pytest.raises(QueryRejected, match="comes with thatlook"):
        fetch_profile(tmp_path, "starter", [], quiet(), client=client(serve))
    assert len({source.file for source in SOURCES}) == 3


def test_an_encoder_of_several_files_lies_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """The words beside the weights are of the same pinned revision; the weights have a published hash and a licence."""
    semantic = next(source for source in SOURCES if source.role == "semantic")
    folders = {part.url.rpartition("/")[0] for part in semantic.parts}
    assert folders == {semantic.url.rpartition("/")[0]}
    assert re.search(r"/resolve/[0-9a-f]{40}/", semantic.url)
    assert (len(semantic.sha256), semantic.licence) == (64, "apache-2.0")
    small = Source("semantic", "https://weights.example/owner/name/resolve/abc/net.safetensors", SHA, ("config.json",))
    for part in small.parts:
        download(part, tmp_path, client(serve), quiet())
    there = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert there == ["semantic-name/config.json", "semantic-name/net.safetensors", "sha256.json"]


def test_the_starters_segmenter_stands_in(tmp_path: Path) -> None:
    """Copied and registered once; a profile's own is left alone."""
    starter = write_tiny_profile(tmp_path / "starter")
    standard = tmp_path / "standard"
    standard.mkdir()
    assert borrow_segmenter(standard, starter)
    assert load_manifest(standard).fingerprints["segmenter"] == load_manifest(starter).fingerprints["segmenter"]
    assert not borrow_segmenter(standard, starter)
    assert not borrow_segmenter(tmp_path / "other", tmp_path / "nowhere")
