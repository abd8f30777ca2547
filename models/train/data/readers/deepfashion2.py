"""DeepFashion2 as published: `image/000001.jpg` and `annos/000001.json`, one file per picture.

`pair_id` names the product that a shop's and a customer's photos show together; it keeps them on one side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.train.data.datasets import read_json
from models.train.data.pictures import DatasetUnreadable, size_of
from models.train.data.readers.foreign import GarmentPhoto, polygons_mask


def deepfashion2_photos(root: Path) -> Iterator[GarmentPhoto]:
    """Every annotated picture under `annos/`, in the order of their names.

    Raises:
        DatasetUnreadable: no `annos` folder, or a file that cannot be understood.
    """
    files = sorted((root / "annos").glob("*.json"))
    if not files:
        raise DatasetUnreadable(f"{root} has no annos/*.json: give the folder that holds `annos` and `image`.")
    for file in files:
        yield _photo(file, root / "image" / f"{file.stem}.jpg")


def _photo(file: Path, picture: Path) -> GarmentPhoto:
    size, labels = size_of(picture), read_json(file)
    try:
        items = [item for key, item in labels.items() if key.startswith("item")]
        garments = [(str(i["category_name"]), polygons_mask(i["segmentation"], size)) for i in items]
        return GarmentPhoto(file.stem, picture, f"pair_id/{labels['pair_id']}", garments)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DatasetUnreadable(f"{file} is no annotation of DeepFashion2: {error!r}.") from error
