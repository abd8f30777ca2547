"""The COCO annotation reader."""

from pycocotools.coco import COCO

__all__ = ["COCO"]
