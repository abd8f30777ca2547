"""Official weights: downloaded with their hashes checked, then exported into a profile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from engine.errors import ModelUnavailable, QueryRejected
from models.borrowing import borrow_segmenter
from models.manifest import file_sha256
from models.registry import STARTER, profile_folder

CHUNK = 1 << 20
RECORD = "sha256.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where official weights lie.

    Attributes:
        role: as `thatlook models export` takes it.
        sha256: the file's hash, or as much of its start as its maker publishes; empty where nobody does:
            then the hash of the first download is recorded, and later ones must equal it.
        beside: further files of the same place, with which it makes a folder for `thatlook models import`.
        licence: of the weights, where they are imported.
    """

    role: str
    url: str
    sha256: str = ""
    beside: tuple[str, ...] = ()
    licence: str | None = None

    @property
    def file(self) -> str:
        """The file's name, also for one that was brought by hand; with its folder's, where it has one."""
        place, _, name = self.url.rpartition("/")
        return f"{self.role}-{place.split('/')[4]}/{name}" if self.beside else f"{self.role}-{name}"

    @property
    def parts(self) -> tuple[Source, ...]:
        """All files to download, this one last."""
        place = self.url.rpartition("/")[0]
        return (*(replace(self, url=f"{place}/{name}", sha256="") for name in self.beside), self)


SOURCES = (
    Source("visual", "https://download.pytorch.org/models/densenet121-a639ec97.pth", "a639ec97"),
    Source(
        "pose",
        "https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/"
        "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth",
        "81c58e40",
    ),
    Source(
        "semantic",
        "https://huggingface.co/Marqo/marqo-fashionSigLIP/resolve/e5619578fd528afa0bf88d8fae37748336a57fa2/"
        "open_clip_model.safetensors",
        "88908200434959fa3154ef79d408aac33341e8797fe5ca8ca6f0463aab32e6b3",
        ("open_clip_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "README.md"),
        "apache-2.0",
    ),
)
"""`semantic` is the best openly licensed encoder of LookBench: fine recall@1 in real street looks 55, where SigLIP 2
B/16 has 52 and CLIP ViT-B/32 22. Its revision is pinned."""


def fetch_profile(
    home: Path,
    profile: str,
    roles: Sequence[str],
    console: Console,
    sources: Sequence[Source] = SOURCES,
    client: httpx.Client | None = None,
) -> None:
    """Download and export official weights; the starter's segmenter stands in where the profile has none.

    There are no official weights of a garment segmenter: `thatlook models export segmenter` takes your own.

    Raises:
        QueryRejected: a role without official weights.
        ModelUnavailable: something could not be downloaded or is not what it should be.
    """
    wanted = _chosen(roles, sources)
    folder = profile_folder(profile, home)
    if profile == STARTER:
        raise QueryRejected("The starter profile comes with thatlook; fetch into another one, such as `standard`.")
    downloads = home / "models" / "downloads"
    with client or httpx.Client(follow_redirects=True, timeout=httpx.Timeout(30, connect=10)) as session:
        files = [[download(part, downloads, session, console) for part in source.parts][-1] for source in wanted]
    from models.export.encoders.importing import import_source
    from models.export.encoders.sources import Told
    from models.export.standard import export_checkpoint

    for source, file in zip(wanted, files, strict=True):
        console.print(f"Exporting {file.name} …")
        if source.beside:
            import_source(str(file.parent), Told(), home, profile, licence=source.licence)
        else:
            export_checkpoint(source.role, file, folder, trusted=bool(source.sha256))
    if borrow_segmenter(folder, profile_folder(STARTER, home)):
        console.print("The segmenter is the starter's; bring your own with `thatlook models export segmenter`.")


def _chosen(roles: Sequence[str], sources: Sequence[Source]) -> list[Source]:
    known = {source.role: source for source in sources}
    for role in roles:
        if role not in known:
            raise QueryRejected(f"There are no official weights for {role!r}; choose from {', '.join(known)}.")
    return [known[role] for role in roles or known]


def download(source: Source, folder: Path, client: httpx.Client, console: Console) -> Path:
    """The file, downloaded unless it is here; one that was cut off is taken up where it ended.

    Raises:
        ModelUnavailable: no way there, a server's refusal, or a file of another hash.
    """
    path, part = folder / source.file, folder / f"{source.file}.part"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        try:
            _receive(source.url, part, client, console)
        except httpx.HTTPError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelUnavailable(
                f"The official weights for {source.role} could not be downloaded: {reason}. Run the command again to "
                f"go on where it ended, or bring the file {source.url} by hand and put it at {path}."
            ) from error
        _check(source, part, folder)
        part.replace(path)
    else:
        _check(source, path, folder)
    return path


def _receive(url: str, part: Path, client: httpx.Client, console: Console) -> None:
    done = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # All of it is here already; the hash tells whether it is whole.
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = done if resumed else 0
        total = int(response.headers.get("Content-Length", 0)) + done
        with part.open("ab" if resumed else "wb") as file, _progress(console) as progress:
            task = progress.add_task(part.stem, total=total or None, completed=done)
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
                progress.advance(task, len(chunk))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
    )


def _check(source: Source, path: Path, folder: Path) -> None:
    """The file has the published hash, or the one that its first download had."""
    record = folder / RECORD
    seen: dict[str, str] = json.loads(record.read_text("utf-8")) if record.exists() else {}
    found = file_sha256(path)
    expected = source.sha256 or seen.get(source.url, "")
    if not found.startswith(expected):
        path.unlink()
        raise ModelUnavailable(
            f"The weights for {source.role} have the SHA-256 {found}, which does not begin with {expected}: "
            f"the file was damaged or is another one. It has been removed; fetch it again from {source.url}."
        )
    if seen.get(source.url) != found:
        record.write_text(json.dumps({**seen, source.url: found}, indent=2) + "\n", "utf-8")
