"""COCO evaluation with the two further arguments that xtcocotools has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval as _COCOeval


class COCOeval(_COCOeval):
    """pycocotools' evaluation that takes a keypoint set's own sigmas.

    Args:
        sigmas: one per keypoint, how far annotators scatter around it; COCO's seventeen where None.
        use_area: False would scale by the box (CrowdPose); only True is here.

    Raises:
        NotImplementedError: something that only the real xtcocotools can evaluate.
    """

    def __init__(
        self,
        cocoGt: COCO | None = None,  # noqa: N803 - the library's own names
        cocoDt: COCO | None = None,  # noqa: N803
        iouType: str = "keypoints",  # noqa: N803
        sigmas: Sequence[float] | None = None,
        use_area: bool = True,
    ) -> None:
        if iouType not in {"segm", "bbox", "keypoints"} or not use_area:
            raise NotImplementedError(
                f"evaluating {iouType!r} with use_area={use_area} needs the real xtcocotools, see packaging/README.md"
            )
        super().__init__(cocoGt, cocoDt, iouType)
        if sigmas is not None:
            self.params.kpt_oks_sigmas = np.asarray(sigmas, dtype=np.float64)
