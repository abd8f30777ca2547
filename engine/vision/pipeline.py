"""The way of an image: segment → gate → merge → crop → embed. Ingest and queries share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.domain import SPACES, CollectionSpec, Crop, Embeddings, Garment, GateReport, Pixels, Scene, Space
from engine.seams import ImageEmbedder, PoseEstimator, Segmenter, TextEmbedder
from engine.taxonomy import Taxonomy, collection_name
from engine.vision.crops import cut, main_person, merge_pieces, of_main_person, whole
from engine.vision.gate import judge
from engine.vision.kinds import LearntKinds, doubtful


@dataclass(frozen=True, slots=True, eq=False)
class VisionPipeline:
    """The models and the taxonomy, as one thing that looks at pictures.

    `kinds` says where the semantic embeddings tell kinds of garments, if these do.
    """

    segmenter: Segmenter
    pose: PoseEstimator
    visual: ImageEmbedder
    semantic: ImageEmbedder
    texts: TextEmbedder
    taxonomy: Taxonomy
    kinds: LearntKinds | None = None

    def warm_up(self) -> None:
        """Look at nothing once with every model, so that the first caller does not wait for loading."""
        blank = np.full((64, 64, 3), 200, np.uint8)
        self.scene(blank)
        self.pose.estimate(blank, [(0, 0, 64, 64)])
        self.embed([whole(blank)])
        self.texts.embed_texts(["a red dress"])

    def scene(self, image: Pixels) -> Scene:
        """Garment pieces and people, as detected."""
        return self.segmenter.segment(image)

    def garments(self, image: Pixels, scene: Scene | None = None) -> tuple[Garment, ...]:
        """The main person's garments (all, where nobody is seen), pieces joined, best score first."""
        height, width = image.shape[:2]
        scene = scene or self.scene(image)
        garments = list(merge_pieces(of_main_person(scene, width, height), self.taxonomy))
        unsure = doubtful(garments, scene.people) if self.kinds else []
        if self.kinds and unsure:
            embeddings = self.semantic.embed([cut(image, garments[place]) for place in unsure])
            for place, embedding in zip(unsure, embeddings, strict=True):
                garments[place] = self.kinds.renamed(garments[place], embedding, self.taxonomy)
        return tuple(garments)

    def gate(self, image: Pixels, scene: Scene | None = None) -> GateReport:
        """View and coverage of the main person.

        Where the segmenter saw nobody (legs alone, often) the pose model looks at the whole picture.
        """
        height, width = image.shape[:2]
        people = (scene or self.scene(image)).people
        main = main_person(people, width, height)
        (pose,) = self.pose.estimate(image, [main.box if main else (0.0, 0.0, float(width), float(height))])
        return judge(people, pose, width, height)

    def embed(self, crops: Sequence[Crop]) -> dict[Space, Embeddings]:
        """Both embeddings of every crop, rows in the order of the crops."""
        return {"visual": self.visual.embed(crops), "semantic": self.semantic.embed(crops)}

    def embedder(self, space: Space) -> ImageEmbedder:
        """The model behind a space."""
        return self.visual if space == "visual" else self.semantic

    def collection_specs(self) -> list[CollectionSpec]:
        """The paired collections of every supercategory, as these models need them."""
        return [
            CollectionSpec(collection_name(name, space), embedder.dim, embedder.fingerprint)
            for name in self.taxonomy.supercategories
            for space in SPACES
            for embedder in (self.embedder(space),)
        ]
