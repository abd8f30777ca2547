"""The commands `detect`, `pose`, `models` and `train`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say

if TYPE_CHECKING:
    from engine.vision.pipeline import VisionPipeline
    from models.settings import Settings

Overrides = Mapping[str, Any]
IMAGES = click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="IMAGE…"
)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DRAW = click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for copies with the detections drawn on them.",
)
PROFILE = click.option("--profile", help="Model profile; `starter` unless THATLOOK_PROFILE says otherwise.")


def _pipeline(overrides: Overrides, profile: str | None) -> tuple[VisionPipeline, Settings]:
    from models.bootstrap import build_pipeline
    from models.settings import read_settings

    settings = read_settings({**overrides, **({"profile": profile} if profile else {})})
    return build_pipeline(settings)[0], settings


@click.command()
@IMAGES
@click.option("--everything", is_flag=True, help="Every piece as detected, bystanders' too, nothing merged.")
@PROFILE
@DRAW
@JSON
@click.pass_obj
def detect(
    overrides: Overrides,
    images: tuple[Path, ...],
    everything: bool,
    profile: str | None,
    draw: Path | None,
    as_json: bool,
) -> None:
    """Find the garments of the main person in each IMAGE: class, score, box, outlines."""
    from models import looking
    from models.drawing import draw_garments

    pipeline, settings = _pipeline(overrides, profile)
    forms = []

    def look(picture: looking.Looked) -> None:
        scene = pipeline.scene(picture.pixels)
        seen = scene.garments if everything else pipeline.garments(picture.pixels, scene)
        forms.append(looking.detected(picture, seen, scene.accessories))
        if draw:
            looking.save_drawing(draw, picture.name, draw_garments(picture.pixels, seen))

    pictures = looking.Pictures(images, settings.image_limits)
    pictures.each(look)
    if as_json:
        print_json(forms)
    else:
        plain_console().print(looking.detection_table(forms))
    sys.exit(1 if pictures.refused else 0)


@click.command()
@IMAGES
@PROFILE
@DRAW
@JSON
@click.pass_obj
def pose(overrides: Overrides, images: tuple[Path, ...], profile: str | None, draw: Path | None, as_json: bool) -> None:
    """Show each IMAGE's view and coverage, and whether the gate keeps it as full-shot and front-facing."""
    from models import looking
    from models.drawing import draw_pose

    pipeline, settings = _pipeline(overrides, profile)
    forms = []

    def look(picture: looking.Looked) -> None:
        report = pipeline.gate(picture.pixels)
        forms.append(looking.posed(picture, report))
        if draw:
            looking.save_drawing(draw, picture.name, draw_pose(picture.pixels, report))

    pictures = looking.Pictures(images, settings.image_limits)
    pictures.each(look)
    if as_json:
        print_json(forms)
    else:
        plain_console().print(looking.pose_table(forms))
    sys.exit(1 if pictures.refused else 0)


@click.group()
def models() -> None:
    """List, verify, fetch, import, export and quantise the model files of a profile."""


@models.command("list")
@JSON
@click.pass_obj
def list_models(overrides: Overrides, as_json: bool) -> None:
    """Show every profile that is here, with its models."""
    from models.profiles.inventory import inventory, inventory_table
    from models.settings import read_settings

    entries = inventory(read_settings(overrides).home)
    if as_json:
        print_json(entries)
    else:
        plain_console().print(inventory_table(entries))


@models.command()
@click.argument("profile", required=False)
@JSON
@click.pass_obj
def verify(overrides: Overrides, profile: str | None, as_json: bool) -> None:
    """Check every file of PROFILE (all profiles, if none is named): its fingerprint, and that it runs."""
    from models.profiles.inventory import verify_profiles, verify_table
    from models.runtime import RuntimeOptions
    from models.settings import read_settings

    settings = read_settings(overrides)
    options = RuntimeOptions(runtime=settings.runtime, threads=settings.threads)
    checks = verify_profiles(settings.home, profile, options)
    if as_json:
        print_json(checks)
    else:
        plain_console().print(verify_table(checks))
    sys.exit(0 if checks and all(check.ok for check in checks) else 1)


@models.command()
@click.argument("roles", nargs=-1)
@click.option("--profile", default="standard", show_default=True, help="Profile to fill.")
@click.pass_obj
def fetch(overrides: Overrides, roles: tuple[str, ...], profile: str) -> None:
    """Download official weights (ROLES: pose, visual, semantic; all if none is named) and export them."""
    from models.profiles.fetch import fetch_profile
    from models.settings import read_settings

    fetch_profile(read_settings(overrides).home, profile, roles, plain_console())


@models.command()
@click.argument("role", type=click.Choice(["segmenter", "pose", "visual", "semantic"]))
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.option("--profile", default="standard", show_default=True, help="Profile to put it into.")
@click.option("--classes", help="The segmenter's classes as taxonomy names, by comma, where the checkpoint has others.")
@click.option("--trust", is_flag=True, help="The checkpoint holds more than weights; run its author's code to read it.")
@click.pass_obj
def export(overrides: Overrides, role: str, checkpoint: Path, profile: str, classes: str | None, trust: bool) -> None:
    """Export a CHECKPOINT of a standard architecture to ONNX, for the model ROLE of a profile.

    visual: torchvision's DenseNet121. semantic: open_clip's ViT-B-32. pose: mmpose's HRNet-W32 at 256 x 192.
    segmenter: your own ultralytics YOLO segmenter, whose checkpoint is code: only from someone you trust.
    """
    from models.export.standard import export_checkpoint
    from models.registry import profile_folder
    from models.settings import read_settings

    folder = profile_folder(profile, read_settings(overrides).home)
    names = tuple(name.strip() for name in classes.split(",")) if classes else None
    for spec in export_checkpoint(role, checkpoint, folder, classes=names, trusted=trust):
        say(f"{spec.role}: {folder / spec.file}")


@models.command("import")
@click.argument("source")
@click.option("--text", type=FILE, help="The text tower, where SOURCE is the image tower of a pair of ONNX files.")
@click.option("--profile", default="standard", show_default=True, help="Profile to put it into.")
@click.option("--licence", help="The weights' licence, where their folder does not name it, such as apache-2.0.")
@click.option("--accept-licence", is_flag=True, help="Import weights whose licence is not known to be open.")
@click.option("--resize", type=click.Choice(["own", "squash", "pad", "crop"]), help="How pictures get to its size.")
@click.option("--tokenizer", type=FILE, help="ONNX: a tokenizer.json or a SentencePiece file.")
@click.option("--canonicalize", is_flag=True, help="ONNX: texts in lower case without punctuation, as SigLIP reads.")
@click.option(
    "--size", type=click.IntRange(16, 1024), help="ONNX: side of the pictures, where the file leaves it open."
)
@click.option("--mean", type=(float, float, float), help="ONNX: of RGB in 0–1; 0.5 each unless told.")
@click.option("--std", type=(float, float, float), help="ONNX: of RGB in 0–1; 0.5 each unless told.")
@click.option("--context", type=click.IntRange(2, 1024), help="ONNX: tokens per text, where the file leaves it open.")
@click.option("--pad-id", type=click.IntRange(0), help="ONNX: the token that texts are padded with.")
@JSON
@click.pass_obj
def import_command(
    overrides: Overrides,
    /,
    source: str,
    profile: str,
    licence: str | None,
    accept_licence: bool,
    as_json: bool,
    **told: Any,
) -> None:
    """Take an encoder from outside as the semantic model of a profile: CLIP, SigLIP, SigLIP 2, FashionSigLIP.

    SOURCE is a folder as open_clip or transformers write it, a pair of ONNX files (IMAGE.onnx --text TEXT.onnx, or a
    folder with both), OWNER/NAME[@REVISION] of the Hugging Face hub, or MODEL:WEIGHTS as open_clip names them. It comes
    with its own preprocessing and tokenizer, and is held against the source by value before it is registered. What the
    profile lacks it takes from the starter. Catalogues must be ingested anew: the profile's embeddings are its own.
    """
    from models.export.encoders.importing import import_source
    from models.export.encoders.sources import told_by
    from models.settings import read_settings

    imported = import_source(
        source, told_by(**told), read_settings(overrides).home, profile, licence=licence, accepted=accept_licence
    )
    if as_json:
        print_json(imported)
    else:
        say(imported.in_words())


@models.command()
@click.argument("profile")
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Your own pictures.")
@click.option("--into", help="Profile to write; PROFILE-int8 unless named.")
@click.option("--count", default=240, show_default=True, type=click.IntRange(min=8), help="Pictures to look at.")
@JSON
@click.pass_obj
def quantize(
    overrides: Overrides, profile: str, images: Path | None, into: str | None, count: int, as_json: bool
) -> None:
    """Write PROFILE in int8 as a new profile; models that lose too much by it stay in float.

    Calibrated and judged on pictures of --images, of which a third is held out; on drawn ones if none are given.
    Catalogues must be ingested anew: the new profile's embeddings are its own. Exit status 1 where nothing was gained.
    """
    from engine.taxonomy import load_taxonomy
    from models.export.material import drawn_pictures, pictures_in
    from models.export.quantize import quantize_profile
    from models.export.verdicts import quantized_table
    from models.registry import profile_folder
    from models.runtime import RuntimeOptions, cpu_computes_int8
    from models.settings import read_settings

    settings, console = read_settings(overrides), plain_console()
    limits = settings.image_limits
    verdicts = quantize_profile(
        profile_folder(profile, settings.home),
        profile_folder(into or f"{profile}-int8", settings.home),
        list(pictures_in(images, count, limits, console.print) if images else drawn_pictures(count)),
        taxonomy=load_taxonomy(settings.taxonomy),
        options=RuntimeOptions(runtime=settings.runtime, device="cpu", threads=settings.threads),
        say=console.print,
    )
    if as_json:
        print_json(verdicts)
    else:
        console.print(quantized_table(verdicts))
    if not cpu_computes_int8():
        console.print("This CPU has no int8 instructions (VNNI): the new profile will be little faster here, or none.")
    sys.exit(0 if any(verdict.precision == "int8" for verdict in verdicts) else 1)


class _TrainGroup(click.Group):
    """Training needs the group `train`; its commands are imported when one of them is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the training commands."""
        return self._trainers().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One training command."""
        return self._trainers().get_command(ctx, cmd_name)

    def _trainers(self) -> click.Group:
        group: click.Group = importlib.import_module("models.train.commands").train
        return group


@click.group(cls=_TrainGroup)
def train() -> None:
    """Train the starter models: segmenter, pose, embedder, clip, kinds."""
