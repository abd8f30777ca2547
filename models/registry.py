"""From the name of a profile to its models, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ModelMismatch, ModelUnavailable
from engine.retrieval.query_vectors import Calibrations
from engine.taxonomy import Taxonomy, load_taxonomy
from engine.vision.kinds import LearntKinds
from engine.vision.pipeline import VisionPipeline
from models.confidence import read_confidences, scored_by
from models.manifest import MANIFEST, ROLES, Manifest, ModelSpec, Role, fingerprint, load_manifest
from models.networks.pose import HeatmapPose
from models.networks.segmenter import YoloSegmenter
from models.networks.semantic import SemanticEmbedder, TextTokenizer
from models.networks.visual import VisualEmbedder
from models.runtime import LazySession, RuntimeOptions, Session, open_session

STARTER = "starter"
WEIGHTS = Path(__file__).parent / "weights"
FIXED_ROWS, FIXED_MOST_BYTES = 4, 32_000_000
"""Of int8 models up to this size a form is compiled for each number of rows up to this: what a photo has garments."""


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """The four models of a profile; `semantic` embeds both crops and texts."""

    profile: str
    segmenter: YoloSegmenter
    pose: HeatmapPose
    visual: VisualEmbedder
    semantic: SemanticEmbedder
    folder: Path
    kinds: LearntKinds | None = None

    def pipeline(self, taxonomy: Taxonomy) -> VisionPipeline:
        """The models at work."""
        return VisionPipeline(
            self.segmenter, self.pose, self.visual, self.semantic, self.semantic, taxonomy, self.kinds
        )

    @property
    def calibrations(self) -> Calibrations:
        """How cosines of these models are to be read, and how sure hits of a score are.

        Raises:
            ModelUnavailable: the profile's tables of confidence cannot be understood.
        """
        read = Calibrations(self.visual.calibration, self.semantic.calibration, self.semantic.text_calibration)
        made_of = scored_by(self.visual.fingerprint, self.semantic.fingerprint, read)
        return replace(read, confidences=read_confidences(self.folder, made_of))


def profile_folder(profile: str, home: Path) -> Path:
    """Where a profile lies: `starter` comes with the package, others live in the home.

    Raises:
        ModelUnavailable: a name that is no plain folder name.
    """
    if not profile or Path(profile).name != profile or profile.startswith("."):
        raise ModelUnavailable(f"{profile!r} cannot name a model profile; use a plain word such as `standard`.")
    return WEIGHTS / profile if profile == STARTER else home / "models" / profile


def profiles(home: Path) -> list[str]:
    """Profiles that have a manifest, `starter` first."""
    found = [STARTER] if (WEIGHTS / STARTER / MANIFEST).is_file() else []
    return found + sorted(path.parent.name for path in (home / "models").glob(f"*/{MANIFEST}"))


def load_models(
    profile: str = STARTER,
    *,
    home: Path,
    options: RuntimeOptions | None = None,
    taxonomy: Taxonomy | None = None,
    lazy: bool = True,
) -> Models:
    """The models of a profile, each file checked against the fingerprint it was registered with.

    Args:
        lazy: load a model into its runtime when it is first asked; files are checked at once all the same.
    Raises:
        ModelUnavailable: the profile, one of its models or its runtime is not there.
        ModelMismatch: a file or its preprocessing is not what was registered.
    """
    return load_folder(profile_folder(profile, home), options=options, taxonomy=taxonomy, lazy=lazy)


def load_folder(
    folder: Path, *, options: RuntimeOptions | None = None, taxonomy: Taxonomy | None = None, lazy: bool = True
) -> Models:
    """The models of a profile that lies anywhere; see `load_models`."""
    manifest = load_manifest(folder)
    marks = {role: verified(folder, manifest, role) for role in ROLES}
    specs = {role: manifest.require(role) for role in ROLES}
    sessions = {role: _session(folder, spec, options or RuntimeOptions(), lazy=lazy) for role, spec in specs.items()}
    texts = specs["semantic_text"]
    if texts.tokenizer is None or texts.context_length is None:
        raise ModelUnavailable(f"The semantic_text model of {folder} names no tokenizer or context; export it again.")
    return Models(
        folder.name,
        YoloSegmenter(specs["segmenter"], sessions["segmenter"], marks["segmenter"], taxonomy or load_taxonomy()),
        HeatmapPose(specs["pose"], sessions["pose"], marks["pose"]),
        VisualEmbedder(specs["visual"], sessions["visual"], marks["visual"]),
        SemanticEmbedder(
            VisualEmbedder(specs["semantic_image"], sessions["semantic_image"], marks["semantic_image"]),
            texts,
            sessions["semantic_text"],
            TextTokenizer.load(folder / texts.tokenizer, texts.context_length, int(texts.extra.get("pad_id", 0))),
        ),
        folder,
        specs["semantic_image"].kinds,
    )


def verified(folder: Path, manifest: Manifest, role: Role) -> str:
    """The fingerprint of a role's model, the one it was registered with.

    Raises:
        ModelUnavailable: the profile has no such model, or its file is missing.
        ModelMismatch: the file or its preprocessing has changed since.
    """
    spec = manifest.require(role)
    found = fingerprint(folder, spec)
    if found != manifest.fingerprints.get(role):
        raise ModelMismatch(
            f"The {role} model {folder / spec.file} is not the one that was registered. "
            f"Restore the file, or export the model again to register it as a new one."
        )
    return found


def _session(folder: Path, spec: ModelSpec, options: RuntimeOptions, *, lazy: bool) -> Session:
    path = folder / spec.file
    fixed = spec.notes.get("precision") == "int8" and path.stat().st_size <= FIXED_MOST_BYTES
    session = LazySession(lambda: open_session(path, replace(options, fixed_rows=FIXED_ROWS) if fixed else options))
    if not lazy:
        session.ready()
    return session
