"""`thatlook eval`: how good the answers are, one command per subject.

Every command takes `--data DIR` (the folder with ccp, magento_catalog, clothing_dataset, weights, …) and
`--json`: one document `{"task", "profile", "figures", "targets": [{"name", "target", "value", "met"}]}` on stdout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from benchmarks.measured_models import SHIPPED
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json
from models.settings import read_settings

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
DATA = click.option(
    "--data", type=FOLDER, required=True, help="The folder with ccp, magento_catalog and clothing_dataset."
)
PROFILE = click.option(
    "--profile", type=FOLDER, default=SHIPPED, help="A model profile's folder; the shipped one if none is given."
)
SHEET = click.option(
    "--sheet", type=click.Path(file_okay=False, path_type=Path), help="Write pictures of the worst errors here."
)


@click.group(name="eval")
def evaluate() -> None:
    """Measure how good the answers are."""


@evaluate.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder with ccp, magento_catalog and clothing_dataset.",
)
@click.option("-n", "photos", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many photos.")
@JSON
@click.pass_obj
def street(options: dict[str, Any], data: Path, photos: int, as_json: bool) -> None:
    """Real street photos against a real catalogue: products of the right kind for every visible garment?

    The catalogue is ingested into the home first, which takes a while; a second call finds it there.
    """
    from benchmarks.quality.street import evaluate_street, street_report

    cases = evaluate_street(read_settings(options), data, photos)
    report = street_report(cases)
    if as_json:
        print_json(report)
        return
    table = Table("photo", "visible (masks)", "answered", "holds", box=None)
    for case in cases:
        table.add_row(case.photo, ", ".join(case.visible), ", ".join(case.answered), "yes" if case.holds else "NO")
    console = plain_console()
    console.print(table)
    console.print(f"All visible garments answered: {report['photos_holding']} of {report['photos']} photos.")


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
def text(data: Path, profile: Path, sheet: Path | None, as_json: bool) -> None:
    """Words alone: "navy t-shirt" over held-out photos, precision of the best ten."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.report import Report, Target, say
    from benchmarks.quality.retrieval.text import TARGET, WAYS, evaluate_text

    figures = evaluate_text(*open_profile(profile), data, sheet)
    targets = [Target(f"{way}, precision_at_10", TARGET, figures[way]["precision_at_10"]) for way in WAYS]
    rows = {way: figures[way] for way in (*WAYS, "measured_colour", "chance")}
    say(Report("text", profile, figures, targets), rows, as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
def composed(data: Path, profile: Path, sheet: Path | None, as_json: bool) -> None:
    """A photo and words together: "the same item in navy", among the fronts of two catalogues."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.composed import SOURCES, TARGETS, evaluate_composed
    from benchmarks.quality.report import Report, Target, say

    figures = evaluate_composed(*open_profile(profile), data, sheet)
    targets = [
        Target(f"{source}, {way}, {name}", target, figures[source][way][name])
        for source in SOURCES
        for way in ("search_picture", "embedding")
        for name, target in TARGETS.items()
    ]
    rows = {f"{source}: {way}": row for source in SOURCES for way, row in figures[source].items() if way != "gallery"}
    say(Report("composed", profile, figures, targets), rows, as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
def gate(data: Path, profile: Path, sheet: Path | None, as_json: bool) -> None:
    """Which pictures are kept and refused: fronts, backs and details, cropped, empty, several people."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.gate.gate import evaluate_gate, gate_figures, gate_targets, write_sheets
    from benchmarks.quality.report import Report, say

    judged, keypoints = evaluate_gate(open_profile(profile)[0], profile, data)
    figures = gate_figures(judged, keypoints)
    if sheet is not None:
        write_sheets(judged, sheet)
    rows = {**figures["cases"], **{name: figures[name] for name in ("catalogue", "luma", "venia", "full_front")}}
    say(Report("gate", profile, figures, gate_targets(figures)), {**rows, **keypoints}, as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
@click.option(
    "--drawn",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Drawn people of each view, tops and bottoms.",
)
def views(data: Path, profile: Path, sheet: Path | None, as_json: bool, drawn: int) -> None:
    """Precision and recall of front, back, left, right and detail, for tops and bottoms apart."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.gate.views import evaluate_views, view_figures, view_rows, view_targets, write_view_sheet
    from benchmarks.quality.report import Report, say

    told = evaluate_views(open_profile(profile)[0], data, drawn)
    figures = view_figures(told)
    if sheet is not None:
        write_view_sheet(told, sheet)
    say(Report("views", profile, figures, view_targets(figures)), view_rows(figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
@click.option(
    "--split", type=click.Choice(["val", "tune"]), default="val", show_default=True, help="Which of the CCP photos."
)
def segmentation(data: Path, profile: Path, sheet: Path | None, as_json: bool, split: str) -> None:
    """Garments found and cut out: boxes and masks against CCP's labels, beside guessing the usual places."""
    from benchmarks.quality.report import Report, say
    from benchmarks.quality.segmentation.segmentation import evaluate_segmentation, see_photos, table_rows, targets_of
    from benchmarks.quality.segmentation.sheet import write_sheets

    seen = see_photos(profile, data, split)
    figures = evaluate_segmentation(seen, data)
    if sheet is not None:
        write_sheets(sheet, data / "ccp", seen)
    say(Report("segmentation", profile, figures, targets_of(figures)), table_rows(figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
@click.option(
    "--cut", type=click.Choice(["served", "boxes"]), multiple=True, help="How garments are cut; both if none."
)
@click.option("--compare", is_flag=True, help="Train other backbones for a short while and set them side by side.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Crops for --compare; made if absent.")
@click.option("--seconds", type=click.FloatRange(1), default=150.0, show_default=True, help="--compare: CPU time each.")
@click.option("--backbone", "backbones", multiple=True, help="--compare: only DenseNet121 and this one; repeat.")
def retrieval(
    data: Path, profile: Path, sheet: Path | None, as_json: bool, cut: tuple[str, ...], compare: bool, **budget: Any
) -> None:
    """The right product by a photo of its back, of a detail, or of another colour; by each signal and by all."""
    from benchmarks.quality.report import Report, say
    from benchmarks.quality.retrieval.retrieval import CUTS, compare_report, evaluate_retrieval, table_rows, targets

    if compare:
        report, rows = compare_report(profile, data, budget["cache"], budget["seconds"], budget["backbones"])
        say(report, rows, as_json=as_json)
        return
    measured = evaluate_retrieval(data, profile, [name for name in CUTS if not cut or name in cut])
    if sheet is not None:
        from benchmarks.quality.retrieval.sheet import write_errors

        write_errors(sheet / "back_to_front.png", measured.shown, measured.worst)
    report = Report("retrieval", profile, measured.figures, targets(measured.figures))
    say(report, table_rows(measured.figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@JSON
def looks(data: Path, profile: Path, as_json: bool) -> None:
    """Of how many street looks does every garment get something fitting among its first ten hits?"""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.looks import evaluate_looks, table_rows, targets
    from benchmarks.quality.report import Report, say

    figures = evaluate_looks(*open_profile(profile), data)
    say(Report("looks", profile, figures, targets(figures)), table_rows(figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
@click.option("--fit", is_flag=True, help="Write the fitted tables into the profile, whose answers then have them.")
def calibration(data: Path, profile: Path, sheet: Path | None, as_json: bool, fit: bool) -> None:
    """Do hits hold what they promise? Expected calibration error of the same article, by supercategory.

    Fitted on half of the held-out garments, told of the other half and of a shop that no training saw.
    """
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.calibration.calibration import evaluate_calibration, table_rows, targets, write_plot
    from benchmarks.quality.report import Report, say
    from models.confidence import write_confidences

    figures, fitted = evaluate_calibration(*open_profile(profile), data)
    if sheet is not None:
        write_plot(sheet / "reliability.png", figures)
    if fit:
        write_confidences(profile, fitted)
    say(Report("calibration", profile, figures, targets(figures)), table_rows(figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@JSON
def sides(data: Path, profile: Path, as_json: bool) -> None:
    """Does it pay to index a product's other sides (THATLOOK_VIEWS)? Asked from behind, close up, by copies."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.report import Report, say
    from benchmarks.quality.retrieval.sides import evaluate_sides, table_rows

    figures = evaluate_sides(*open_profile(profile), data)
    say(Report("sides", profile, figures, []), table_rows(figures), as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@click.option("--budget", type=click.IntRange(min=1), default=20, show_default=True, help="How many photos to pick.")
@click.option("--curve", is_flag=True, help="Instead, how good a small head becomes by picked and by random labels.")
@click.option("--cache", type=click.Path(file_okay=False, path_type=Path), help="Crops for --curve; made if absent.")
@JSON
def selection(data: Path, profile: Path, budget: int, curve: bool, cache: Path | None, as_json: bool) -> None:
    """Do the photos that `train select` picks hold more mistakes than random ones?"""
    from benchmarks.quality.report import Report, Target, say

    if curve:
        from benchmarks.quality import selection_curve

        measured = selection_curve.curve(selection_curve.read_kinds(data, cache))
        say(Report("selection, curve", profile, measured), selection_curve.table_rows(measured), as_json=as_json)
        return
    from benchmarks.quality.selection import evaluate_selection

    figures = evaluate_selection(profile, data, budget)
    picked = figures["mistakes_per_picked_photo"]
    targets = [Target("more mistakes than 95 % of random picks", figures["random_95_percent"], picked)]
    say(Report("selection", profile, figures, targets), {"CCP validation": figures}, as_json=as_json)


@evaluate.command()
@DATA
@PROFILE
@SHEET
@JSON
@click.option("--part", "parts", multiple=True, help="Only this part; repeat. All parts if none is named.")
def generalise(data: Path, profile: Path, sheet: Path | None, as_json: bool, parts: tuple[str, ...]) -> None:
    """Figures on shops and photos that no training saw: the ones that count."""
    from benchmarks.measured_models import open_profile
    from benchmarks.quality.generalise.generalise import PARTS, all_targets, evaluate_generalise, table_rows
    from benchmarks.quality.report import Report, say

    if unknown := sorted(set(parts) - set(PARTS)):
        raise click.BadParameter(f"{', '.join(unknown)}: the parts are {', '.join(PARTS)}.", param_hint="--part")
    figures = evaluate_generalise(*open_profile(profile), data, parts, sheet)
    say(Report("generalise", profile, figures, all_targets(figures)), table_rows(figures), as_json=as_json)
