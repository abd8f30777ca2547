"""The commands under `thatlook train`: parameters in, one training, its checkpoint and its exported model out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from engine.system.console import plain_console, words
from engine.system.options import JSON
from engine.system.printing import print_json, printable
from models.architectures.accessories import CLASSES
from models.manifest import load_manifest
from models.train.data.commands import train_dataset_command
from models.train.embedding_commands import train_clip_command, train_embedder_command, train_kinds_command
from models.train.selection.commands import accept_command, select_command

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for checkpoints and logs; a stopped training goes on from there.",
)
PROFILE = click.option(
    "--profile",
    "profile",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a model profile to export the result into; nothing is exported without it.",
)
THREADS = click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
SMOKE = click.option("--smoke", is_flag=True, help="A training of seconds on a few photos, to see that all works.")


@click.group()
def train() -> None:
    """Train the starter models: segmenter, pose, embedder, clip, kinds."""


@train.command("segmenter")
@click.option("--ccp", type=FOLDER, help="Clothing Co-Parsing: images, masks, labels, splits.")
@click.option("--add", "more", type=FOLDER, multiple=True, help="A folder that `train dataset` wrote; repeat.")
@click.option("--flat-lays", type=FOLDER, help="Clothing Dataset: images and images.csv.")
@click.option("--people-finder", type=FILE, help="YOLOX weights (ONNX) that find bystanders, to blur them.")
@click.option("--samples", type=FOLDER, help="Shop samples: a folder per shop with images and products.jsonl.")
@click.option(
    "--init",
    type=click.Path(exists=True, path_type=Path),
    help="Profile whose segmenter the training goes on from, or a checkpoint of ultralytics (yolo11n-seg.pt); "
    "else from scratch.",
)
@click.option("--teacher", type=FOLDER, help="Profile whose segmenter labels CCP's tag-only photos where tags agree.")
@click.option("--catalogue", type=FOLDER, help="Magento catalogue, whose Luma pictures the teacher labels too.")
@click.option("--generated", type=click.IntRange(min=0), default=0, show_default=True, help="Studio pictures to draw.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Train by the clock; decides over --epochs.")
@click.option("--epochs", type=click.IntRange(min=1), default=60, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=16, show_default=True)
@click.option(
    "--freeze",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Layers that keep the weights of --init; 10, the backbone, makes an epoch a third cheaper.",
)
@click.option(
    "--keep",
    type=click.FloatRange(min=0, max=1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of the weights of --init that the exported ones keep: less is forgotten.",
)
@click.option("--input-size", type=(int, int), metavar="H W", help="The exported model's input; multiples of 32.")
@click.option(
    "--shift", type=(click.Choice(CLASSES), float), multiple=True, help="Added to a class's log-odds on export."
)
@OUT
@PROFILE
@THREADS
@SMOKE
@JSON
def train_segmenter_command(
    ccp: Path | None,
    more: tuple[Path, ...],
    flat_lays: Path | None,
    people_finder: Path | None,
    samples: Path | None,
    init: Path | None,
    teacher: Path | None,
    catalogue: Path | None,
    generated: int,
    hours: float | None,
    epochs: int,
    batch: int,
    freeze: int,
    keep: float,
    input_size: tuple[int, int] | None,
    shift: tuple[tuple[str, float], ...],
    out: Path,
    profile: Path | None,
    threads: int,
    smoke: bool,
    as_json: bool,
) -> None:
    """Train YOLO11n-seg on labelled photos: CCP with what is made of it, a shop's own, or both.

    With --init it goes on from exported weights, as the shipped ones: `--init models/weights/starter --add MINE`.
    """
    from models.train.data.build import SceneMix
    from models.train.segmenter import training as segmenter

    if input_size is not None and any(side < 64 or side % 32 for side in input_size):
        raise click.BadParameter(f"{input_size} are no multiples of 32 from 64 on.", param_hint="--input-size")
    if (freeze or keep) and init is None:
        raise click.UsageError("--freeze and --keep take the weights of a profile: give --init.")
    if keep and init is not None and init.is_file():
        raise click.UsageError("--keep mixes in an exported segmenter: give --init the folder of its profile.")
    if ccp is None and not more:
        raise click.UsageError("There is nothing to learn from: give --ccp, or --add with a folder of photos.")
    mix = SceneMix(
        ccp, flat_lays, samples, people_finder, teacher=teacher, catalogue=catalogue, generated=generated, more=more,
        limit=8 if smoke else None,
    )  # fmt: skip
    config = (
        segmenter.smoke(mix, out, init)
        if smoke
        else segmenter.planned(mix, out, init, epochs=epochs, hours=hours, batch=batch, threads=threads, freeze=freeze)
    )
    checkpoint = segmenter.train_segmenter(config)
    report: dict[str, Any] = {"checkpoint": str(checkpoint)}
    if profile is not None:
        from models.export.segmenter import SERVED, Kept, export_segmenter

        size = input_size or segmenter.served_size(config)
        kept = Kept(init, keep) if init and keep else None
        thresholds = load_manifest(init).require("segmenter").extra if init and init.is_dir() else SERVED
        spec = export_segmenter(checkpoint, profile, input_size=size, shifts=dict(shift), kept=kept, extra=thresholds)
        report["model"] = str(profile / spec.file)
    _tell(report, as_json)


@train.command("pose")
@click.option("--ccp", type=FOLDER, required=True, help="Clothing Co-Parsing with pose_movenet_pseudo.jsonl.")
@click.option("--catalogue", type=FOLDER, help="Magento catalogue; only its source `luma` is learned from.")
@click.option("--flat-lays", type=FOLDER, help="Clothing Dataset: pictures without people.")
@click.option(
    "--teachers",
    type=(FILE, FILE),
    metavar="PT PT",
    help="Two COCO pose checkpoints of ultralytics that label everybody anew where they agree.",
)
@click.option(
    "--init",
    type=click.Path(exists=True, path_type=Path),
    help="Profile or ONNX file whose pose model the training goes on from; else from scratch.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Train by the clock; decides over --steps."
)
@click.option("--steps", type=click.IntRange(min=1), default=2500, show_default=True)
@click.option("--batch", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), default=0.0015, show_default=True)
@click.option("--hold-back", is_flag=True, help="Leave a quarter of the products out, and log how they fare.")
@click.option(
    "--gain",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="The exported file multiplies heatmaps by it, so that peaks read as scores.",
)
@OUT
@PROFILE
@THREADS
@SMOKE
@JSON
def train_pose_command(
    ccp: Path,
    catalogue: Path | None,
    flat_lays: Path | None,
    teachers: tuple[Path, Path] | None,
    init: Path | None,
    minutes: float | None,
    steps: int,
    batch: int,
    rate: float,
    hold_back: bool,
    gain: float,
    out: Path,
    profile: Path | None,
    threads: int,
    smoke: bool,
    as_json: bool,
) -> None:
    """Train a narrow HRNet on people in street and shop pictures, from a teacher's keypoints.

    It also learns where a person faces: front, back or side, or that there is nobody.
    """
    from models.train.pose import training as pose

    config = (
        pose.smoke(ccp, out)
        if smoke
        else pose.PoseTraining(
            ccp,
            out,
            catalogue,
            flat_lays,
            init,
            steps=steps,
            minutes=minutes,
            batch=batch,
            learning_rate=rate,
            hold_back=hold_back,
            threads=threads,
            teachers=teachers,
        )
    )
    checkpoint = pose.train_pose(config)
    report: dict[str, Any] = {"checkpoint": str(checkpoint)}
    if profile is not None:
        from models.export.pose import export_pose

        report["model"] = str(profile / export_pose(checkpoint, profile, gain=gain).file)
    _tell(report, as_json)


def _tell(report: Mapping[str, Any], as_json: bool) -> None:
    """Say where the results lie: one JSON document on stdout, or a few lines for a person on stderr."""
    if as_json:
        print_json(report)
        return
    console = plain_console()
    for name, value in report.items():
        console.print(words(name, "bold").append(printable(f" {value}"), "not bold"))


train.add_command(train_dataset_command)
train.add_command(train_embedder_command)
train.add_command(train_clip_command)
train.add_command(train_kinds_command)
train.add_command(select_command)
train.add_command(accept_command)
