"""Archives of a feed and its pictures: unpacked into their folder and nowhere else, bounded, told in plain words."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from engine.errors import FeedUnreadable
from ingest.jobs import archives
from ingest.jobs.archives import feed_file, is_archive, unpacked


def packed(path: Path, *files: str | zipfile.ZipInfo, data: bytes = b"id,title\n") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file, data)
    return path


def linked(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_feed_beside_its_pictures(tmp_path: Path) -> None:
    """The feed that lies highest; what a Mac adds, and a README, is none. The same picture has the same time again."""
    files = (
        "shop/feed.csv",
        "shop/img/a.png",
        "shop/img/data.json",
        "shop/README.txt",
        "__MACOSX/._feed.csv",
        ".DS_Store",
    )
    path = packed(tmp_path / "a.zip", *files)
    assert is_archive(path)
    feed = unpacked(path, tmp_path / "out")
    assert feed == tmp_path / "out" / "shop" / "feed.csv"
    assert sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file()) == [
        "README.txt",
        "a.png",
        "data.json",
        "feed.csv",
    ]
    first = (tmp_path / "out/shop/img/a.png").stat().st_mtime_ns
    unpacked(packed(tmp_path / "a.zip", *files), tmp_path / "out")
    assert (tmp_path / "out/shop/img/a.png").stat().st_mtime_ns == first


def test_what_is_no_archive_is_left_to_the_reader_of_feeds(tmp_path: Path) -> None:
    """A zip with one file, a workbook, a text; the file itself is given."""
    for path in (packed(tmp_path / "one.zip", "feed.csv"), packed(tmp_path / "b.xlsx", "[Content_Types].xml", "x.xml")):
        assert not is_archive(path)
        with feed_file(path) as found:
            assert found == path
    (tmp_path / "text.csv").write_text("id")
    assert not is_archive(tmp_path / "text.csv")
    assert not is_archive(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("a.png", "b.png"), "no feed"),
        (("a.csv", "b.jsonl", "c.png"), "2 feeds"),
        (("feed.csv", "../../outside.png"), "leads out"),
        (("feed.csv", "/etc/cron.d/x"), "leads out"),
        (("feed.csv", "x\\..\\..\\outside.png"), "leads out"),
        (("feed.csv", "C:\\outside.png"), "leads out"),
        (("feed.csv", linked("a.png")), "link"),
        (("feed.csv", "a.png", "a.png/b.png"), "two files of one name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_refused(tmp_path: Path, files: tuple[str | zipfile.ZipInfo, ...], said: str) -> None:
    """Nothing is written outside the folder."""
    path = packed(tmp_path / "a.zip", *files)
    with pytest.raises(FeedUnreadable, match=said):
        unpacked(path, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*outside*"))


def test_bombs_and_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the archive says of itself, and by what it holds."""
    path = packed(tmp_path / "a.zip", "feed.csv", "a.png", data=bytes(4_000_000))
    monkeypatch.setattr(archives, "RATIO_FROM", 1_000_000)
    with pytest.raises(FeedUnreadable, match="250 times"):
        unpacked(path, tmp_path / "out")
    monkeypatch.setattr(archives, "MAX_FILES", 1)
    with pytest.raises(FeedUnreadable, match="the most is 1"):
        unpacked(path, tmp_path / "out")
    monkeypatch.undo()
    data = bytearray(packed(tmp_path / "b.zip", "feed.csv", "a.png", data=bytes(range(256)) * 40).read_bytes())
    data[60:70] = b"\xff" * 10
    (tmp_path / "b.zip").write_bytes(data)
    with pytest.raises(FeedUnreadable, match="damaged"):
        unpacked(tmp_path / "b.zip", tmp_path / "out")
